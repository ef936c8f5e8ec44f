"""Something to do again and again for as long as the server runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from app.clock import Clock
from app.db import Database, DatabaseUnavailable
from app.ids import new_id
from app.observability import logs
from app.schedule import leases

log = logs.get("prome.schedule")
Work = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Job:
    name: str
    every_seconds: float
    work: Work


class Schedule:
    """Runs each job at once and then at its interval; a failure is logged and the job goes on."""

    def __init__(self, db: Database, clock: Clock, jobs: list[Job]) -> None:
        self._db, self._clock, self._jobs = db, clock, jobs
        self._me = new_id("wrk")
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._repeat(job), name=job.name) for job in self._jobs]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _repeat(self, job: Job) -> None:
        while True:
            try:
                if await self._is_mine(job):
                    await job.work()
            except DatabaseUnavailable:
                log.warning("job_waits_for_the_database", job=job.name)
            except Exception as error:
                log.error("job_failed", job=job.name, exc_info=error)
            await asyncio.sleep(job.every_seconds)

    async def _is_mine(self, job: Job) -> bool:
        """The lease outlives two missed turns, so a short pause of its holder does not make it change hands."""
        lifetime = timedelta(seconds=job.every_seconds * 3)
        async with self._db.begin() as session:
            return await leases.take(session, job.name, self._me, self._clock.now(), lifetime)

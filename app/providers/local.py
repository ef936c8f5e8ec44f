"""The built-in model: a small one in a process of its own, which is started when somebody asks and again if it dies."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from app.observability import logs
from app.providers import assets
from app.providers.guards import Guards
from app.providers.openai_compatible import OpenAICompatible
from app.providers.provider import Ask, Hear, Part, Pause, ProviderBusy, ProviderFailed, ProviderTimeout
from app.settings import Settings

LOCAL = "local"
START_SECONDS_MAX = 30
END_SECONDS_MAX = 2
DEATH_IS_KNOWN_SECONDS = 0.3
# Four are answered at once and the rest wait; more would wait longer than anybody likes.
REPLIES_MAX, RETRY_AFTER_SECONDS = 6, 10
# So small a model wanders off at the usual temperature and repeats itself at a low one.
SAMPLING: Mapping[str, Any] = {"temperature": 0.2, "top_p": 0.9, "repeat_penalty": 1.05}

# Run as a file, so that no other `app` that lies about where the service was started is taken for ours.
SERVER = Path(__file__).with_name("local_server.py")

log = logs.get("prome.local")


def local_from(settings: Settings) -> dict[str, LocalModel]:
    """By name, and only if it can answer here."""
    if lacking(settings):
        return {}
    return {LOCAL: LocalModel(Path(settings.assets_dir) / assets.MODEL_FILE, Guards.of(settings))}


def lacking(settings: Settings) -> str:
    """What it would take to use it here; empty when nothing is missing."""
    if settings.local_model == "off":
        return "LOCAL_MODEL is off"
    if not assets.built_in_model_can_run():
        return "not installed: `pip install prome[local]`"
    if assets.missing(Path(settings.assets_dir), assets.BUILT_IN_MODEL):
        return f"no {assets.MODEL_FILE} in {settings.assets_dir}: `prome assets`"
    return ""


class LocalModel:
    name = LOCAL

    def __init__(self, model_file: Path, guards: Guards) -> None:
        self._model_file, self._guards = model_file.resolve(), guards
        self._replies = 0
        self._child: Child | None = None
        self._starting: asyncio.Task[Child] | None = None

    async def reply(self, ask: Ask, hear: Hear) -> None:
        if self._replies >= REPLIES_MAX:
            raise ProviderBusy(
                "too many replies at once", retry_after_seconds=RETRY_AFTER_SECONDS, provider_is_ill=False
            )
        self._replies += 1
        try:
            await self._ask(ask, hear)
        finally:
            self._replies -= 1

    async def _ask(self, ask: Ask, hear: Hear) -> None:
        """One that died since it was last asked is started again for this very question."""
        has_spoken = False

        def hear_first(part: Part) -> Pause | None:
            nonlocal has_spoken
            has_spoken = True
            return hear(part)

        for is_last_try in (False, True):
            child = await self._running()
            try:
                await child.upstream.reply(ask, hear_first)
                return
            except ProviderFailed:
                if has_spoken or is_last_try or not await child.has_died():
                    raise

    async def warm_up(self) -> None:
        """Starts it before anybody asks. One that cannot start is logged, and tried again by whoever asks."""
        with suppress(ProviderFailed):
            await self._running()

    async def close(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        if self._child is not None:
            await self._child.end()

    async def _running(self) -> Child:
        """Many may wait for one start, and one of them who leaves does not end it for the others."""
        if self._child is not None and self._child.is_alive:
            return self._child
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(_look_at_the_end)
        return await asyncio.shield(self._starting)

    async def _start(self) -> Child:
        if self._child is not None:
            log.warning("local_model_died", exit_code=self._child.process.returncode)
            await self._child.end()
        self._child = await Child.start(self._model_file, self._guards)
        log.info("local_model_runs", pid=self._child.process.pid)
        return self._child


class Child:
    """The process, and the way to talk to it."""

    def __init__(self, process: Process, upstream: OpenAICompatible) -> None:
        self.process, self.upstream = process, upstream

    @classmethod
    async def start(cls, model_file: Path, guards: Guards) -> Child:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", SERVER, model_file,
            stdin=PIPE, stdout=PIPE, stderr=PIPE, env=_environment(),
        )  # fmt: skip
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                base_url, key = await _first_line(process)
        except BaseException as error:
            await _kill(process)
            if isinstance(error, TimeoutError):
                raise ProviderTimeout("the built-in model takes too long to start") from None
            raise
        upstream = OpenAICompatible(LOCAL, base_url, key, guards, SAMPLING)
        return cls(process, upstream)

    @property
    def is_alive(self) -> bool:
        return self.process.returncode is None

    async def has_died(self) -> bool:
        """A connection breaks a moment before the end of the process behind it is known."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), DEATH_IS_KNOWN_SECONDS)
        return not self.is_alive

    async def end(self) -> None:
        await self.upstream.close()
        await _end(self.process)


def _environment() -> dict[str, str]:
    """The engine's threads sleep while they wait for each other, beside a web server that wants the cores."""
    return {**os.environ, "OMP_WAIT_POLICY": "passive"}


async def _first_line(process: Process) -> tuple[str, str]:
    assert process.stdout is not None
    assert process.stderr is not None
    line = await process.stdout.readline()
    if not line:
        said = (await process.stderr.read()).decode(errors="replace").strip().splitlines()
        why = said[-1] if said else f"exit code {await process.wait()}"
        log.error("local_model_does_not_start", reason=why)
        raise ProviderFailed("the built-in model does not start")
    where = orjson.loads(line)
    return where["base_url"], where["api_key"]


async def _end(process: Process) -> None:
    """It ends when its standard input does; one that hangs is killed."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), END_SECONDS_MAX)
    except TimeoutError:
        await _kill(process)


async def _kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def _look_at_the_end(starting: asyncio.Task[Child]) -> None:
    """Whoever waited for it has the error; when nobody did, it is not one that nobody looked at."""
    if not starting.cancelled():
        starting.exception()

"""What every command needs: settings that are safe, a database that is up to date, and a way to speak and to stop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeVar

import typer

from app import migrations
from app.clock import SystemClock
from app.main import build
from app.services import Services
from app.settings import Settings, UnsafeSettings, read_settings

Result = TypeVar("Result")


def settings_or_stop(**overrides: Any) -> Settings:
    try:
        return read_settings(**overrides)
    except UnsafeSettings as error:
        stop(str(error))


def be_migrated(settings: Settings) -> None:
    found, newest = known_revision(settings), migrations.head()
    if found == newest:
        return
    if settings.in_production:
        stop(f"The database is at {found or 'nothing'}, this version needs {newest}. Run `prome migrate up` first.")
    asyncio.run(migrations.upgrade(settings.database_url))


def known_revision(settings: Settings) -> str | None:
    """Where the database is, which is nowhere that only a newer version knows."""
    found, newest = asyncio.run(migrations.current(settings.database_url)), migrations.head()
    if found and not migrations.knows(found):
        stop(f"The database is at {found}, which a newer version of Prome made; this one knows up to {newest}.")
    return found


def with_services(work: Callable[[Services], Awaitable[Result]], *, makes_database: bool = False) -> Result:
    """Whoever puts in the first account may make the database for it; any other command that finds none looks in the
    wrong place.
    """
    settings = settings_or_stop()
    if not makes_database and not migrations.is_there(settings.database_url):
        file = settings.database_url.partition(":///")[2]
        stop(f"There is no database at {file}. Run this where your `.env` is, or set DATABASE_URL.")
    be_migrated(settings)

    async def run() -> Result:
        its = build(settings, SystemClock())
        await its.db.open()
        try:
            return await work(its)
        finally:
            its.passwords.close()
            await its.shop.gateway.close()
            await its.db.close()

    return asyncio.run(run())


def say(words: str) -> None:
    sys.stdout.write(words + "\n")
    # What goes into a pipe would else come when the command ends, which a server never does.
    sys.stdout.flush()


def stop(words: str) -> NoReturn:
    sys.stderr.write(words + "\n")
    raise typer.Exit(1)

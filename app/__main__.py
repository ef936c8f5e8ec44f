"""The `prome` command, which is also `python -m app`."""

from __future__ import annotations

import asyncio
import getpass
import signal
import socket
import sqlite3
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
import uvicorn
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from app import doctor, migrations, operator
from app.db import Database, DatabaseInUse
from app.edge.wire import GuardedProtocol
from app.errors import AppError
from app.observability import logs
from app.providers import assets
from app.providers.catalogue import Catalogue
from app.settings import Settings, UnsafeSettings
from app.shell import be_migrated, known_revision, say, settings_or_stop, stop, with_services
from app.stripe_sandbox import standing

cli = typer.Typer(
    help="Prome: chat that is metered by the token.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
KEEP_ALIVE_SECONDS = 30
# Replies have had their time before this begins; what is left is a request or two.
CLOSING_SECONDS = 1
# A worker that does not answer its parent for so long is started anew; a busy machine needs long enough to start one.
SILENT_SECONDS_MAX = 60
CONNECTIONS_WAITING_MAX = 2048
# What an operator can mend and needs no traceback for.
DATABASE_TROUBLE = (sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError, SQLAlchemyError, CommandError)


class Billing(StrEnum):
    RECONCILE = "reconcile"


class Direction(StrEnum):
    UP, DOWN, CURRENT = "up", "down", "current"


@cli.command()
def serve() -> None:
    """Starts the service. In development the database is brought up to date first."""
    settings = settings_or_stop()
    logs.configure(settings)
    # Said once here, and not by every server process for itself.
    Catalogue.read(settings.catalogue)
    asyncio.run(_be_the_only_one(settings))
    _require_free_port(settings.host, settings.port, "See HOST and PORT.")
    be_migrated(settings)
    # uvicorn sends itself the signal again when it has stopped; having been asked to stop is no failure.
    signal.signal(signal.SIGTERM, lambda *_: None)
    uvicorn.run(
        "app.main:from_environment",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=GuardedProtocol,
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=CLOSING_SECONDS,
        timeout_worker_healthcheck=SILENT_SECONDS_MAX,
        backlog=CONNECTIONS_WAITING_MAX,
    )


@cli.command()
def migrate(
    direction: Annotated[Direction, typer.Argument(help="up, down or current")] = Direction.UP,
    revision: Annotated[str, typer.Option(help="Stop there; `-1` is one step down, `base` all the way")] = "",
) -> None:
    """Brings the database's tables up to date, one way or the other."""
    settings = settings_or_stop()
    url = settings.database_url
    known_revision(settings)
    if direction is Direction.UP:
        asyncio.run(migrations.upgrade(url, revision or "head"))
    elif direction is Direction.DOWN:
        asyncio.run(migrations.downgrade(url, revision or "-1"))
    say(f"The database is at {asyncio.run(migrations.current(url)) or 'nothing yet'}; newest is {migrations.head()}.")


@cli.command()
def admin(email: str) -> None:
    """Makes somebody an administrator; asks for a password when there is no such account yet."""
    say(with_services(lambda its: operator.make_admin(its, email, _ask_password), makes_database=True))


@cli.command()
def seed() -> None:
    """Puts in what a development database begins with: somebody to sign in as, and what is for sale. Once."""
    if settings_or_stop().in_production:
        stop("`prome seed` is for development. In production, make yourself known with `prome admin EMAIL`.")
    say(with_services(operator.seed, makes_database=True))


@cli.command()
def disable(email: str) -> None:
    """Closes an account: nobody gets in with it, and whoever is in is out."""
    say(with_services(lambda its: operator.disable(its, email)))


@cli.command()
def enable(email: str) -> None:
    """Opens a closed account again."""
    say(with_services(lambda its: operator.enable(its, email)))


@cli.command()
def grant(
    email: str,
    tokens: Annotated[int, typer.Argument(min=1, max=10**12, help="How many")],
    reason: Annotated[str, typer.Option(help="Shown on the statement")],
    reference: Annotated[str | None, typer.Option(help="A name of your own; the same one again grants nothing")] = None,
) -> None:
    """Gives somebody tokens, by an entry like any other."""
    if not reason.isprintable() or not 0 < len(reason) <= operator.REASON_CHARS_MAX:
        stop(f"Give a reason of 1 to {operator.REASON_CHARS_MAX} characters on one line.")
    if reference is not None and not operator.is_reference(reference):
        stop(f"Give a reference of 1 to {operator.REFERENCE_CHARS_MAX} characters on one line, without “: ” in it.")
    say(with_services(lambda its: operator.grant(its, email, tokens, reason, reference)))


@cli.command()
def reconcile() -> None:
    """Ends overdue holds and checks every balance, hold and hash. Exit code 1 and a line for each difference."""
    found = with_services(operator.reconcile)
    for difference in found:
        say(str(difference))
    say("The books are right." if not found else f"{len(found)} differences.")
    raise typer.Exit(1 if found else 0)


@cli.command("package")
def sell(
    package_id: Annotated[str, typer.Argument(help="Change this one; without it they are listed")] = "",
    file: Annotated[
        Path | None, typer.Option(help="Put in what this TOML file says, like app/billing/packages.toml")
    ] = None,
    name: str | None = None,
    description: str | None = None,
    tokens: int | None = None,
    price_cents: int | None = None,
    stripe_price_id: str | None = None,
    retired: Annotated[bool | None, typer.Option("--retire/--offer", help="Sell it no more, or again")] = None,
) -> None:
    """Lists what is for sale, or changes it for the orders to come."""
    named = {"name": name, "description": description, "tokens": tokens, "price_cents": price_cents,
             "stripe_price_id": stripe_price_id, "retired": retired}  # fmt: skip
    say(with_services(lambda its: operator.sell(its, package_id, file, named)))


@cli.command()
def refund(
    order: str,
    tokens: Annotated[int | None, typer.Option(min=1, help="So many; without it, those that are unspent")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of it; what is spent already is then owed")] = False,
) -> None:
    """Gives the money of an order back by Stripe, and takes the tokens."""
    say(with_services(lambda its: operator.refund(its, order, tokens, everything)))


@cli.command()
def billing(what: Annotated[Billing, typer.Argument(help="reconcile")] = Billing.RECONCILE) -> None:
    """Asks Stripe what webhooks did not bring, catches up, and says so; exit code 1 if something is wrong."""
    report = with_services(operator.reconcile_payments)
    say("\n".join([*(f"done: {words}" for words in report.did), *(f"WRONG: {words}" for words in report.wrong)])
         or "Nothing was missing.")  # fmt: skip
    raise typer.Exit(1 if report.wrong else 0)


@cli.command("assets")
def fetch_assets(
    tokenizers_only: Annotated[bool, typer.Option("--tokenizers-only", help="Leave the built-in model out")] = False,
) -> None:
    """Fetches the tokenizers' files and the built-in model into ASSETS_DIR; does nothing when they are there."""
    # The secrets that production wants are not needed for this, and an image is built without them.
    folder = Path(settings_or_stop(environment="development").assets_dir)
    with_model = not tokenizers_only and assets.built_in_model_can_run()
    try:
        assets.fetch(folder, (assets.TOKENIZERS, *([assets.BUILT_IN_MODEL] if with_model else [])), say)
    except assets.Incomplete as error:
        stop(str(error))
    left_out = "" if with_model or tokenizers_only else " The built-in model is left out: `pip install prome[local]`."
    say(f"The assets are in {folder}.{left_out}")


@cli.command("sandbox")
def stand_in(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where it listens, on this machine only")] = 4242,
    webhook: Annotated[str, typer.Option(help="Where it sends its webhooks; empty: to this server")] = "",
) -> None:
    """Serves a till that speaks as Stripe does, by itself. No money moves. Not for production."""
    settings = settings_or_stop()
    if settings.in_production:
        stop("The sandbox till is not for production.")
    _require_free_port(standing.HOST, port, "See --port.")
    say(standing.instructions(settings, port))
    standing.serve(standing.till_for(settings, webhook), port)


@cli.command("doctor")
def examine() -> None:
    """Says what is set up, what is off and why, and what is broken, with exit code 1 for that."""
    findings = asyncio.run(doctor.examine(settings_or_stop()))
    for finding in findings:
        say(f"{finding.state.value:<6} {finding.subject:<12} {finding.words}")
    raise typer.Exit(1 if any(finding.state is doctor.State.BROKEN for finding in findings) else 0)


async def _be_the_only_one(settings: Settings) -> None:
    """Says it in one line now; the server takes the same lock for good when it starts."""
    db = Database(settings.database_url)
    await db.open(exclusive=True)
    await db.close()


def _require_free_port(host: str, port: int, cure: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            stop(f"Cannot listen on {host}:{port}: {error.strerror}. {cure}")


def _ask_password() -> str:
    """From a terminal without echo; from a pipe its first line, for scripts."""
    return (
        getpass.getpass("Password for the new account: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    )


def main() -> None:
    try:
        cli(prog_name="prome")
    except (AppError, UnsafeSettings, DatabaseInUse, OSError, *DATABASE_TROUBLE) as error:
        sys.stderr.write(_in_plain_words(error) + "\n")
        sys.exit(1)


def _in_plain_words(error: Exception) -> str:
    if isinstance(error, AppError):
        because = f"{error.__cause__}".strip() if error.__cause__ else ""
        return "\n".join(
            [str(error), *filter(None, [because]), *(f["message"] for f in error.details.get("fields", []))]
        )
    if isinstance(error, DATABASE_TROUBLE):
        # SQLAlchemy adds the statement and a link to its handbook; what the driver said is enough.
        return f"The database refused: {getattr(error, 'orig', None) or error}"
    return str(error)


if __name__ == "__main__":
    main()

"""Prome as it is served: its own command, settings of production, a database of its own, and people who can pay."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from app import migrations
from app.accounts import accounts, sessions
from app.accounts.tokens import Claims, Tokens
from app.clock import SystemClock
from app.db import Database
from app.ledger import ledger
from app.settings import Settings
from scripts.bench import machine
from scripts.bench.processes import ROOT, Running, free_port, running
from scripts.bench.wire import Order, request_of

PLENTY = 10**12
QUESTION = "Tell me in a few words why the sky is blue."
MODEL = """
[[model]]
id = "{name}"
name = "{name}"
provider = "openai"
upstream_model = "{name}"
encoding = "o200k_base"
window_tokens = 8000000
reply_tokens_max = 4000000
input_rate = 1000
output_rate = 1000
input_usd_per_million = 1
output_usd_per_million = 2
"""
PEOPLE_A_UNIT = 200


@dataclass(frozen=True)
class House:
    """What is needed to serve one database and to sign people in to it."""

    folder: Path
    url: str
    secret: str

    @property
    def database(self) -> Database:
        return Database(self.url)

    @property
    def tokens(self) -> Tokens:
        return Tokens(Settings(_env_file=None, jwt_secret=self.secret), SystemClock())


async def build(folder: Path, url: str = "") -> House:
    """In a folder that is there."""
    house = House(folder, url or f"sqlite+aiosqlite:///{folder}/prome.db", secrets.token_hex(32))
    await migrations.upgrade(house.url)
    return house


async def people(house: House, number: int) -> list[str]:
    """So many more, each with a balance, as the tokens they are signed in with."""
    db, now, found = house.database, datetime.now(UTC), list[str]()
    await db.open()
    for start in range(0, number, PEOPLE_A_UNIT):
        async with db.begin() as session:
            for _ in range(min(PEOPLE_A_UNIT, number - start)):
                user = await accounts.create(session, f"{secrets.token_hex(8)}@example.com", "-", now)
                await ledger.credit(session, user.id, PLENTY, kind="welcome", reference=user.id)
                its = await sessions.open_session(
                    session, user.id, agent="bench", place="here", now=now, lifetime=house.tokens.lifetime
                )
                found.append(house.tokens.issue(Claims(user.id, its.id, now)))
    await db.close()
    return found


def asking(tokens: Sequence[str], order: Order, **more: str) -> list[str]:
    """One request for each of them."""
    body = orjson.dumps({"message": QUESTION, "model": order.model, **more})
    accept = "Accept: text/event-stream"
    return [request_of("/api/chat", body, accept, f"Authorization: Bearer {token}") for token in tokens]


@contextmanager
def served(house: House, upstream: Running, orders: Sequence[Order]) -> Iterator[Running]:
    """The orders are the names of the models that can be asked."""
    port = free_port()
    catalogue = house.folder / "catalogue.toml"
    catalogue.write_text("".join(MODEL.format(name=order.model) for order in dict.fromkeys(orders)))
    settings = {
        "ENVIRONMENT": "production",
        "PORT": str(port),
        "FRONTEND_URL": f"http://127.0.0.1:{port}",
        "DATABASE_URL": house.url,
        "JWT_SECRET": house.secret,
        "CATALOGUE": str(catalogue),
        "ASSETS_DIR": os.environ.get("ASSETS_DIR", str(ROOT / "var")),
        "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream.port}/v1",
        "OPENAI_MODEL": orders[0].model,
        "OPENAI_API_KEY": "bench",
        "LOCAL_MODEL": "off",
        "TITLES": "off",
        "TURNS_MAX": "100000",
        "TURNS_PER_USER_MAX": "1000",
        "DRAIN_SECONDS": "0",
        "GEMINI_API_KEY": "",
        "REDIS_URL": "",
    }
    command = [sys.executable, "-m", "app", "serve"]
    with running(command, port, machine.for_the_server(), env=settings, cwd=str(house.folder)) as server:
        yield server

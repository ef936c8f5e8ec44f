"""A past for the pages that show one: tokens that were bought and used on days before today."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.db import Session
from app.engines.sqlite_session import to_text
from app.ids import new_id
from app.ledger import ledger
from app.ledger.ledger import Terms, Used
from app.ledger.rates import Rates
from app.services import Services
from tests.conversations.talking import Talk
from tests.ledger.moved_clock import MovedSession

PLAIN = Rates(1000, 1000)


def ago(days: int) -> datetime:
    """Noon of that day, or now."""
    now = datetime.now(UTC)
    return now if days == 0 else (now - timedelta(days=days)).replace(hour=12, minute=0, second=0, microsecond=0)


async def spend(services: Services, user_id: str, days: int, tokens: int, model: str = "small") -> str:
    """One answer in a conversation of its own; the id of that."""
    talk = await Talk(services, user_id).begin("A question from before")
    await talk.say("A question")
    answered = await talk.say("An answer")
    prompt = tokens // 3
    terms = Terms(prompt, 2 * tokens, PLAIN, model=model, conversation_id=talk.id, message_id=answered.id)
    hold_id = new_id("hld")
    async with services.db.begin() as session:
        moved = _on(session, services, days)
        await ledger.hold(moved, user_id, terms, hold_id=hold_id, lifetime=timedelta(days=400))
        await ledger.settle(moved, hold_id, Used(prompt, tokens - prompt, "tiktoken"))
    return talk.id


async def grant(services: Services, user_id: str, tokens: int, days: int = 0, kind: str = "purchase") -> None:
    async with services.db.begin() as session:
        moved = _on(session, services, days)
        await ledger.credit(moved, user_id, tokens, kind=kind, reference=new_id("grt"))


def _on(session: Session, services: Services, days: int) -> Session:
    moment = f"'{to_text(ago(days))}'"
    return MovedSession(session, moment if services.db.kind == "sqlite" else f"TIMESTAMPTZ {moment}")


async def id_of(services: Services, email: str) -> str:
    async with services.db.read() as session:
        row = await session.row("SELECT id FROM users WHERE email = $1", email)
    assert row is not None
    return str(row["id"])

"""What an operator may do from a shell. Each takes the services and answers with what to say about it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app import currencies
from app.accounts import accounts
from app.accounts.passwords import require_good
from app.accounts.tables import User
from app.billing import asking, grants, packages
from app.billing import reconcile as payments
from app.billing.reconcile import Report
from app.errors import AppError
from app.ids import new_id
from app.ledger import adjustments, audit, expiry, ledger
from app.ledger.audit import Difference
from app.services import Services

DEMO_EMAIL = "demo@example.com"
REASON_CHARS_MAX = 200
REFERENCE_CHARS_MAX = 50


class Nobody(AppError):
    status, code, message = 404, "not_found", "Nobody here has the address {email}."


class NoPackageNamed(AppError):
    status, code, message = 422, "invalid_request", "Say which package is to change: prome package ID …"


class GrantedBefore(AppError):
    status, code = 409, "reference_reused"
    message = (
        "“{reference}” has granted {tokens} tokens to {email} before. Nothing was granted now; "
        "another amount, or another person, needs another reference."
    )


class TokensOrAll(AppError):
    status, code, message = 422, "invalid_request", "Say either --tokens or --all."


async def make_admin(its: Services, email: str, ask_password: Callable[[], str]) -> str:
    user = await _find(its, email) or await _create(its, email, ask_password())
    async with its.db.begin() as session:
        await accounts.set_role(session, user.id, "admin", its.clock.now())
    return f"{user.email} is an administrator."


async def seed(its: Services) -> str:
    """Somebody to sign in as, and something to buy. What is there already stays as it is."""
    async with its.db.begin() as session:
        await packages.put(session, packages.read(packages.OURS), its.clock.now(), change=False)
    if await _find(its, DEMO_EMAIL):
        return f"{DEMO_EMAIL} is there already."
    password = secrets.token_urlsafe(12)
    user = await _create(its, DEMO_EMAIL, password)
    if its.settings.welcome_tokens:
        async with its.db.begin() as session:
            await ledger.credit(session, user.id, its.settings.welcome_tokens, kind="welcome", reference=user.id)
    return f"Sign in as {DEMO_EMAIL} with the password {password}"


async def sell(its: Services, package_id: str, file: Path | None, changes: dict[str, Any]) -> str:
    """Only for orders from now on: those that have begun keep their terms."""
    if not package_id and any(value is not None for value in changes.values()):
        raise NoPackageNamed
    offers = packages.read(file) if file else []
    async with its.db.begin() as session:
        await packages.put(session, offers, its.clock.now(), change=True)
        if package_id:
            await packages.change(session, package_id, changes, its.clock.now())
        found = await packages.every(session)
    return "\n".join(packages.in_words(package) for package in found) or "Nothing is for sale."


async def refund(its: Services, order_id: str, tokens: int | None, everything: bool) -> str:
    if tokens and everything:
        raise TokensOrAll
    noted = await asking.refund_order(its.shop, order_id, tokens, everything=everything)
    async with its.db.read() as session:
        grant = await grants.find(session, noted.grant_reference)
        others = [one for one in await grants.of_order(session, order_id) if one.reference != grant.reference]
    stand = sum(one.cents_returned < one.paid_cents for one in others)
    money = currencies.in_words(noted.cents, grant.currency)
    ended = {"asked": "Stripe has not answered yet; reconcile asks again", "taken": "refunded", "put_back": "it failed"}
    left = f" Paid for this order and not given back: {stand} more." if stand else ""
    return f"{noted.tokens:,} tokens, {money}: {ended[noted.state]}.{left}"


async def reconcile_payments(its: Services) -> Report:
    return await payments.reconcile(its.shop, its.inbox)


async def disable(its: Services, email: str) -> str:
    user = await _require(its, email)
    async with its.db.begin() as session:
        await accounts.disable(session, user.id, its.clock.now())
    return f"{user.email} is closed."


async def enable(its: Services, email: str) -> str:
    user = await _require(its, email)
    async with its.db.begin() as session:
        await accounts.enable(session, user.id, its.clock.now())
    return f"{user.email} may sign in again."


async def grant(its: Services, email: str, tokens: int, reason: str, reference: str | None) -> str:
    """An entry like any other. With a reference of the operator's own, saying it twice grants once."""
    user, named = await _require(its, email), reference or new_id("grt")
    async with its.db.begin() as session:
        before = await adjustments.find(session, named)
        if before is None:
            booked_as = await adjustments.give(session, user.id, tokens, named, reason)
            said = f"Booked as “{booked_as}”."
        elif (before["user_id"], before["tokens"]) == (user.id, tokens):
            said = f"Booked before as “{before['reference']}”; nothing was granted now."
        else:
            owner = await accounts.by_id(session, before["user_id"])
            raise GrantedBefore(reference=named, tokens=before["tokens"], email=owner.email)
        has = await ledger.balance(session, user.id)
    return f"{user.email} has {has.balance} tokens now. {said}"


def is_reference(text: str) -> bool:
    """On the statement the reason begins after the first colon with a space."""
    return text.isprintable() and text.strip() == text and ": " not in text and 0 < len(text) <= REFERENCE_CHARS_MAX


async def reconcile(its: Services) -> list[Difference]:
    """Ends holds that nobody ends, then reads all the books, hash by hash."""
    await expiry.sweep(its.db, expiry.FOREVER)
    async with its.db.read() as session:
        return [*await audit.differences(session), *await audit.broken_chains(session)]


async def _find(its: Services, email: str) -> User | None:
    async with its.db.read() as session:
        return await accounts.by_email(session, accounts.normal_email(email))


async def _require(its: Services, email: str) -> User:
    user = await _find(its, email)
    if user is None:
        raise Nobody(email=email)
    return user


async def _create(its: Services, email: str, password: str) -> User:
    normal = accounts.normal_email(email)
    require_good(password, email=normal)
    password_hash = await its.passwords.hash(password)
    async with its.db.begin() as session:
        user = await accounts.create(session, normal, password_hash, its.clock.now())
        await ledger.open_account(session, user.id)
    return user

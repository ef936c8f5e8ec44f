"""Somebody who buys, and the books afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2

from app.ledger import audit, ledger
from app.ledger.ledger import Balance, Terms
from app.ledger.rates import Rates
from app.services import Services
from app.stripe_sandbox.till import Pay, Till
from tests.conftest import Person

SECRET = "whsec_for_the_tests_of_billing"
WELCOME = 1000
STARTER, MONTHLY = 50_000, 400_000
Json = dict[str, Any]


@dataclass(frozen=True)
class Buyer:
    client: httpx2.AsyncClient
    services: Services
    till: Till
    person: Person

    async def post(self, path: str, **options: Any) -> httpx2.Response:
        headers = {**self.person.headers, **options.pop("headers", {})}
        return await self.client.post(f"/api/billing/{path}", headers=headers, **options)

    async def get(self, path: str) -> Json:
        answer = await self.client.get(f"/api/billing/{path}", headers=self.person.headers)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def begin(self, package_id: str = "starter") -> Json:
        answer = await self.post("checkout", json={"packageId": package_id})
        assert answer.status_code == 200, answer.text
        begun: Json = answer.json()
        return begun

    async def complete(self, session_id: str) -> Json:
        answer = await self.post(f"checkout/{session_id}/complete")
        assert answer.status_code == 200, answer.text
        completed: Json = answer.json()
        return completed

    async def pay(self, package_id: str = "starter", how: Pay = Pay.CARD) -> Json:
        """Begins, pays at the till, and waits until all webhooks are through; does not come back by itself."""
        begun = await self.begin(package_id)
        self.till.pay(begun["sessionId"], how)
        await self.till.settled()
        return begun

    async def buy(self, package_id: str = "starter") -> Json:
        """All of it, the way back included."""
        begun = await self.pay(package_id)
        await self.complete(begun["sessionId"])
        return begun

    def intent(self, session_id: str) -> str:
        session = self.till.books.find("checkout.session", session_id)
        return str(session["payment_intent"])

    def subscription(self, session_id: str) -> str:
        return str(self.till.books.find("checkout.session", session_id)["subscription"])

    async def order(self) -> Json:
        """The newest one."""
        found: Json = (await self.get("orders"))["orders"][0]
        return found

    async def role(self) -> str:
        answer = await self.client.get("/api/auth/me", headers=self.person.headers)
        return str(answer.json()["user"]["role"])

    async def spend(self, tokens: int) -> None:
        """As a reply would."""
        await spend(self.services, self.person.id, tokens)

    async def balance(self) -> int:
        """The balance, of books that are right."""
        return int((await self.books())["balance"])

    async def owed(self) -> int:
        return int((await self.books())["owed"])

    async def books(self) -> Json:
        async with self.services.db.read() as session:
            assert await audit.differences(session) == []
        return await self.get("balance")

    async def kinds(self) -> list[tuple[str, int]]:
        """What the ledger says, by kind and tokens, without the welcome."""
        found = await self.get("ledger?limit=100")
        return [(entry["kind"], entry["tokens"]) for entry in found["entries"] if entry["kind"] != "welcome"]


async def spend(services: Services, user_id: str, tokens: int) -> None:
    terms = Terms(tokens, 0, Rates())
    async with services.meter.hold(user_id, terms, lifetime=timedelta(minutes=1)) as held:
        held.use(tokens, 0, "estimate")


async def books_of(services: Services, user_id: str) -> Balance:
    """Also of somebody who cannot sign in any more."""
    async with services.db.read() as session:
        assert await audit.differences(session) == []
        return await ledger.balance(session, user_id)


async def kinds_of(services: Services, user_id: str) -> list[tuple[str, int]]:
    sql = "SELECT kind, tokens FROM ledger_entries WHERE user_id = $1 AND kind <> 'welcome' ORDER BY sequence"
    async with services.db.read() as session:
        return [(row["kind"], row["tokens"]) for row in await session.rows(sql, user_id)]

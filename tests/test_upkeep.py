"""What is done again and again finds what is wrong, and says so where an operator looks."""

from __future__ import annotations

from app import upkeep
from app.services import Services
from tests.conftest import Person
from tests.ledger.doctored import disarm, doctor


async def test_books_that_are_wrong_are_counted_until_they_are_right(services: Services, ann: Person) -> None:
    async def differences() -> float | None:
        await upkeep.check_the_books(services)
        return services.metrics.registry.get_sample_value("prome_ledger_differences")

    await disarm(services.db)
    seen = [await differences()]
    for change in ("balance + 1", "balance - 1"):
        await doctor(services.db, f"UPDATE ledger_accounts SET balance = {change} WHERE user_id = $1", ann.id)
        seen.append(await differences())

    assert seen == [0, 1, 0]

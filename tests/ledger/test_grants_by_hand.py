"""`prome grant`: tokens by an operator's hand, where the reference alone says which grant it is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app import operator
from app.operator import GrantedBefore
from app.services import Services
from tests.command import Command
from tests.conftest import PASSWORD, Register
from tests.databases import Databases
from tests.ledger.books import balance

ANN, BOB = "ann@example.com", "bob@example.com"


@pytest.fixture
def prome(databases: Databases, tmp_path: Path) -> Command:
    command = Command(tmp_path, {"DATABASE_URL": databases.fresh(tmp_path)})
    for email in (ANN, BOB):
        assert command.run("admin", email, stdin=PASSWORD).code == 0
    return command


def test_the_same_reference_again_grants_nothing_whatever_the_reason(prome: Command) -> None:
    first = prome.run("grant", ANN, "500", "--reason", "goodwill", "--reference", "T-1")
    again = prome.run("grant", ANN, "500", "--reason", "good will", "--reference", "T-1")

    assert (first.code, first.out) == (0, f"{ANN} has 500 tokens now. Booked as “T-1: goodwill”.\n")
    assert again.code == 0
    assert again.out == f"{ANN} has 500 tokens now. Booked before as “T-1: goodwill”; nothing was granted now.\n"


@pytest.mark.parametrize(("email", "tokens"), [(ANN, "600"), (BOB, "500")])
def test_the_same_reference_with_another_amount_or_for_somebody_else_is_refused(
    prome: Command, email: str, tokens: str
) -> None:
    prome.run("grant", ANN, "500", "--reason", "goodwill", "--reference", "T-1")

    refused = prome.run("grant", email, tokens, "--reason", "goodwill", "--reference", "T-1")

    assert (refused.code, refused.out) == (1, "")
    assert refused.err == (
        f"“T-1” has granted 500 tokens to {ANN} before. Nothing was granted now; "
        "another amount, or another person, needs another reference.\n"
    )


def test_a_reference_is_not_the_beginning_of_another_one(prome: Command) -> None:
    for reference in ("T-12", "T-1", "T", "T_1", "T%"):
        prome.run("grant", ANN, "500", "--reason", "1: a top-up", "--reference", reference)

    assert prome.run("grant", ANN, "1", "--reason", "a look").out.startswith(f"{ANN} has 2501 tokens now.")


@pytest.mark.parametrize("reference", ["", "T\x071", "T\n1", "T: 1", " T", "T" * 51])
def test_a_reference_that_cannot_name_a_grant_is_refused_in_one_line(prome: Command, reference: str) -> None:
    refused = prome.run("grant", ANN, "500", "--reason", "goodwill", "--reference", reference)

    assert (refused.code, refused.out) == (1, "")
    assert refused.err == "Give a reference of 1 to 50 characters on one line, without “: ” in it.\n"


async def test_of_two_people_at_once_one_gets_what_a_reference_grants(services: Services, register: Register) -> None:
    people = [await register(email) for email in (ANN, BOB)]

    said = await asyncio.gather(
        *(operator.grant(services, email, 500, f"for {email}", "T-1") for email in (ANN, BOB) * 3),
        return_exceptions=True,
    )

    assert len([each for each in said if isinstance(each, GrantedBefore)]) == 3
    welcome = services.settings.welcome_tokens
    has = [(await balance(services.db, person.id)).balance - welcome for person in people]
    assert sorted(has) == [0, 500]

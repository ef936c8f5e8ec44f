"""What is limited is limited by all workers together, and what is done now and then is done by one of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import httpx2

from tests.chat.callers import newcomer, until
from tests.chat.strict import events_of
from tests.ledger import books
from tests.waiting import WAIT_SECONDS_MAX
from tests.workers.conftest import TURNS_MAX
from tests.workers.house import GAP_SECONDS, TOKENS, House, looking_at

TRIES_MAX = 10
# What is held for a word and four in reply; L6 is about a balance that pays for exactly seven of it.
COST, REPLY_TOKENS, PAID_FOR, ASKS = 12, 4, 7, 200


async def test_so_many_replies_at_once_at_all_workers_together(two: House) -> None:
    two.fake.answer_with(400, GAP_SECONDS)
    async with two.somebody() as callers, AsyncExitStack() as stack:
        asked = [callers[number % 2].asking(f"{number}", maxTokens=500) for number in range(TURNS_MAX + 6)]
        replies = await asyncio.gather(*(stack.enter_async_context(each) for each in asked))
        taken = [reply for reply in replies if reply.status_code == 200]
        for reply in taken:
            meta = (await until(events_of(reply), "meta"))[0].data
            await callers[0].stop(meta["streamId"])

    two.fake.answer_with(TOKENS, GAP_SECONDS)
    assert Counter(reply.status_code for reply in replies) == {200: TURNS_MAX, 429: 6}
    await two.require_the_books_are_right()


async def test_two_workers_cannot_overspend_one_balance(two: House) -> None:
    async with two.somebody() as callers:
        rich = (await callers[0].balance())["balance"]
        async with looking_at(two.database_url) as db:
            await books.debit(db, callers[0].person.id, rich - COST * PAID_FOR - COST + 1)
        answers = await asyncio.gather(
            *(callers[number % 2].post("Hello", maxTokens=REPLY_TOKENS) for number in range(ASKS))
        )
        left = await callers[1].balance()

    assert Counter(answer.status_code for answer in answers) == {200: PAID_FOR, 402: ASKS - PAID_FOR}
    assert (left["balance"], left["held"]) == (COST - 1, 0)
    await two.require_the_books_are_right()


async def test_so_many_wrong_passwords_at_all_workers_together(two: House) -> None:
    person = await newcomer(two.workers[0].url, "guessed@example.com")
    wrong = {"email": person.email, "password": "a wrong horse battery"}
    async with httpx2.AsyncClient(timeout=WAIT_SECONDS_MAX) as client:
        tries = [
            await client.post(f"{two.workers[number % 2].url}/api/auth/login", json=wrong)
            for number in range(TRIES_MAX + 4)
        ]

    statuses = [answer.status_code for answer in tries]
    assert statuses == [401] * TRIES_MAX + [429] * 4

"""What waits on a flag goes on when it is set, and leaves nothing behind."""

from __future__ import annotations

import asyncio

from app.edge.flag import Flag


async def test_all_who_wait_go_on_even_if_it_is_cleared_at_once() -> None:
    flag = Flag()
    waiting = [asyncio.create_task(flag.wait()) for _ in range(3)]
    await asyncio.sleep(0)

    flag.set()
    flag.clear()
    await asyncio.gather(*waiting)

    assert not flag.is_set()


async def test_a_set_flag_keeps_nobody() -> None:
    flag = Flag()
    flag.set()

    waiting = asyncio.create_task(flag.wait())
    await asyncio.sleep(0)

    assert waiting.done()
    assert flag.is_set()


async def test_who_gives_up_waiting_is_forgotten() -> None:
    flag = Flag()
    first, second = (asyncio.create_task(flag.wait()) for _ in range(2))
    await asyncio.sleep(0)

    first.cancel()
    flag.set()
    await second
    await asyncio.wait([first])

    assert first.cancelled()
    assert flag._waiting == []

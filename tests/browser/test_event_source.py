"""A browser follows a reply over a line that drops: its own EventSource, and the reader that README gives away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, Page

from app.providers.provider import ProviderBusy
from tests.browser.doing import PASSWORD, new_email
from tests.documented.readme import blocks, section
from tests.fakes.provider import ScriptedProvider
from tests.fakes.proxy import Proxy, proxied
from tests.waiting import eventually

# Each of its characters takes two to four bytes, so that nearly every place to cut is inside one.
WORDS = [f"{number} é漢🦊" for number in range(60)]
PAUSE = 20
STREAMS = "/api/chat/streams/"
FOLLOW, FOLLOW_WITH_TICKET, READER = blocks(section("The stream by example"), "js")
# Browsers wait three seconds before they come back.
SECONDS_MAX = 90

ASK = """async (message) => {
    const headers = { "Content-Type": "application/json", Prefer: "respond-async" };
    const answer = await fetch("/api/chat", { method: "POST", headers, body: JSON.stringify({ message }) });
    return (await answer.json()).streamId;
}"""
LISTEN = """(address) => {
    window.seen = [];
    window.source = new EventSource(address);
    for (const name of ["meta", "answer", "usage", "done", "error"])
        source.addEventListener(name, ({ lastEventId, data }) => data && seen.push([lastEventId, name, data]));
}"""


@pytest_asyncio.fixture
async def line(live_url: str) -> AsyncIterator[Proxy]:
    async with proxied(live_url, [], STREAMS) as line:
        yield line


@pytest_asyncio.fixture
async def here(browser: Browser, line: Proxy) -> AsyncIterator[Page]:
    """A page of ours, signed in, at the other end of that line."""
    context = await browser.new_context(base_url=line.url)
    page = await context.new_page()
    await page.goto("/login")
    assert (await context.request.post("/api/auth/register", data=account())).ok
    yield page
    await context.close()


def account() -> dict[str, str]:
    return {"email": new_email(), "password": PASSWORD}


async def until(page: Page, condition: str) -> None:
    """Playwright's own way to wait evaluates a text in the page, which our pages do not allow."""
    look = f"setInterval(() => {{ if ({condition}) {{ clearInterval(looking); resolve(); }} }}, 20)"
    async with asyncio.timeout(SECONDS_MAX):
        await page.evaluate(f"new Promise((resolve) => {{ const looking = {look}; }})")


async def test_the_browser_s_own_reader_sees_each_event_once_through_three_drops_and_stops_by_itself(
    here: Page, line: Proxy, provider: ScriptedProvider
) -> None:
    """The first two drops and returns are in the middle of the reply, the third is after its end."""
    provider.words, provider.pause_before = WORDS, PAUSE
    line.cuts = [1700, 1300, 1501]

    stream_id = await here.evaluate(ASK, "Hello")
    await here.evaluate(LISTEN, STREAMS + stream_id)
    await eventually(lambda: line.dropped == 2, seconds_max=SECONDS_MAX)
    provider.go_on.set()
    await until(here, "source.readyState === EventSource.CLOSED")

    seen: list[list[str]] = await here.evaluate("seen")
    assert [int(number) for number, _, _ in seen] == list(range(len(WORDS) + 4))
    assert [name for _, name, _ in seen] == ["meta", *["answer"] * (len(WORDS) + 1), "usage", "done"]
    assert [json.loads(data)["content"] for _, name, data in seen if name == "answer"] == [*WORDS, ""]
    assert line.dropped == 3
    # The first time, after each drop, and once more after the end, when there was nothing left.
    assert len(line.asked) == 5
    assert f"last-event-id: {len(WORDS) + 3}\r\n".encode() in line.asked[-1].lower()
    assert len(provider.asked) == 1


async def test_readme_s_reader_shows_whole_characters_only_wherever_the_line_drops(
    here: Page, line: Proxy, provider: ScriptedProvider
) -> None:
    provider.words, provider.gap_seconds = WORDS, 0.002
    line.path, line.cuts = "/api/chat", [1500, 1501, 1502, 1503]
    line.piece_bytes, line.gap_seconds = 7, 0.001

    shown: list[list[str]] = await here.evaluate(
        f"""async () => {{
            {READER}
            const shown = [];
            for await (const {{ event, data }} of reply("", null, "Hello")) shown.push([event, data.content ?? ""]);
            return shown;
        }}"""
    )

    assert [name for name, _ in shown] == ["meta", *["answer"] * (len(WORDS) + 1), "usage", "done"]
    assert [content for name, content in shown if name == "answer"] == [*WORDS, ""]
    assert line.dropped == 4
    assert len(provider.asked) == 1


async def follow(page: Page, call: str) -> None:
    await page.evaluate(f"""async () => {{
        {FOLLOW}
        {FOLLOW_WITH_TICKET}
        window.shown = "";
        const show = (words) => (shown += words);
        window.source = await {call};
    }}""")


async def test_readme_s_event_source_reads_with_the_cookie_until_there_is_nothing_left(
    here: Page, provider: ScriptedProvider
) -> None:
    stream_id = await here.evaluate(ASK, "Hello")

    await follow(here, f"follow('{STREAMS}{stream_id}', show)")
    await until(here, "source.readyState === EventSource.CLOSED")

    assert await here.evaluate("shown") == "Hello, you."


async def test_readme_s_event_source_says_why_a_reply_failed(here: Page, provider: ScriptedProvider) -> None:
    provider.fail_before, provider.failure = 1, ProviderBusy("away")
    stream_id = await here.evaluate(ASK, "Hello")

    await follow(here, f"follow('{STREAMS}{stream_id}', show)")
    await until(here, "source.readyState === EventSource.CLOSED")

    assert await here.evaluate("shown") == f"Hello{ProviderBusy.message}"


async def test_readme_s_event_source_reads_with_a_ticket_where_there_is_no_cookie(here: Page) -> None:
    signed_in: dict[str, Any] = await (await here.request.post("/api/auth/register", data=account())).json()
    token, stream_id = signed_in["token"], await here.evaluate(ASK, "Hello")
    await here.context.clear_cookies()

    await follow(here, f"followWithTicket('', '{token}', '{stream_id}', show)")
    await until(here, "shown.length > 0")

    assert await here.evaluate("shown") == "Hello, you."
    assert (await here.request.get(STREAMS + stream_id)).status == 401

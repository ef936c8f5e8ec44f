"""How an answer stands on the page while it is read."""

from __future__ import annotations

import asyncio

from playwright.async_api import Locator, Page, expect

from tests.browser.doing import ask, expect_quiet, register, reply
from tests.fakes.provider import ScriptedProvider
from tests.waiting import WAIT_SECONDS_MAX

CHAT = "/chat"
HEBREW = "שלום עולם"
DIRECTIONS = "blocks => blocks.map(block => getComputedStyle(block).direction)"


async def test_nobody_thinks_any_more_once_the_words_come(page: Page, provider: ScriptedProvider) -> None:
    provider.pause_before = 1
    await register(page, CHAT)
    await ask(page, "Hi.")
    await expect(reply(page)).to_contain_text("Hello")

    await expect(reply(page).locator(".waiting")).to_be_hidden()

    provider.go_on.set()
    await expect_quiet(page)


async def test_a_task_of_a_list_stands_in_its_line(page: Page, provider: ScriptedProvider) -> None:
    provider.words = ["- [x] done\n- [ ] to do\n"]
    await register(page, CHAT)
    await ask(page, "A list.")
    await expect_quiet(page)

    task = reply(page).get_by_role("img", name="To do")
    await expect(task).to_have_css("display", "inline")
    await expect(task).to_have_css("border-top-width", "0px")


async def test_code_keeps_its_place_when_it_is_whole(page: Page, provider: ScriptedProvider) -> None:
    provider.words, provider.pause_before = ["```python\nprint(1)\n", "```\n", "Done."], 1
    await register(page, CHAT)
    await ask(page, "Code.")
    await expect(reply(page).locator("pre")).to_contain_text("print(1)")
    await expect(reply(page).get_by_role("button", name="Copy")).to_have_count(0)
    caption = reply(page).locator("figcaption")
    before = await caption.evaluate("node => node.getBoundingClientRect().height")

    provider.go_on.set()
    await expect_quiet(page)
    await expect(caption.get_by_role("button", name="Copy")).to_be_visible()

    assert await caption.evaluate("node => node.getBoundingClientRect().height") == before


async def test_each_block_reads_from_the_side_of_its_own_letters(page: Page, provider: ScriptedProvider) -> None:
    provider.words = [f"English.\n\n{HEBREW}\n\n- {HEBREW}\n\n```js\n// {HEBREW}\n```\n\n> {HEBREW}\n"]
    await register(page, CHAT)
    box = page.get_by_label("Your message")
    await box.fill(HEBREW)
    await expect(box).to_have_css("direction", "rtl")

    await ask(page, HEBREW)
    await expect_quiet(page)

    assert await reply(page).locator(".markdown > *").evaluate_all(DIRECTIONS) == ["ltr", "rtl", "rtl", "ltr", "rtl"]
    for place in (page.locator(".bubble"), page.locator(".row-title"), page.get_by_role("heading", level=1)):
        await expect(place).to_have_text(HEBREW)
        await expect(place).to_have_css("direction", "rtl")


async def in_sight(page: Page, last: Locator) -> None:
    await expect(last).to_be_in_viewport(ratio=1)
    # What lies under the box is in the viewport too, but nobody sees it.
    assert await last.evaluate("""node => {
        const scroller = document.querySelector(".transcript").getBoundingClientRect();
        return node.getBoundingClientRect().bottom <= scroller.bottom + 1;
    }""")
    await expect(page.get_by_role("button", name="To the end")).to_be_hidden()


async def test_the_end_stays_in_sight_while_the_window_and_the_box_change(
    page: Page, provider: ScriptedProvider
) -> None:
    provider.words, provider.pause_before = ["A line of text.\n\n"] * 60 + ["The end."], 61
    await page.set_viewport_size({"width": 800, "height": 700})
    await register(page, CHAT)
    await ask(page, "Much.")
    await asyncio.wait_for(provider.paused.wait(), WAIT_SECONDS_MAX)
    last = reply(page).get_by_text("The end.")
    await in_sight(page, last)

    for height in (400, 800, 500):
        await page.set_viewport_size({"width": 800, "height": height})
        await in_sight(page, last)
    for lines in (12, 1, 6):
        await page.get_by_label("Your message").fill("\n".join(["a line"] * lines))
        await in_sight(page, last)
    provider.go_on.set()
    await expect_quiet(page)


async def test_an_open_edit_stays_alone_while_another_tab_asks(page: Page) -> None:
    await register(page, CHAT)
    await ask(page, "One.")
    await expect_quiet(page)
    other = await page.context.new_page()
    await other.goto(page.url)
    await expect(other.locator("article.assistant")).to_have_count(1)
    await page.locator("article.user").hover()
    await page.get_by_role("button", name="Edit").click()
    await page.get_by_label("Edit your message").fill("One, but better.")

    await ask(other, "Two.")
    await expect(page.locator("article.assistant")).to_have_count(2)
    await expect_quiet(page)

    edited = page.locator("article.user").first
    await expect(edited.get_by_label("Edit your message")).to_have_value("One, but better.")
    await expect(edited.locator("[data-action=edit]")).to_be_hidden()
    await expect(edited.locator(".bubble")).to_be_hidden()


async def test_the_link_to_the_box_leads_there_and_loads_nothing(page: Page) -> None:
    await register(page, CHAT)
    await ask(page, "One.")
    await expect_quiet(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/messages" in request.url else None)
    await page.locator(".transcript").focus()

    await page.get_by_role("link", name="Skip to the message box").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Your message")).to_be_focused()
    await page.keyboard.type("Two.")
    await page.keyboard.press("Enter")

    await expect(page.locator("article.assistant")).to_have_count(2)
    await expect_quiet(page)
    assert asked == []

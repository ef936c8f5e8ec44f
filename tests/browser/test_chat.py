"""A conversation as somebody has it: asked, read as it comes, stopped, taken up again, changed."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import Page, expect

from tests.browser.doing import ask, expect_quiet, register, reply, until
from tests.fakes.provider import ScriptedProvider
from tests.figures import figure
from tests.waiting import WAIT_SECONDS_MAX, eventually

CHAT = "/chat"
STORY = ["Once ", "upon ", "a ", "time. "] * 20


async def test_an_answer_grows_before_the_eyes_and_ends_with_its_cost(
    page: Page, provider: ScriptedProvider, page_errors: list[str]
) -> None:
    provider.words, provider.pause_before = ["Hello **", "you**.\n\n- one\n", "- two"], 2
    await register(page, CHAT)

    await ask(page, "Hi.")
    await expect(reply(page)).to_contain_text("Hello you.")
    await expect(page.get_by_role("button", name="Stop")).to_be_visible()
    provider.go_on.set()

    await expect(reply(page).get_by_role("listitem")).to_have_text(["one", "two"])
    await expect(reply(page).locator("strong")).to_have_text("you")
    await expect(reply(page).locator("[data-action=receipt]")).to_have_text(re.compile(r"^\d+ tokens$"))
    await expect(page).to_have_url(re.compile("/chat/cnv_"))
    await expect(page.get_by_role("heading", level=1)).to_have_text("Hi.")
    assert page_errors == []


async def test_first_words_are_painted_at_once(page: Page, provider: ScriptedProvider) -> None:
    provider.pause_before = 1
    await register(page, CHAT)
    await page.evaluate("""() => {
        window.heard = window.seen = window.frames_between = 0;
        const count = () => {
            if (window.seen) return;
            window.frames_between += 1;
            requestAnimationFrame(count);
        };
        const parse = JSON.parse;
        JSON.parse = (text) => {
            if (!window.heard && text.includes('"content":"Hello"')) {
                window.heard = performance.now();
                requestAnimationFrame(count);
            }
            return parse(text);
        };
        new MutationObserver(() => {
            const text = document.querySelector(".assistant .markdown")?.textContent;
            if (text && !window.seen) requestAnimationFrame(() => { window.seen = performance.now(); });
        }).observe(document.querySelector(".messages"), { subtree: true, childList: true, characterData: true });
    }""")

    await ask(page, "Hi.")

    await until(page, "() => window.seen > 0")
    figure("the first words are painted after", await page.evaluate("window.seen - window.heard"), 100, "ms")
    # They are put on the page in the first and stand there in the second.
    assert await page.evaluate("window.frames_between") <= 2


async def test_the_receipt_adds_up_to_what_was_charged(page: Page) -> None:
    await register(page, CHAT)
    await ask(page, "Hi.")
    await expect_quiet(page)

    await reply(page).locator("[data-action=receipt]").click()
    await expect(reply(page).locator(".receipt dl")).to_be_visible()

    rows = dict(
        await reply(page)
        .locator("dl > div")
        .evaluate_all("all => all.map(row => [...row.children].map(c => c.textContent))")
    )
    charged = int(rows["Charged"].split()[0])
    assert int(rows["Question and history"]) + int(rows["Answer"]) == charged
    await expect(page.locator(".balance")).to_have_text(f"{1000 - charged} tokens")


async def test_stopping_keeps_the_text_and_says_its_cost(page: Page, provider: ScriptedProvider) -> None:
    provider.words, provider.endless, provider.gap_seconds = ["More. "], True, 0.01
    await register(page, CHAT)
    await ask(page, "Go on for ever.")
    await expect(reply(page)).to_contain_text("More.")

    await page.keyboard.press("Escape")

    await expect(reply(page)).to_contain_text("Stopped.")
    await expect(reply(page)).to_contain_text("More.")
    await expect(reply(page).locator("[data-action=receipt]")).to_have_text(re.compile(r"^\d+ tokens$"))
    assert provider.hung_up == 1


async def test_a_stopped_answer_is_continued_in_its_place(page: Page, provider: ScriptedProvider) -> None:
    provider.words, provider.pause_before = ["One ", "two "], 2
    await register(page, CHAT)
    await ask(page, "Count.")
    await expect(reply(page)).to_contain_text("One two")
    await page.get_by_role("button", name="Stop").click()
    await expect_quiet(page)
    provider.words, provider.pause_before = ["three ", "four"], None

    await page.get_by_role("button", name="Continue this answer").click()

    await expect(reply(page).locator(".markdown")).to_have_text("One two three four")
    await expect(page.locator("article.assistant")).to_have_count(1)


async def test_asking_again_keeps_the_first_answer_and_arrows_lead_back(page: Page, provider: ScriptedProvider) -> None:
    await register(page, CHAT)
    await ask(page, "Hi.")
    await expect_quiet(page)
    provider.words = ["Another."]

    await reply(page).get_by_role("button", name="Answer again").click()
    await expect(reply(page).locator(".branches")).to_contain_text("2/2")
    await expect(reply(page)).to_contain_text("Another.")
    await reply(page).get_by_role("button", name="The version before").click()

    await expect(reply(page).locator(".branches")).to_contain_text("1/2")
    await expect(reply(page)).to_contain_text("Hello, you.")
    await page.reload()
    await expect(reply(page)).to_contain_text("Hello, you.")


async def test_an_edited_message_opens_a_branch_and_the_old_one_stays(page: Page) -> None:
    await register(page, CHAT)
    await ask(page, "First.")
    await expect_quiet(page)
    await ask(page, "Second.")
    await expect_quiet(page)

    first = page.locator("article.user").first
    await first.hover()
    await first.get_by_role("button", name="Edit").click()
    await page.get_by_label("Edit your message").fill("First, but better.")
    await page.keyboard.press("Enter")

    await expect(page.locator("article.user")).to_have_count(1)
    await expect(first.locator(".branches")).to_contain_text("2/2")
    await expect_quiet(page)
    await first.get_by_role("button", name="The version before").click()
    await expect(page.locator("article.user")).to_have_count(2)


async def test_the_status_says_replying_and_finished_and_nothing_of_the_text(page: Page) -> None:
    await register(page, CHAT)
    await page.evaluate("""() => {
        window.said = [];
        const status = document.querySelector("[role=status]");
        new MutationObserver(() => window.said.push(status.textContent)).observe(status, { childList: true });
    }""")

    await ask(page, "Hi.")
    await expect_quiet(page)

    assert await page.evaluate("window.said") == ["Replying.", "Finished."]
    await expect(page.get_by_role("log")).to_have_attribute("aria-live", "off")


async def test_enter_sends_shift_enter_breaks_the_line_and_composing_does_neither(
    page: Page, provider: ScriptedProvider
) -> None:
    await register(page, CHAT)
    box = page.get_by_label("Your message")
    await box.press_sequentially("One")
    await page.keyboard.press("Shift+Enter")
    await box.press_sequentially("two")
    await expect(box).to_have_value("One\ntwo")
    for composing in ({"isComposing": True}, {"keyCode": 229}):
        script = "(box, how) => box.dispatchEvent(new KeyboardEvent('keydown', how))"
        await box.evaluate(script, {"key": "Enter", "bubbles": True, "cancelable": True, **composing})
    await expect(box).to_have_value("One\ntwo")
    assert provider.asked == []

    await page.keyboard.press("Enter")

    await eventually(lambda: len(provider.asked) == 1)
    assert provider.asked[0].messages[-1].content == "One\ntwo"


async def test_the_view_keeps_to_the_end_until_the_reader_scrolls_up(page: Page, provider: ScriptedProvider) -> None:
    provider.words, provider.pause_before = ["A line of text.\n\n"] * 120, 60
    await register(page, CHAT)
    await ask(page, "Much.")
    await asyncio.wait_for(provider.paused.wait(), WAIT_SECONDS_MAX)
    transcript, jump = page.locator(".transcript"), page.get_by_role("button", name="To the end")
    await until(
        page,
        """() => {
        const { clientHeight, scrollHeight, scrollTop } = document.querySelector(".transcript");
        return scrollTop > 500 && scrollHeight - scrollTop - clientHeight < 30;
    }""",
    )
    await expect(jump).to_be_hidden()

    await transcript.hover()
    await page.mouse.wheel(0, -200)
    await expect(jump).to_be_visible()
    before = await transcript.evaluate("t => t.scrollTop")
    provider.go_on.set()
    await expect_quiet(page)

    assert abs(await transcript.evaluate("t => t.scrollTop") - before) < 2
    await jump.click()
    await expect(jump).to_be_hidden()

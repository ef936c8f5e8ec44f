"""The list of conversations, and several of them at once."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from app.settings import Settings
from tests.browser.doing import ask, expect_quiet, register, reply
from tests.conftest import settings_for
from tests.fakes.provider import ScriptedProvider

CHAT = "/chat"


@pytest.fixture
def settings(database_url: str) -> Settings:
    """A running reply sets aside what it may cost, so several at once want more than the usual welcome."""
    return settings_for(database_url, registrations_per_hour=1000, welcome_tokens=100_000)


async def test_several_conversations_run_at_once_each_with_its_mark(page: Page, provider: ScriptedProvider) -> None:
    provider.pause_before = 1
    await register(page, CHAT)
    for question in ("First question.", "Second question."):
        await ask(page, question)
        await expect(reply(page)).to_contain_text("Hello")
        await page.get_by_role("link", name="New chat").click()
    marks = page.get_by_role("img", name="An answer is being written")
    await expect(marks).to_have_count(2)
    await expect(page.get_by_role("button", name="Send")).to_be_visible()

    provider.go_on.set()

    await expect(marks).to_have_count(0)
    await page.get_by_role("link", name="First question.").click()
    await expect(reply(page)).to_contain_text("Hello, you.")


async def begin(page: Page, question: str) -> None:
    await page.get_by_role("link", name="New chat").click()
    await ask(page, question)
    await expect_quiet(page)


async def row_menu(page: Page, title: str, item: str) -> None:
    row = page.get_by_role("listitem").filter(has=page.get_by_role("link", name=title))
    await row.hover()
    await row.get_by_role("button", name=f"More about {title}").click()
    await page.locator("#row-menu").get_by_text(item, exact=True).click()


async def test_a_conversation_is_renamed_in_its_place(page: Page) -> None:
    await register(page, CHAT)
    await begin(page, "Question about bread.")

    await row_menu(page, "Question about bread.", "Rename")
    await expect(page.get_by_label("Title")).to_be_focused()
    await page.get_by_label("Title").fill("Sourdough")
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("heading", level=1)).to_have_text("Sourdough")
    await page.reload()
    await expect(page.get_by_role("link", name="Sourdough")).to_be_visible()


async def test_escape_leaves_the_title_as_it_was(page: Page) -> None:
    await register(page, CHAT)
    await begin(page, "Question about bread.")
    await page.get_by_role("link", name="Question about bread.").focus()

    await page.keyboard.press("F2")
    await page.get_by_label("Title").fill("Something else")
    await page.keyboard.press("Escape")

    await expect(page.get_by_role("link", name="Question about bread.")).to_be_focused()


async def test_deleting_can_be_undone_and_until_then_nothing_is_deleted(page: Page) -> None:
    deleted: list[str] = []
    page.on("request", lambda request: deleted.append(request.url) if request.method == "DELETE" else None)
    await register(page, CHAT)
    await begin(page, "Keep me.")

    await row_menu(page, "Keep me.", "Delete")
    await expect(page.get_by_role("link", name="Keep me.")).to_have_count(0)
    await expect(page).to_have_url(re.compile("/chat$"))
    await page.get_by_role("button", name="Undo").click()

    await expect(page.get_by_role("link", name="Keep me.")).to_be_visible()
    await expect(reply(page)).to_contain_text("Hello, you.")
    assert deleted == []


async def test_what_was_deleted_is_gone_even_when_the_page_is_left_at_once(page: Page) -> None:
    await register(page, CHAT)
    await begin(page, "Away with me.")

    await row_menu(page, "Away with me.", "Delete")
    await page.goto("/account")
    await page.goto("/chat")

    await expect(page.get_by_text("Your conversations will be here.")).to_be_visible()


async def test_a_conversation_can_be_taken_along(page: Page) -> None:
    await register(page, CHAT)
    await begin(page, "Take me along.")

    async with page.expect_download() as saved:
        await row_menu(page, "Take me along.", "Save as Markdown")

    assert (await saved.value).suggested_filename == "Take me along.md"


async def test_searching_finds_words_of_the_messages_as_one_types(page: Page, provider: ScriptedProvider) -> None:
    await register(page, CHAT)
    for question, answer in (("About bread", "Rye and spelt."), ("About the sea", "Herring and cod.")):
        provider.words = [answer]
        await begin(page, question)

    await page.keyboard.press("Control+k")
    await page.keyboard.type("herr")

    rows = page.get_by_role("navigation", name="Conversations").get_by_role("link")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("About the sea")
    await expect(rows).to_contain_text("Herring")
    await page.get_by_label("Search conversations").fill("")
    await expect(rows).to_have_count(2)


async def test_drafts_wait_in_their_conversations_and_survive_a_reload(page: Page) -> None:
    await register(page, CHAT)
    await begin(page, "First.")
    box = page.get_by_label("Your message")
    await box.fill("unfinished in the first")
    await page.get_by_role("link", name="New chat").click()
    await expect(box).to_have_value("")
    await box.fill("unfinished in the new one")

    await page.reload()
    await expect(box).to_have_value("unfinished in the new one")
    await page.get_by_role("link", name="First.").click()

    await expect(box).to_have_value("unfinished in the first")


async def test_the_back_button_goes_through_conversations(page: Page) -> None:
    await register(page, CHAT)
    await begin(page, "First.")
    await begin(page, "Second.")

    await page.get_by_role("link", name="First.").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("First.")
    await page.go_back()

    await expect(page.get_by_role("heading", level=1)).to_have_text("Second.")


async def test_the_quote_says_what_a_message_would_cost_and_how_much_is_history(page: Page) -> None:
    await register(page, CHAT)
    box = page.get_by_label("Your message")
    await box.fill("How much?")
    await expect(page.locator("#quote")).to_have_text(re.compile(r"^≈ \d+ tokens, plus the answer\.$"))
    await page.keyboard.press("Enter")
    await expect_quiet(page)

    await box.fill("And now?")

    await expect(page.locator("#quote")).to_have_text(re.compile(r"^≈ \d+ tokens, of which \d+ are earlier messages"))


async def test_the_chosen_model_is_asked_and_remembered(page: Page, provider: ScriptedProvider) -> None:
    await register(page, CHAT)
    await page.get_by_label("Model").select_option("Pricey")
    await expect(page.locator("#price")).to_have_text("What you send counts 2 times, the answer 3 times.")

    await ask(page, "Hi.")
    await expect_quiet(page)

    assert [asked.upstream_model for asked in provider.asked] == ["scripted-pricey"]
    await page.reload()
    await expect(page.get_by_label("Model")).to_have_value("pricey")


async def test_the_shortcuts_work_and_are_listed(page: Page) -> None:
    await register(page, CHAT)
    await begin(page, "First.")
    await page.locator(".transcript").focus()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    await page.keyboard.press("Escape")

    await page.keyboard.press("Control+Shift+O")

    await expect(page).to_have_url(re.compile("/chat$"))
    await expect(page.get_by_label("Your message")).to_be_focused()


async def test_a_long_list_loads_as_one_scrolls(page: Page, provider: ScriptedProvider) -> None:
    await register(page, CHAT)
    await page.evaluate("""async () => {
        const headers = { "Content-Type": "application/json", Accept: "application/json" };
        for (let number = 0; number < 60; number += 1) {
            const body = JSON.stringify({ message: `Number ${number}.` });
            await fetch("/api/chat", { method: "POST", headers, body });
        }
    }""")
    await page.reload()
    rows = page.locator(".row")
    await expect(rows).to_have_count(40)

    await rows.last.scroll_into_view_if_needed()

    await expect(rows).to_have_count(60)

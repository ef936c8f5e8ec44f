"""What was used, by day and model, and the statement: shown, followed live, checked, taken along."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, Route, expect

from app.services import Services
from app.settings import Settings
from tests.browser.doing import open_settled, register
from tests.browser.looking import every_look, faults
from tests.browser.spending import ago, grant, id_of, spend
from tests.conftest import settings_for

MINUS = "\N{MINUS SIGN}"


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Without a welcome of today, so that there can be one from before all else."""
    return settings_for(database_url, registrations_per_hour=1000, welcome_tokens=0)


@pytest_asyncio.fixture
async def user_id(page: Page, services: Services) -> str:
    found = await id_of(services, await register(page))
    await grant(services, found, 1_000, days=41, kind="welcome")
    return found


@pytest_asyncio.fixture
async def past(services: Services, user_id: str) -> list[str]:
    """Three days with answers of two models, and a purchase. The ids of the conversations, oldest first."""
    await grant(services, user_id, 50_000, days=40)
    return [
        await spend(services, user_id, 20, 600, "large"),
        await spend(services, user_id, 3, 1_200, "small"),
        await spend(services, user_id, 3, 300, "large"),
        await spend(services, user_id, 0, 900, "small"),
    ]


def sums(page: Page, name: str) -> Locator:
    return page.locator(f"#days [data-text={name}]")


def entries(page: Page) -> Locator:
    return page.locator("#entries .entry")


async def test_the_bars_and_sums_follow_the_days_that_are_chosen_without_asking_again(
    page: Page, past: list[str], page_errors: list[str]
) -> None:
    await open_settled(page, "/usage")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    await expect(sums(page, "inRange")).to_have_text("3,000 tokens")
    await expect(page.locator(".chart .column")).to_have_count(30)
    await expect(page.locator(".chart .bar")).to_have_count(4)
    for label, tokens, columns in (("7 days", "2,400 tokens", 7), ("90 days", "3,000 tokens", 90)):
        await page.get_by_label(label).check(force=True)
        await expect(sums(page, "inRange")).to_have_text(tokens)
        await expect(page.locator(".chart .column")).to_have_count(columns)

    assert asked == []
    assert page_errors == []


async def test_each_model_has_its_colour_its_sums_and_its_share(page: Page, past: list[str]) -> None:
    await open_settled(page, "/usage")

    rows = page.locator(".models tbody tr")
    await expect(rows).to_have_text([re.compile("^small2.*2,100 ?70%"), re.compile("^large2.*900 ?30%")])
    for index, model in enumerate(("small", "large")):
        shade = await rows.nth(index).locator(".swatch").evaluate("swatch => getComputedStyle(swatch).backgroundColor")
        bar = page.locator(f".chart .bar.shade-{index}").first
        assert await bar.evaluate("bar => getComputedStyle(bar).fill") == shade, model


async def test_the_keyboard_goes_through_the_days_and_each_is_said_in_words(page: Page, past: list[str]) -> None:
    await open_settled(page, "/usage")
    chart = page.get_by_role("slider", name="Tokens by day")
    today = f"{ago(0):%A, %B} {ago(0).day}"

    await chart.focus()
    await expect(chart).to_have_attribute("aria-valuetext", f"{today}: 900 tokens, 1 answer")
    for key, words in (
        ("ArrowLeft", "nothing used"),
        ("ArrowLeft", "nothing used"),
        ("ArrowLeft", "1,500 tokens, 2 answers"),
        ("Home", "nothing used"),
        ("ArrowLeft", "nothing used"),
        ("End", "900 tokens, 1 answer"),
    ):
        await page.keyboard.press(key)
        await expect(chart).to_have_attribute("aria-valuetext", re.compile(f": {words}$"))
        await expect(sums(page, "day")).to_have_text(re.compile(f": {words}$"))
    await expect(chart).to_have_attribute("aria-valuenow", "30")


async def test_the_days_are_there_as_a_table_too(page: Page, past: list[str]) -> None:
    await open_settled(page, "/usage")

    await page.get_by_text("The days as a table").click()

    rows = page.locator(".as-table tbody tr")
    await expect(rows.locator("td")).to_have_text(
        ["900", "0", "900", "1", "1,200", "300", "1,500", "2", "0", "600", "600", "1"]
    )


async def test_the_statement_is_newest_first_signed_and_adds_up(page: Page, past: list[str]) -> None:
    await open_settled(page, "/usage")

    await expect(entries(page).locator(".entry-tokens")).to_have_text(
        [f"{MINUS}900", f"{MINUS}300", f"{MINUS}1,200", f"{MINUS}600", "+50,000", "+1,000"]
    )
    await expect(entries(page).locator("[data-text=balance]")).to_have_text(
        ["48,000", "48,900", "49,200", "50,400", "51,000", "1,000"]
    )
    await expect(entries(page).locator(".entry-kind")).to_have_text(["An answer"] * 4 + ["Purchase", "Welcome tokens"])


async def test_more_of_the_statement_comes_when_it_is_wanted_and_the_focus_goes_along(
    page: Page, services: Services, user_id: str
) -> None:
    for number in range(25):
        await grant(services, user_id, number + 1, kind="adjustment")
    await open_settled(page, "/usage")
    await expect(entries(page)).to_have_count(20)

    await page.get_by_role("button", name="Show more").press("Enter")

    await expect(entries(page)).to_have_count(26)
    await expect(entries(page).nth(20)).to_be_focused()
    await expect(page.get_by_role("button", name="Show more")).to_be_hidden()


async def test_a_range_of_days_shows_what_there_was_before_and_after_and_so_does_the_csv(
    page: Page, past: list[str], tmp_path: Path
) -> None:
    await open_settled(page, "/usage")

    await page.get_by_label("From", exact=True).fill(f"{ago(20):%Y-%m-%d}")
    await page.get_by_label("To", exact=True).fill(f"{ago(3):%Y-%m-%d}")

    await expect(entries(page)).to_have_count(3)
    await expect(page.locator("#closing")).to_contain_text("48,900 tokens")
    await expect(page.locator("#opening")).to_contain_text("51,000 tokens")
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Download CSV").click()
    file = tmp_path / "statement.csv"
    await (await downloading.value).save_as(file)
    assert [row["tokens"] for row in csv.DictReader(file.read_text().splitlines())] == ["-600", "-1200", "-300"]
    await page.get_by_role("button", name="Show all").click()
    await expect(entries(page)).to_have_count(6)
    await expect(page.get_by_label("From", exact=True)).to_be_focused()


async def test_verifying_says_in_plain_words_what_was_checked(page: Page, past: list[str]) -> None:
    await open_settled(page, "/usage")

    await page.get_by_role("button", name="Verify my statement").click()

    await expect(page.locator("#verdict")).to_contain_text("All 6 entries are as written.")
    await expect(page.locator("#verdict")).to_contain_text("fingerprint of itself and of the one before it")


async def test_an_entry_that_is_not_as_it_was_written_is_named(page: Page, past: list[str]) -> None:
    await page.route("**/ledger/verify", lambda route: route.fulfill(json={"ok": False, "entries": 6, "firstBad": 3}))
    await open_settled(page, "/usage")

    await page.get_by_role("button", name="Verify my statement").click()

    await expect(page.locator("#verdict")).to_contain_text("Entry No. 3 is not as it was written.")


async def test_a_receipt_leads_to_its_conversation(page: Page, past: list[str]) -> None:
    await open_settled(page, "/usage")

    await page.get_by_role("button", name="Receipt").first.click()
    await expect(page.locator(".entry-receipt").first).to_contain_text("Charged900 tokens")
    await page.get_by_role("link", name="Open the conversation").click()

    await expect(page).to_have_url(re.compile(f"/chat/{past[-1]}#msg_"))
    await expect(page.get_by_text("An answer", exact=True)).to_be_visible()


async def test_what_happens_meanwhile_comes_in_on_top_and_leaves_open_what_is_open(
    page: Page, services: Services, user_id: str, past: list[str]
) -> None:
    await open_settled(page, "/usage")
    await page.get_by_role("button", name="Receipt").first.click()
    await expect(page.locator(".entry-receipt").first).to_contain_text("Charged900 tokens")

    await spend(services, user_id, 0, 450)

    await expect(entries(page)).to_have_count(7)
    await expect(page.locator("[role=status]")).to_have_text("1 new entry on your statement.")
    await expect(entries(page).first).to_contain_text(f"{MINUS}450")
    await expect(page.locator(".entry-receipt").nth(1)).to_contain_text("Charged900 tokens")
    await expect(sums(page, "inRange")).to_have_text("3,450 tokens")


async def test_whoever_has_used_nothing_is_told_what_will_be_here(page: Page, user_id: str) -> None:
    await open_settled(page, "/usage")

    await expect(page.get_by_text("Nothing was used in these days.")).to_be_visible()
    await expect(page.get_by_role("link", name="Ask something")).to_be_visible()
    await expect(entries(page)).to_have_count(1)


async def test_a_fault_is_said_and_a_second_try_shows_everything(page: Page, past: list[str]) -> None:
    async def fail(route: Route) -> None:
        await route.fulfill(status=500, json={"error": "It broke.", "code": "internal_error", "requestId": "req_7"})

    for path in ("**/usage/daily?*", "**/billing/ledger?*"):
        await page.route(path, fail, times=1)
    await page.goto("/usage")

    for place in ("#days-trouble", "#statement-trouble"):
        await expect(page.locator(place)).to_contain_text("It broke.")
        await expect(page.locator(place)).to_contain_text("req_7")
        await page.locator(place).get_by_role("button", name="Try again").click()
    await expect(entries(page)).to_have_count(6)
    await expect(sums(page, "inRange")).to_have_text("3,000 tokens")
    await expect(page.get_by_role("alert").filter(has_text="broke")).to_have_count(0)


async def test_everybody_can_use_it_with_everything_open(page: Page, past: list[str]) -> None:
    await open_settled(page, "/usage")
    await page.get_by_role("button", name="Verify my statement").click()
    await page.get_by_role("button", name="Receipt").first.click()
    await page.get_by_text("The days as a table").click()
    await page.get_by_label("From", exact=True).fill(f"{ago(50):%Y-%m-%d}")
    await expect(page.get_by_role("link", name="Open the conversation")).to_be_visible()
    await expect(page.locator("#verdict")).to_contain_text("All 6")
    await expect(page.locator("#opening")).to_be_visible()

    found = {look: await faults(page) async for look in every_look(page)}

    assert len(found) == 4
    assert {look: problems for look, problems in found.items() if problems} == {}

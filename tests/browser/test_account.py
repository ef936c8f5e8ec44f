"""The account: a name, the devices, everything to take along, and the way out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx2
from playwright.async_api import Page, Route, expect

from app.services import Services
from tests.browser.doing import PASSWORD, expect_wrong, held_back, open_settled, register, sign_in, until
from tests.browser.looking import every_look, faults
from tests.browser.spending import id_of
from tests.conversations.talking import talk

REFUNDABLE = {"tokens": 50_000, "amount": 500, "until": "2027-01-01T00:00:00Z"}
PLAN = {
    "orderId": "ord_1",
    "status": "active",
    "periodEndsAt": "2027-01-31T12:00:00Z",
    "cancelsAt": None,
    "endedAt": None,
}


async def open_farewell(page: Page) -> None:
    await page.get_by_role("button", name="Delete my account").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await expect(page.locator("#losses")).to_have_attribute("aria-busy", "false")


async def test_a_name_is_saved_and_an_empty_one_is_said_at_its_field(page: Page) -> None:
    await register(page)
    name = page.get_by_label("Name")

    await name.fill("  Ada   Lovelace ")
    await page.get_by_role("button", name="Save the name").click()
    await expect(page.locator("[role=status]")).to_have_text("Your name is saved.")
    await expect(name).to_have_value("Ada Lovelace")
    await name.fill("")
    await page.keyboard.press("Enter")
    await expect_wrong(name, "Say what you would like to be called.")

    await page.reload()
    await expect(name).to_have_value("Ada Lovelace")


async def test_a_name_that_is_begun_before_the_page_knows_the_old_one_stays(page: Page) -> None:
    await register(page)

    async with held_back(page, "**/api/auth/me"):
        await page.reload()
        await page.get_by_label("Name").fill("Ada")
    await expect(page.locator("#profile")).to_have_attribute("aria-busy", "false")

    await expect(page.get_by_label("Name")).to_have_value("Ada")


async def test_another_device_is_listed_by_what_it_is_and_can_be_signed_out(page: Page, live_url: str) -> None:
    email = await register(page)
    agent = "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    async with httpx2.AsyncClient(base_url=live_url, headers={"User-Agent": agent}) as other:
        answer = await other.post("/api/auth/login", json={"email": email, "password": PASSWORD})
        other.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        await open_settled(page, "/account")
        devices = page.locator(".device")
        await expect(devices).to_have_count(2)
        await expect(devices.get_by_role("button")).to_have_count(1)

        await devices.filter(has_text="Firefox on Linux").get_by_role("button", name="Sign out").click()

        await expect(devices).to_have_count(1)
        await expect(page.locator("[role=status]")).to_have_text("Firefox on Linux is signed out.")
        assert (await other.get("/api/auth/me")).status_code == 401


async def test_everything_is_exported_as_one_file(page: Page, services: Services, tmp_path: Path) -> None:
    email = await register(page)
    await talk(services, await id_of(services, email), "a question", "an answer")
    await open_settled(page, "/account")

    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Export everything").click()

    download = await downloading.value
    assert re.fullmatch(r"prome-\d{4}-\d\d-\d\d\.json", download.suggested_filename)
    await download.save_as(tmp_path / "all.json")
    found = json.loads((tmp_path / "all.json").read_text())
    assert found["profile"]["email"] == email
    assert [one["content"] for one in found["conversations"][0]["messages"]] == ["a question", "an answer"]


async def test_what_is_lost_is_said_before(page: Page) -> None:
    await register(page)
    orders = {"orders": [{"refundable": REFUNDABLE}], "plan": PLAN, "nextCursor": None}
    await page.route("**/api/billing/orders?*", lambda route: route.fulfill(json=orders))

    await open_farewell(page)

    losses = page.locator("#losses")
    await expect(losses).to_contain_text("Your conversations, and all that names you.")
    await expect(losses).to_contain_text("1,000 tokens that you have not used. You can refund unused purchases first.")
    await expect(losses).to_contain_text("Your plan, which is paid until January 31, 2027. It is cancelled at once.")
    await expect(losses.get_by_role("link")).to_have_attribute("href", "/billing")


async def test_whoever_thinks_again_keeps_everything(page: Page) -> None:
    await register(page)
    for leave in ("Escape", "Keep my account"):
        await open_farewell(page)
        await page.get_by_label("Your password", exact=True).fill(PASSWORD)
        if leave == "Escape":
            await page.keyboard.press("Escape")
        else:
            await page.get_by_role("button", name=leave).click()
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await expect(page.get_by_role("button", name="Delete my account")).to_be_focused()

    await open_farewell(page)
    await expect(page.get_by_label("Your password", exact=True)).to_have_value("")
    await page.keyboard.press("Escape")
    await page.reload()
    await expect(page.locator("#profile [data-text=balance]")).to_have_text("1,000 tokens")


async def test_with_the_keyboard_alone_somebody_goes_for_good(
    page: Page, services: Services, live_url: str, page_errors: list[str]
) -> None:
    email = await register(page)
    user_id = await id_of(services, email)
    await talk(services, user_id, "a secret")
    await page.evaluate(f"localStorage.setItem('prome.draft.{user_id}.new', '{{}}')")
    other = await page.context.new_page()
    await other.goto("/chat")

    await page.get_by_role("button", name="Delete my account").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Your password", exact=True)).to_be_focused()
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Delete for good")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Your account is deleted")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")

    await expect(page).to_have_url(f"{live_url}/")
    await expect(other).to_have_url(re.compile("/login"))
    await until(page, "Object.keys(localStorage).every((name) => name === 'prome.theme')")
    async with services.db.read() as session:
        assert await session.rows("SELECT id FROM conversations") == []
    await page.goto("/login")
    await sign_in(page, email, PASSWORD)
    await expect_wrong(page.get_by_label("Password", exact=True), re.compile("not right"))
    # Signing out what is signed out already, and the wrong password above.
    assert [error for error in page_errors if "401" not in error] == []


async def test_a_wrong_password_is_said_at_its_field_and_nothing_is_lost(page: Page) -> None:
    await register(page)
    await open_farewell(page)

    await page.get_by_label("Your password", exact=True).fill("not the one")
    await page.keyboard.press("Enter")

    await expect_wrong(page.get_by_label("Your password", exact=True), "Your current password is not right.")
    await page.reload()
    await expect(page.locator("#profile [data-text=balance]")).to_have_text("1,000 tokens")


async def test_when_the_plan_cannot_be_cancelled_it_is_said_and_can_be_tried_again(page: Page) -> None:
    async def fail(route: Route) -> None:
        refusal = {"error": "The payment service cannot be reached.", "code": "payments_failed", "requestId": "req_9"}
        await route.fulfill(status=502, json=refusal)

    async def only_deleting(route: Route) -> None:
        await (fail(route) if route.request.method == "DELETE" else route.continue_())

    await register(page)
    await page.route("**/api/auth/me", only_deleting)
    await open_farewell(page)

    await page.get_by_label("Your password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Delete for good").click()

    await expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text(
        "The payment service cannot be reached."
    )
    await expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("req_9")
    await page.unroute("**/api/auth/me")
    await page.get_by_role("button", name="Delete for good").click()
    await expect(page.get_by_role("heading", name="Your account is deleted")).to_be_visible()


async def test_everybody_can_use_it_with_the_dialog_open_and_at_its_end(page: Page) -> None:
    await register(page)
    found: dict[str, list[str]] = {}
    await open_settled(page, "/account")
    async for look in every_look(page):
        found[look] = await faults(page)
    await open_farewell(page)
    await page.get_by_label("Your password", exact=True).fill("not the one")
    await page.keyboard.press("Enter")
    await expect(page.locator("#farewell-password-error")).not_to_be_empty()
    async for look in every_look(page):
        found[f"{look}, asked"] = await faults(page)
    await page.get_by_label("Your password", exact=True).fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Your account is deleted")).to_be_visible()
    async for look in every_look(page):
        found[f"{look}, gone"] = await faults(page)

    assert len(found) == 12
    assert {look: problems for look, problems in found.items() if problems} == {}

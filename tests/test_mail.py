"""Mail leaves in the background and is tried again; where it cannot leave at all, that is said."""

from __future__ import annotations

import httpx2
import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs

from app.errors import Unavailable
from app.mail import WAITING_MAX, Post
from app.main import create_app
from app.observability.logs import Scrubber
from app.observability.metrics import Metrics
from tests.accounts.callers import caller
from tests.accounts.mailbox import Mailbox
from tests.conftest import PASSWORD, settings_for

pytestmark = pytest.mark.either_engine

NOBODY_LISTENS = "smtp://127.0.0.1:1"
FORGOT = "/api/auth/password/forgot"


async def _forget(app: Starlette) -> httpx2.Response:
    async with app.router.lifespan_context(app), caller(app) as client:
        await client.post("/api/auth/register", json={"email": "ann@example.com", "password": PASSWORD})
        return await client.post(FORGOT, json={"email": "ann@example.com"})


async def test_a_letter_that_is_turned_away_is_brought_again(database_url: str) -> None:
    async with Mailbox(refusals=2).open() as box:
        post = Post(settings_for(database_url, smtp_url=box.url), Metrics(), retry_seconds=(0, 0))

        post.send("ann@example.com", "Hello", "How do you do?")

        letter = await box.next_letter()
        await post.drain()
    assert (letter["To"], letter["Subject"], letter.get_content().strip()) == (
        "ann@example.com",
        "Hello",
        "How do you do?",
    )


async def test_a_letter_that_nobody_takes_is_given_up_and_counted(database_url: str) -> None:
    metrics = Metrics()
    post = Post(settings_for(database_url, smtp_url=NOBODY_LISTENS), metrics, retry_seconds=(0, 0))

    post.send("ann@example.com", "Hello", "How do you do?")
    await post.drain()

    assert metrics.registry.get_sample_value("prome_mails_total", {"outcome": "given_up"}) == 1


async def test_a_caller_does_not_wait_for_a_mail_server_that_is_out_of_order(database_url: str) -> None:
    async with Mailbox(refusals=1).open() as box:
        response = await _forget(create_app(settings_for(database_url, smtp_url=box.url)))

        assert response.status_code == 202
        assert (await box.next_letter())["To"] == "ann@example.com"


async def test_a_full_bag_takes_no_more_letters(database_url: str) -> None:
    post = Post(settings_for(database_url), Metrics())
    for _ in range(WAITING_MAX):
        post.send("ann@example.com", "Hello", "How do you do?")

    with pytest.raises(Unavailable):
        post.require()

    await post.drain()
    post.require()


async def test_production_without_a_mail_server_says_so(database_url: str) -> None:
    app = create_app(settings_for(database_url, environment="production", frontend_url="https://app"))

    response = await _forget(app)

    assert (response.status_code, response.json()["code"]) == (503, "mail_off")
    assert "retry-after" in response.headers


async def test_elsewhere_the_operator_reads_the_link_in_the_log(database_url: str) -> None:
    with capture_logs([Scrubber()]) as lines:
        response = await _forget(create_app(settings_for(database_url)))

    (letter,) = [line for line in lines if line["event"] == "mail_printed"]
    assert response.status_code == 202
    assert "/reset#token=" in letter["text"]

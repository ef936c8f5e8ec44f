"""The till in a process of its own: what a second terminal runs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import stripe

from app.stripe_sandbox.standing import till_for
from app.stripe_sandbox.till import SANDBOX_KEY
from app.stripe_sandbox.webhooks import signature
from tests.command import PROME, Command
from tests.conftest import settings_for
from tests.live import serve
from tests.ports import free_port
from tests.stripe_sandbox.inbox import SECRET, Inbox
from tests.stripe_sandbox.sdk import pack, sdk
from tests.waiting import eventually

START_SECONDS = 60


@contextmanager
def standing(command: Command, port: int, *words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*PROME, "sandbox", "--port", str(port), *words],
        cwd=command.folder,
        env=command.environment({"STRIPE_WEBHOOK_SECRET": SECRET}),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
        if process.stdout:
            process.stdout.close()


def answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/style.css", trust_env=False).is_success
    except httpx2.HTTPError:
        return False


@pytest.mark.either_engine
async def test_it_sells_by_itself_tells_the_shop_and_forgets_nothing(tmp_path: Path, inbox: Inbox) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with serve(inbox.app) as shop, httpx2.AsyncClient(trust_env=False) as browser, sdk(url) as client:
        with standing(Command(tmp_path), port, "--webhook", f"{shop}/hook"):
            await eventually(lambda: answers(url), seconds_max=START_SECONDS)
            session = await client.v1.checkout.sessions.create_async(pack())
        with standing(Command(tmp_path), port, "--webhook", f"{shop}/hook") as again:
            await eventually(lambda: answers(url), seconds_max=START_SECONDS)
            assert session.url is not None
            paid = await browser.post(session.url, data={"how": "card"})
            await eventually(lambda: "checkout.session.completed" in inbox.types)
            assert again.stdout is not None
            said = [again.stdout.readline() for _ in range(5)]

    assert session.url.startswith(f"{url}/c/pay/cs_test_")
    assert paid.headers["location"].endswith(session.id)
    assert f"  STRIPE_SECRET_KEY={SANDBOX_KEY}\n" in said
    assert f"  STRIPE_API_BASE={url}\n" in said


def test_in_production_it_does_not_start(tmp_path: Path) -> None:
    settings = {
        "ENVIRONMENT": "production",
        "BCRYPT_COST": "10",
        "FRONTEND_URL": "https://chat.example.com",
        "JWT_SECRET": "a-secret-of-our-own-that-is-long-enough",
    }

    done = Command(tmp_path).run("sandbox", **settings)

    assert (done.code, done.err) == (1, "The sandbox till is not for production.\n")


async def test_its_webhooks_go_to_our_own_server_unless_told_otherwise(database_url: str) -> None:
    settings = settings_for(database_url, port=8123, stripe_webhook_secret="whsec_1, whsec_2")

    async with till_for(settings) as till:
        till.lose_webhooks()
        with till.books.change():
            till.books.happened("customer.created", {"id": "cus_1", "object": "customer"})

        assert till.deliveries()[0]["url"] == "http://127.0.0.1:8123/api/billing/webhook"


def test_a_webhook_is_signed_as_the_sdk_would_sign_it() -> None:
    signed = stripe.WebhookSignature.generate_signature_header("{}", SECRET, timestamp=1)

    assert signature(b"{}", SECRET, 1).startswith(f"{signed},v0=")

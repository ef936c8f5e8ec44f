"""The fake upstream by hand, as README shows it: a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from app.providers.provider import ProviderTimeout
from scripts.upstream.faults import described
from tests.fakes.upstream import text_of
from tests.providers.asking import HURRIED, ask, asked, provider_of, read
from tests.waiting import WAIT_SECONDS_MAX

pytestmark = pytest.mark.either_engine
SCRIPT = str(Path(__file__).parents[2] / "scripts" / "fake_upstream.py")


@contextmanager
def by_hand(*arguments: str) -> Iterator[str]:
    command = [sys.executable, SCRIPT, "--port", "0", *arguments]
    # From elsewhere than the checkout, because nobody promised to stand in it.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd="/")
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate(timeout=WAIT_SECONDS_MAX)


async def test_it_runs_by_hand_with_a_fault_and_tells_what_it_saw() -> None:
    with by_hand("--fault", "stall") as url:
        async with provider_of(url, **HURRIED) as provider:
            told = await read(asked(provider, ask()))
        seen = httpx2.get(url.removesuffix("/v1") + "/_seen").json()

    assert told.text == text_of(3)
    assert type(told.failure) is ProviderTimeout
    assert (seen["calls"], seen["hung_up"]) == (1, 1)
    assert seen["last"][0]["fault"] == "stall"


async def test_a_single_call_chooses_its_own_fault() -> None:
    with by_hand("--tokens", "5", "--gap-ms", "1") as url:
        async with provider_of(url) as provider:
            good = await read(asked(provider, ask()))
            bad = await read(asked(provider, ask("fault-cut")))
            echo = await read(asked(provider, ask("echo", message="say it again")))
        whole = httpx2.post(f"{url}/chat/completions", json={"model": "m", "messages": []})
        broken = httpx2.post(f"{url}/chat/completions", json={"model": "m"}, headers={"X-Fault": "500"})

    assert good.text == text_of(5)
    assert bad.failure
    assert echo.text == "say it again"
    assert whole.json()["choices"][0]["message"]["content"] == text_of(5)
    assert broken.status_code == 500


def test_it_names_its_faults_and_knows_no_other() -> None:
    listed = subprocess.run([sys.executable, SCRIPT, "--list"], capture_output=True, text=True, check=True)
    unknown = subprocess.run(
        [sys.executable, SCRIPT, "--fault", "nonsense"], capture_output=True, text=True, check=False
    )

    assert [line.split()[0] for line in listed.stdout.splitlines()] == [name for name, _ in described()]
    assert unknown.returncode == 2

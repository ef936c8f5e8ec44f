"""Which upstreams the settings name."""

from __future__ import annotations

from typing import Any

import pytest

from app.providers.upstreams import GEMINI_BASE_URL, providers_from
from tests.conftest import settings_for
from tests.fakes.upstream import text_of, upstream
from tests.providers.asking import ask, asked, read


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, []),
        ({"openai_api_key": "sk-x"}, ["openai"]),
        ({"openai_base_url": "http://127.0.0.1:9/v1"}, ["openai"]),
        ({"openai_base_url": "https://api.openai.com/v1/"}, []),
        ({"gemini_api_key": "x"}, ["gemini"]),
        ({"gemini_api_key": "x", "openai_api_key": "sk-x"}, ["openai", "gemini"]),
    ],
)
async def test_only_those_that_could_answer_are_there(given: dict[str, Any], names: list[str]) -> None:
    providers = providers_from(settings_for("sqlite:///x.db", **given))

    assert list(providers) == names
    assert [provider.name for provider in providers.values()] == names
    for provider in providers.values():
        await provider.close()


async def test_an_upstream_without_a_key_is_asked_all_the_same() -> None:
    async with upstream() as fake:
        provider = providers_from(settings_for("sqlite:///x.db", openai_base_url=fake.url))["openai"]
        told = await read(asked(provider, ask()))
        await provider.close()

    assert told.text == text_of(16)


def test_gemini_is_asked_where_it_speaks_the_same_protocol() -> None:
    assert GEMINI_BASE_URL.endswith("/openai/")


async def test_an_upstream_is_asked_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = "http://models.invalid/v1"
    async with upstream() as fake:
        monkeypatch.setenv("http_proxy", fake.url.removesuffix("/v1"))
        provider = providers_from(settings_for("sqlite:///x.db", openai_base_url=elsewhere))["openai"]
        told = await read(asked(provider, ask()))
        await provider.close()

    assert told.text == text_of(16)

"""What a caller sees of the models, and what the service does with those who answer."""

from __future__ import annotations

import httpx2
import pytest

from app.providers.provider import Ask, Hear
from app.settings import Settings
from tests.conftest import settings_for
from tests.edge.rows import asking, running


class Silent:
    """A provider that only has to be there."""

    def __init__(self, name: str) -> None:
        self.name, self.is_closed = name, False

    async def reply(self, ask: Ask, hear: Hear) -> None:
        raise AssertionError("Nobody asks in these tests.")

    async def close(self) -> None:
        self.is_closed = True


async def listed(settings: Settings, query: str = "", *providers: str) -> httpx2.Response:
    silent = {name: Silent(name) for name in providers}
    async with running(settings, rows=[], providers=silent) as app, asking(app) as client:
        return await client.get(f"/api/models{query}")


async def test_anybody_may_see_the_models_and_their_prices(settings: Settings) -> None:
    answer = await listed(settings, "", "scripted", "scripted-2")

    assert answer.status_code == 200
    body = answer.json()
    assert [model["id"] for model in body["models"]] == ["scripted", "pricey", "tiny", "failing-over", "backup"]
    assert [model["default"] for model in body["models"]] == [True, False, False, False, False]
    assert body["nextCursor"] is None
    assert body["models"][1] == {
        "id": "pricey",
        "name": "Pricey",
        "provider": "scripted",
        "windowTokens": 8192,
        "replyTokensMax": 1000,
        "inputRate": 2000,
        "outputRate": 3000,
        "price": "2 tokens per prompt token, 3 per reply token",
        "countedBy": "tiktoken",
        "encoding": "o200k_base",
        "note": "",
        "default": False,
    }


async def test_a_list_without_any_model_is_empty(settings: Settings) -> None:
    answer = await listed(settings)

    assert answer.json() == {"models": [], "nextCursor": None}


async def test_what_reaches_the_upstream_stays_inside(database_url: str) -> None:
    answer = await listed(settings_for(database_url, catalogue=""), "", "openai", "gemini", "local")

    assert "upstream" not in answer.text.lower()
    assert "usd" not in answer.text.lower()


async def test_a_long_list_comes_in_pages(settings: Settings) -> None:
    silent = {"scripted": Silent("scripted")}
    seen, cursor, pages = [], "", 0
    async with running(settings, rows=[], providers=silent) as app, asking(app) as client:
        while pages == 0 or cursor:
            body = (await client.get(f"/api/models?limit=3{cursor}")).json()
            seen += [model["id"] for model in body["models"]]
            cursor, pages = f"&cursor={body['nextCursor']}" if body["nextCursor"] else "", pages + 1

    assert (seen, pages) == (["scripted", "pricey", "tiny", "failing-over"], 2)


@pytest.mark.parametrize("query", ["?limit=0", "?cursor=made-up", "?colour=red"])
async def test_a_wrong_query_is_refused(settings: Settings, query: str) -> None:
    answer = await listed(settings, query, "scripted")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_whoever_was_set_up_is_closed_when_the_service_stops(settings: Settings) -> None:
    silent = Silent("scripted")

    async with running(settings, rows=[], providers={"scripted": silent}):
        assert not silent.is_closed

    assert silent.is_closed

"""The same server as others see it: from another network address, as a browser, over TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from starlette.applications import Starlette

from tests.conftest import PASSWORD
from tests.declared import DeclaredErrors


@asynccontextmanager
async def caller(
    app: Starlette, *, host: str = "127.0.0.1", base_url: str = "http://app"
) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False, client=(host, 123))
    hooks = {"response": [DeclaredErrors(app).check]}
    async with httpx2.AsyncClient(transport=transport, base_url=base_url, event_hooks=hooks) as client:
        yield client


async def sign_in(client: httpx2.AsyncClient, email: str, password: str = PASSWORD) -> httpx2.Response:
    response = await client.post("/api/auth/login", json={"email": email, "password": password})
    client.cookies.clear()
    return response


async def sign_in_from(app: Starlette, host: str, email: str, password: str = PASSWORD) -> httpx2.Response:
    async with caller(app, host=host) as client:
        return await sign_in(client, email, password)


async def another_session(client: httpx2.AsyncClient, email: str, password: str = PASSWORD) -> dict[str, str]:
    response = await sign_in(client, email, password)
    assert response.status_code == 200, response.text
    return {"Authorization": f"Bearer {response.json()['token']}"}


async def status_of(client: httpx2.AsyncClient, headers: dict[str, str]) -> int:
    return (await client.get("/api/auth/me", headers=headers)).status_code

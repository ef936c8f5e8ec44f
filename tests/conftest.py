from __future__ import annotations

import asyncio
import functools
import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from hypothesis import settings as hypothesis_settings
from starlette.applications import Starlette

from app.main import create_app
from app.services import Services
from app.settings import Settings
from tests import databases as database_kinds
from tests.databases import Databases, SqliteDatabases
from tests.declared import DeclaredErrors
from tests.fakes.clock import FakeClock
from tests.fakes.provider import ScriptedProvider
from tests.figures import DEEP
from tests.live import serve
from tests.own_postgres import OwnPostgres, own_postgres

PASSWORD = "correct horse battery"
HOUSE = Path(__file__).parents[1]
# How long an example takes says how busy the machine is.
hypothesis_settings.register_profile("untimed", deadline=None)
hypothesis_settings.load_profile("untimed")
TEST_SECONDS_MAX = 1800 if DEEP else 300
MODELS = {"catalogue": str(HOUSE / "tests" / "fakes" / "catalogue.toml"), "assets_dir": str(HOUSE / "var")}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=["sqlite", "postgres"], default="sqlite", help="which engine to test on")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Many tests wait for a process, a browser or a clock; more of them than there are processors keep those busy.

    A browser brings processes of its own, so that beside those there is one less.
    """
    return (os.cpu_count() or 1) + (2 if config.getoption("database") == "postgres" else 1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What asks for no database has nothing more to say about Postgres than it has said beside SQLite."""
    if config.getoption("database") == "postgres":
        asking = {item for item in items if "databases" in getattr(item, "fixturenames", ())}
        config.hook.pytest_deselected(items=[item for item in items if item not in asking])
        items[:] = [item for item in items if item in asking]


def pytest_itemcollected(item: pytest.Item) -> None:
    """A stream that does not end fails its test, and holds up no other."""
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
        item.obj = _in_time(item.obj)


def _in_time(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def in_time(**fixtures: Any) -> None:
        async with asyncio.timeout(TEST_SECONDS_MAX):
            await test(**fixtures)

    return in_time


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    if request.config.getoption("database") == "postgres":
        with database_kinds.postgres() as found:
            yield found
    else:
        yield SqliteDatabases(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="module")
def own(databases: Databases) -> Iterator[OwnPostgres | None]:
    """A Postgres that nobody else uses, for tests that stop it; none where SQLite is tested."""
    if databases.kind != "postgres":
        yield None
        return
    with own_postgres() as found:
        yield found


@pytest.fixture
def database_url(databases: Databases, tmp_path: Path) -> Iterator[str]:
    url = databases.fresh(tmp_path)
    yield url
    databases.forget(url)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def settings(database_url: str) -> Settings:
    """A test that needs other settings overrides this fixture in its own module."""
    return settings_for(database_url)


def settings_for(database_url: str, **overrides: Any) -> Settings:
    # A title would be one more question to the provider, behind the test's back.
    quiet = {"environment": "test", "bcrypt_cost": 4, "titles": "off"}
    values: dict[str, Any] = {**quiet, "allowed_hosts": "app", **MODELS, **overrides}
    return Settings(_env_file=None, database_url=database_url, **values)


@pytest.fixture
def provider() -> ScriptedProvider:
    """Who answers for nearly every model of tests/fakes/catalogue.toml."""
    return ScriptedProvider()


@pytest.fixture
def backup() -> ScriptedProvider:
    """Who answers for the model `backup`, which stands in for `failing-over`."""
    return ScriptedProvider("scripted-2", words=["Backup", " speaking."])


@pytest_asyncio.fixture
async def app(
    settings: Settings, clock: FakeClock, provider: ScriptedProvider, backup: ScriptedProvider
) -> AsyncIterator[Starlette]:
    app = create_app(settings, clock=clock, providers={each.name: each for each in (provider, backup)})
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def services(app: Starlette) -> Services:
    found = app.state.services
    assert isinstance(found, Services)
    return found


@pytest_asyncio.fixture
async def client(app: Starlette) -> AsyncIterator[httpx2.AsyncClient]:
    """In-process, for everything that answers and ends. It keeps cookies as a browser does."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    hooks = {"response": [DeclaredErrors(app).check]}
    async with httpx2.AsyncClient(transport=transport, base_url="http://app", event_hooks=hooks) as client:
        yield client


@pytest_asyncio.fixture
async def live_url(app: Starlette) -> AsyncIterator[str]:
    async with serve(app) as url:
        yield url


@dataclass(frozen=True)
class Person:
    id: str
    email: str
    password: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


Register = Callable[..., Awaitable[Person]]


@pytest.fixture
def register(client: httpx2.AsyncClient) -> Register:
    """Registers somebody as a script would: what is kept is the token, not the cookie."""

    async def register(email: str = "ann@example.com", password: str = PASSWORD) -> Person:
        response = await client.post("/api/auth/register", json={"email": email, "password": password})
        assert response.status_code == 201, response.text
        client.cookies.clear()
        body = response.json()
        return Person(body["user"]["id"], body["user"]["email"], password, body["token"])

    return register


@pytest_asyncio.fixture
async def ann(register: Register) -> Person:
    return await register("ann@example.com")


@pytest_asyncio.fixture
async def bob(register: Register) -> Person:
    return await register("bob@example.com")

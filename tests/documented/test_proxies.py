"""README's lines for nginx and Caddy, where there are any: they hold no event back and compress none (S16)."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.chat.callers import EVENTS, calling, newcomer, until
from tests.chat.strict import events_of, require_grammar
from tests.command import Command
from tests.documented.readme import blocks, section
from tests.fakes.upstream import upstream
from tests.ports import free_port
from tests.waiting import WAIT_SECONDS_MAX

ASSETS = str(Path(__file__).parents[2] / "var")
PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
GAP_SECONDS, WORDS = 0.1, 20
# Each word stands alone: two that came together were held back.
ALONE = GAP_SECONDS / 2
SETTINGS = {"ASSETS_DIR": ASSETS, "LOCAL_MODEL": "off", "TITLES": "off", "OPENAI_MODEL": "fake"}
AROUND_NGINX = """
daemon off; pid {folder}/nginx.pid; error_log stderr;
events {{ worker_connections 256; }}
http {{
    access_log off; gzip on; gzip_types *; gzip_min_length 1;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port};
{lines}
    }}
}}
"""
AROUND_CADDY = "{{\n    admin off\n    auto_https off\n}}\n{lines}"


def where(name: str) -> str:
    found = shutil.which(name, path=PLACES) or shutil.which(name)
    if found is None:
        pytest.skip(f"There is no {name} on this machine.")
    return found


def lines_of(language: str) -> str:
    (lines,) = blocks(section("One worker, or many", 3), language)
    return lines


@contextmanager
def running(*command: str, port: int, folder: Path) -> Iterator[str]:
    process = subprocess.Popen(command, env={"HOME": str(folder)})
    url, until_then = f"http://127.0.0.1:{port}", time.monotonic() + WAIT_SECONDS_MAX
    try:
        while True:
            try:
                if httpx2.get(url, trust_env=False).status_code == 200:
                    break
            except httpx2.ConnectError:
                assert process.poll() is None
            assert time.monotonic() < until_then
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def nginx(folder: Path, to_port: str) -> Iterator[str]:
    program, port, config = where("nginx"), free_port(), folder / "nginx.conf"
    lines = lines_of("nginx").replace("127.0.0.1:8000", f"127.0.0.1:{to_port}")
    config.write_text(AROUND_NGINX.format(folder=folder, port=port, lines=lines))
    with running(program, "-p", str(folder), "-c", str(config), port=port, folder=folder) as url:
        yield url


@contextmanager
def caddy(folder: Path, to_port: str) -> Iterator[str]:
    """The second worker of README is not there, which is what it asks each of them for."""
    program, port, config = where("caddy"), free_port(), folder / "Caddyfile"
    lines = lines_of("caddy").replace("127.0.0.1:8000", f"127.0.0.1:{to_port}")
    lines = lines.replace("127.0.0.1:8001", f"127.0.0.1:{free_port()}").replace(
        "prome.example.com", f"http://127.0.0.1:{port}"
    )
    config.write_text(AROUND_CADDY.format(lines=lines))
    command = (program, "run", "--config", str(config), "--adapter", "caddyfile")
    with running(*command, port=port, folder=folder) as url:
        yield url


Proxy = Callable[[Path, str], AbstractContextManager[str]]
PROXIES: dict[str, Proxy] = {"nginx": nginx, "caddy": caddy}


@pytest.mark.either_engine
@pytest.mark.parametrize("name", PROXIES)
async def test_it_passes_every_event_on_at_once(tmp_path: Path, database_url: str, name: str) -> None:
    where(name)
    command = Command(tmp_path, {**SETTINGS, "DATABASE_URL": database_url})
    async with upstream(tokens=WORDS, gap_seconds=GAP_SECONDS) as fake:
        with command.serving(OPENAI_BASE_URL=fake.url) as server, PROXIES[name](tmp_path, server.port) as url:
            person = await newcomer(server.url)
            async with calling(url, person) as caller, httpx2.AsyncClient(base_url=url) as client:
                page = await client.get("/", headers={"Accept-Encoding": "gzip"})
                async with caller.asking("Go", {**EVENTS, "Accept-Encoding": "gzip"}) as reply:
                    stream, times = events_of(reply), []
                    seen = await until(stream, "answer")
                    async for event in stream:
                        seen.append(event)
                        times.append(time.monotonic())

    require_grammar(seen)
    gaps = sorted(after - before for before, after in itertools.pairwise(times[:-2]))
    assert page.status_code == 200
    assert "Content-Encoding" not in reply.headers
    # What is kept back comes in a few pieces; what a busy machine delays, at most now and then.
    assert gaps[len(gaps) // 4] >= ALONE, gaps

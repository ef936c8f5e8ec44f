"""README's lines for nginx, in a real nginx where there is one: it holds no event back and compresses none (S16)."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.chat.callers import EVENTS, calling, newcomer, until
from tests.chat.strict import events_of, require_grammar
from tests.command import Command, free_port
from tests.documented.readme import blocks, section
from tests.fakes.upstream import upstream

ASSETS = str(Path(__file__).parents[2] / "var")
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin") or shutil.which("nginx")
GAP_SECONDS, WORDS = 0.1, 20
# Each word stands alone: two that came together were held back.
ALONE = GAP_SECONDS / 2
SETTINGS = {"ASSETS_DIR": ASSETS, "LOCAL_MODEL": "off", "TITLES": "off", "OPENAI_MODEL": "fake"}
AROUND = """
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


@contextmanager
def nginx(folder: Path, to_port: str) -> Iterator[str]:
    assert NGINX
    (lines,) = blocks(section("One worker, or many", 3), "nginx")
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(
        AROUND.format(folder=folder, port=port, lines=lines.replace("127.0.0.1:8000", f"127.0.0.1:{to_port}"))
    )
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(config)])
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.slow
@pytest.mark.skipif(NGINX is None, reason="There is no nginx on this machine.")
async def test_nginx_passes_every_event_on_at_once(tmp_path: Path, database_url: str) -> None:
    command = Command(tmp_path, {**SETTINGS, "DATABASE_URL": database_url})
    async with upstream(tokens=WORDS, gap_seconds=GAP_SECONDS) as fake:
        with command.serving(OPENAI_BASE_URL=fake.url) as server, nginx(tmp_path, server.port) as url:
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
    assert gaps[len(gaps) // 10] >= ALONE, gaps

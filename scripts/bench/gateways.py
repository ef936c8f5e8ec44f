"""Gateways as more peers, where somebody has installed them: `--litellm …/bin/litellm`, `--portkey …/bin/gateway`.

Neither keeps accounts here, nor a database; Prome does.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from scripts.bench import machine
from scripts.bench.processes import Running, free_port, running
from scripts.bench.wire import Order

MODEL = """
  - model_name: {name}
    litellm_params: {{model: openai/{name}, api_base: "http://127.0.0.1:{port}/v1", api_key: none}}
"""
# Without one it does not start.
KEY = f"sk-{secrets.token_hex(32)}"
# It must not ask the world for prices, nor tell it that it runs.
ALONE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "LITELLM_LOG": "ERROR"}
Served = Callable[[Path, Path, Running, Sequence[Order]], AbstractContextManager[Running]]


@contextmanager
def litellm(program: Path, folder: Path, upstream: Running, orders: Sequence[Order]) -> Iterator[Running]:
    port, config = free_port(), folder / "litellm.yaml"
    models = "".join(MODEL.format(name=order.model, port=upstream.port) for order in orders)
    config.write_text(f"model_list:{models}")
    command = [str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    with running(
        command, port, machine.for_the_server(), env={**ALONE, "LITELLM_MASTER_KEY": KEY}, cwd=str(folder)
    ) as server:
        yield server


@contextmanager
def portkey(program: Path, folder: Path, _upstream: Running, _orders: Sequence[Order]) -> Iterator[Running]:
    port = free_port()
    command = [str(program), f"--port={port}", "--headless"]
    with running(command, port, machine.for_the_server(), cwd=str(folder)) as server:
        yield server


GATEWAYS: Mapping[str, Served] = {"LiteLLM": litellm, "Portkey": portkey}


def headers(name: str, upstream: Running) -> list[str]:
    """Who is to be asked: LiteLLM knows that from its file, Portkey is told with each question."""
    where = ["x-portkey-provider: openai", f"x-portkey-custom-host: http://127.0.0.1:{upstream.port}/v1"]
    return [f"Authorization: Bearer {KEY}", *(where if name == "Portkey" else [])]

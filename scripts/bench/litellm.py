"""The LiteLLM proxy as one more peer, when it is installed somewhere: `--litellm /path/to/bin/litellm`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.bench import machine
from scripts.bench.processes import Running, free_port, running
from scripts.bench.wire import Order

NAME = "LiteLLM"
MODEL = """
  - model_name: {name}
    litellm_params: {{model: openai/{name}, api_base: "http://127.0.0.1:{port}/v1", api_key: none}}
"""
# It must not ask the world for prices, nor tell it that it runs.
ALONE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "LITELLM_LOG": "ERROR"}


@contextmanager
def served(program: Path, folder: Path, upstream: Running, orders: Sequence[Order]) -> Iterator[Running]:
    port, config = free_port(), folder / "litellm.yaml"
    models = "".join(MODEL.format(name=order.model, port=upstream.port) for order in orders)
    config.write_text(f"model_list:{models}")
    command = [str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    with running(command, port, machine.for_the_server(), env=ALONE, cwd=str(folder)) as server:
        yield server

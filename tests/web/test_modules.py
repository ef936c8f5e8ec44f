"""The modules of the web client that need no browser, tested by Node's own runner."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.either_engine
@pytest.mark.skipif(shutil.which("node") is None, reason="There is no Node on this machine to run these modules")
@pytest.mark.parametrize("name", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_the_modules_do_what_their_tests_claim(name: str) -> None:
    said = subprocess.run(["node", "--test", HERE / name], capture_output=True, text=True, check=False, timeout=120)

    assert said.returncode == 0, said.stdout[-4000:] + said.stderr
    assert "\n# pass 0\n" not in said.stdout

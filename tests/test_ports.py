"""Tests in several processes must not be lent the same port, or one talks to the server of another."""

from __future__ import annotations

import socket
import subprocess
import sys

from tests.ports import PORTS, free_port

TELL = f"from tests.ports import free_port; print(*(free_port() for _ in range({PORTS})))"


def test_no_other_process_is_lent_a_port_of_ours() -> None:
    ours = {free_port() for _ in range(PORTS)}
    told = subprocess.run([sys.executable, "-c", TELL], capture_output=True, text=True, check=True, timeout=60)
    theirs = set(map(int, told.stdout.split()))

    assert len(ours) > PORTS / 2 < len(theirs)
    assert not ours & theirs


def test_one_that_somebody_listens_on_is_left_out() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        lent = {free_port() for _ in range(PORTS)}

        assert server.getsockname()[1] not in lent

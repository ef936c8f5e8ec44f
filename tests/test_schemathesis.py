"""The API does what its schema says: schemathesis asks for everything in every way it can think of, over a socket."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx2

from tests.command import Command
from tests.databases import Databases

RUN_SECONDS_MAX = 240
# What is asked and answered is the same on both; Postgres refuses a few texts that SQLite keeps.
EXAMPLES = {"sqlite": 25, "postgres": 10}
# A schema cannot say everything that makes an e-mail address, a cursor or a good password, so data that fits it may
# still be refused; that it is refused with a declared answer is checked all the same.
UNPROMISED = "positive_data_acceptance"
# One never ends, the other ends the session that the rest is asked with.
APART = ("/api/events", "/api/auth/logout")


def test_no_question_gets_an_answer_that_the_schema_does_not_declare(databases: Databases, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": databases.fresh(tmp_path), "REGISTRATIONS_PER_HOUR": "1000000", "LOG_LEVEL": "ERROR"}

    with Command(tmp_path, settings).serving() as server:
        body = {"email": "ann@example.com", "password": "correct horse battery"}
        token = httpx2.post(f"{server.url}/api/auth/register", json=body).json()["token"]
        asked = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("st")), "run", f"{server.url}/openapi.json"),
                *("--header", f"Authorization: Bearer {token}"),
                *("--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES[databases.kind])),
                *("--checks", "all", "--exclude-checks", UNPROMISED, "--continue-on-failure", "--warnings", "off"),
                *(part for path in APART for part in ("--exclude-path", path)),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS_MAX,
            check=False,
        )

    assert asked.returncode == 0, asked.stdout[-8000:]
    assert "Test cases:" in asked.stdout

"""What README claims is so: its settings, its commands, its links, and its examples, which are run."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from dotenv import dotenv_values

from app.__main__ import cli
from app.settings import DEVELOPMENT_SECRET, Settings
from scripts import write_settings
from tests.command import Command
from tests.documented.readme import HOUSE, README, blocks, require_promised, section

MAKEFILE = (HOUSE / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):(?!=)", MAKEFILE, re.MULTILINE))
EXAMPLE_SECONDS = 60


def test_the_environment_file_to_copy_holds_every_setting_and_its_default() -> None:
    assert (HOUSE / ".env.example").read_text() == write_settings.env_example(), "Run `make settings`."


def test_readme_s_table_holds_every_setting_and_its_default() -> None:
    assert write_settings.table() in section("Settings"), "Run `make settings`."


def test_the_environment_file_with_every_line_opened_changes_nothing(tmp_path: Path) -> None:
    opened = tmp_path / ".env"
    opened.write_text(re.sub(r"^#(?=[A-Z])", "", (HOUSE / ".env.example").read_text(), flags=re.MULTILINE))

    names = {name.lower() for name in dotenv_values(opened)}

    assert names == set(Settings.model_fields)
    assert Settings(_env_file=opened) == Settings(_env_file=None)


def test_the_secret_for_development_is_not_handed_out_to_be_copied() -> None:
    assert DEVELOPMENT_SECRET not in (HOUSE / ".env.example").read_text() + README


def test_every_make_command_in_readme_can_be_made() -> None:
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)(?=[`\s]*(?:`|$|#|\s{2}))", README, re.MULTILINE))

    assert {"run", "test", "check", "help"} <= named
    assert named <= TARGETS


def test_make_alone_lists_every_target_with_a_line_about_it() -> None:
    said = subprocess.run(["make"], cwd=HOUSE, capture_output=True, text=True, check=True).stdout

    lines = dict(re.findall(r"^  make (\S+) +(\S.*)$", said, re.MULTILINE))
    assert set(lines) == TARGETS
    assert set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split()) == TARGETS  # type: ignore[index]


def test_every_subcommand_is_in_readme() -> None:
    known = {command.name or command.callback.__name__ for command in cli.registered_commands if command.callback}

    named = set(re.findall(r"`prome ([a-z]+)", section("The command")))

    assert len(known) >= 7
    assert named == known


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md"])
def test_every_local_link_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", (HOUSE / page).read_text())

    assert [link for link in links if "://" not in link and not (HOUSE / link.partition("#")[0]).exists()] == []


def test_the_changelog_says_what_is_new() -> None:
    assert re.search(r"^## Unreleased\n\n- \S", (HOUSE / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_the_examples_answer_what_readme_says(tmp_path: Path, database_url: str) -> None:
    examples = blocks(section("The API by example"), "bash")
    script = "set -euo pipefail\n" + "\n".join(examples)

    with Command(tmp_path, {"DATABASE_URL": database_url}).serving() as server:
        done = subprocess.run(
            ["bash", "-c", script],
            env={**Command(tmp_path).environment({}), "B": server.url},
            capture_output=True,
            text=True,
            timeout=EXAMPLE_SECONDS,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    assert script.count("# → ") >= len(examples)
    require_promised(script, done.stdout)

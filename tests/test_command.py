"""What an operator types, and what it says: run for real, each time in a directory with nothing in it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from app import migrations
from tests.command import PYTHON_M_APP, Command
from tests.conftest import PASSWORD
from tests.databases import Databases
from tests.ports import free_port
from tests.valkeys import valkey

PRODUCTION = {
    "ENVIRONMENT": "production",
    "BCRYPT_COST": "10",
    "FRONTEND_URL": "https://chat.example.com",
    "JWT_SECRET": "a-secret-of-our-own-that-is-long-enough",
}
ANN = "ann@example.com"


@pytest.fixture
def prome(databases: Databases, tmp_path: Path) -> Command:
    return Command(tmp_path, {"DATABASE_URL": databases.fresh(tmp_path)})


@pytest.fixture
def prome_on_nothing(databases: Databases, tmp_path: Path) -> Command:
    return Command(tmp_path, {"DATABASE_URL": databases.fresh(tmp_path, migrated=False)})


@pytest.fixture
def sqlite(tmp_path: Path) -> Command:
    """With no setting at all, which means a file of its own below this directory."""
    return Command(tmp_path)


def sign_in(url: str, password: str = PASSWORD) -> httpx2.Response:
    return httpx2.post(f"{url}/api/auth/login", json={"email": ANN, "password": password})


def test_migrate_goes_up_and_down_and_says_where_it_is(prome_on_nothing: Command) -> None:
    newest = migrations.head()

    said = [prome_on_nothing.run("migrate", *words) for words in (["current"], ["up"], ["down", "--revision", "base"])]

    assert [result.code for result in said] == [0, 0, 0]
    assert [result.out for result in said] == [
        f"The database is at nothing yet; newest is {newest}.\n",
        f"The database is at {newest}; newest is {newest}.\n",
        f"The database is at nothing yet; newest is {newest}.\n",
    ]


def test_a_step_down_from_nothing_is_refused_in_one_line(prome_on_nothing: Command) -> None:
    result = prome_on_nothing.run("migrate", "down")

    assert result.code == 1
    assert len(result.err.splitlines()) == 1
    assert "Traceback" not in result.err


def test_admin_creates_with_a_password_from_a_pipe_and_promotes_who_is_there(prome: Command) -> None:
    created = prome.run("admin", ANN, stdin=f"{PASSWORD}\n")
    promoted = prome.run("admin", ANN)

    assert created.out == promoted.out == f"{ANN} is an administrator.\n"
    with prome.serving() as server:
        assert sign_in(server.url).json()["user"]["role"] == "admin"


@pytest.mark.parametrize(
    ("email", "password", "words"), [(ANN, "short", "at least"), (ANN, "", "at least"), ("nobody", PASSWORD, "e-mail")]
)
def test_admin_refuses_what_registering_refuses(prome: Command, email: str, password: str, words: str) -> None:
    result = prome.run("admin", email, stdin=f"{password}\n")

    assert result.code == 1
    assert words in result.err
    assert "Traceback" not in result.err


def test_seed_puts_in_somebody_to_sign_in_as_and_only_once(prome: Command) -> None:
    first, second = prome.run("seed"), prome.run("seed")

    shown = re.fullmatch(r"Sign in as (\S+) with the password (\S+)\n", first.out)
    assert shown is not None, first
    assert second.out == "demo@example.com is there already.\n"
    with prome.serving() as server:
        answer = httpx2.post(f"{server.url}/api/auth/login", json={"email": shown[1], "password": shown[2]})
        assert answer.status_code == 200


def test_seed_is_not_for_production(prome: Command) -> None:
    result = prome.run("seed", **PRODUCTION)

    assert (result.code, result.out) == (1, "")
    assert "prome admin EMAIL" in result.err


def test_a_closed_account_is_out_at_once_and_may_be_opened_again(prome: Command) -> None:
    prome.run("admin", ANN, stdin=PASSWORD)
    with prome.serving() as server:
        token = sign_in(server.url).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}

        closed = prome.run("disable", ANN)
        seen = httpx2.get(f"{server.url}/api/auth/me", headers=headers).status_code, sign_in(server.url).status_code
        opened = prome.run("enable", ANN)

        assert (closed.out, opened.out) == (f"{ANN} is closed.\n", f"{ANN} may sign in again.\n")
        assert seen[0] == 401
        assert seen[1] in {401, 403}
        assert sign_in(server.url).status_code == 200


def test_nobody_is_closed_by_a_misspelt_address(prome: Command) -> None:
    result = prome.run("disable", "nan@example.com")

    assert (result.code, result.err) == (1, "Nobody here has the address nan@example.com.\n")


def test_doctor_is_content_with_a_migrated_database_and_says_what_is_off(prome: Command) -> None:
    result = prome.run("doctor")

    assert result.code == 0, result
    lines = {line.split()[1]: line for line in result.out.splitlines()}
    assert lines["database"].startswith("ok")
    assert "`prome assets`" in lines["tokenizers"]
    assert "OPENAI_API_KEY" in lines["openai"]
    assert "GEMINI_API_KEY" in lines["gemini"]
    assert "STRIPE_SECRET_KEY" in lines["payments"]
    assert "SMTP_URL" in lines["mail"]


def test_doctor_says_what_is_set_up_and_fails_on_a_till_that_would_lose_purchases(
    prome: Command, tmp_path: Path
) -> None:
    with valkey(tmp_path) as (redis_url, _):
        keys = {"STRIPE_SECRET_KEY": "sk_test_1", "SMTP_URL": "smtp://mail", "REDIS_URL": redis_url}
        half, whole = prome.run("doctor", **keys), prome.run("doctor", **keys, STRIPE_WEBHOOK_SECRET="whsec_1")

    assert (half.code, whole.code) == (1, 0)
    assert [line.split()[:2] for line in half.out.splitlines() if line.startswith("BROKEN")] == [["BROKEN", "payments"]]
    fine = {line.split()[1] for line in whole.out.splitlines() if line.startswith("ok")}
    assert fine == {"database", "payments", "mail", "workers"}


def test_doctor_fails_on_a_database_that_is_behind_and_says_the_cure(prome_on_nothing: Command) -> None:
    result = prome_on_nothing.run("doctor")

    assert result.code == 1
    assert re.search(r"BROKEN\s+database.*`prome migrate up`", result.out)


def test_doctor_fails_on_a_redis_that_does_not_answer(prome: Command) -> None:
    result = prome.run("doctor", REDIS_URL=f"redis://:hunter2@127.0.0.1:{free_port()}")

    assert result.code == 1
    assert re.search(r"BROKEN\s+workers.*REDIS_URL", result.out)
    assert "hunter2" not in result.out + result.err


def test_a_database_of_a_newer_version_is_called_so(sqlite: Command) -> None:
    sqlite.run("migrate")
    with closing(sqlite3.connect(sqlite.folder / "data" / "prome.db")) as file, file:
        file.execute("UPDATE alembic_version SET version_num = '9999'")

    said = [sqlite.run(*words) for words in (["doctor"], ["migrate", "up"], ["reconcile"], ["serve"])]

    for result in said:
        assert result.code == 1
        assert "9999, which a newer version of Prome made" in result.out + result.err
        assert "prome migrate" not in result.out + result.err


@pytest.mark.parametrize("words", [["reconcile"], ["package"], ["grant", ANN, "1", "--reason", "x"], ["disable", ANN]])
def test_a_command_in_the_wrong_directory_makes_no_database_there(sqlite: Command, words: list[str]) -> None:
    result = sqlite.run(*words)

    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "There is no database at data/prome.db. Run this where your `.env` is, or set DATABASE_URL.\n"
    )
    assert list(sqlite.folder.iterdir()) == []


def test_doctor_makes_no_file_where_there_is_none(sqlite: Command) -> None:
    result = sqlite.run("doctor")

    assert result.code == 1
    assert list(sqlite.folder.iterdir()) == []


def test_doctor_fails_on_a_database_out_of_reach_without_its_password(sqlite: Command) -> None:
    url = f"postgres://me:hunter2@127.0.0.1:{free_port()}/it"

    results = [sqlite.run(word, DATABASE_URL=url) for word in ("doctor", "migrate", "seed", "serve", "reconcile")]

    assert [result.code for result in results] == [1, 1, 1, 1, 1]
    assert all("The database cannot be reached just now." in result.err for result in results[1:])
    for result in results:
        assert "hunter2" not in result.out + result.err
        assert "Traceback" not in result.err


def test_serve_makes_its_database_answers_and_stops_when_it_is_asked(sqlite: Command) -> None:
    with sqlite.serving() as server:
        page, api = httpx2.get(server.url), httpx2.get(f"{server.url}/api/auth/me")
        code, _ = server.terminate()

    assert (page.status_code, api.status_code) == (200, 401)
    assert (sqlite.folder / "data" / "prome.db").is_file()
    assert code == 0, server.log.read_text()
    assert "Traceback" not in server.log.read_text()


def test_a_second_server_on_one_file_is_refused_in_one_line(sqlite: Command) -> None:
    with sqlite.serving():
        result = sqlite.run("serve", PORT=str(free_port()))

    assert result.code == 1
    assert result.err == "Another server already uses data/prome.db. SQLite serves one server at a time.\n"


def test_what_an_operator_types_works_beside_a_running_server(sqlite: Command) -> None:
    with sqlite.serving():
        results = [sqlite.run("seed"), sqlite.run("doctor"), sqlite.run("migrate", "up")]

    assert [result.code for result in results] == [0, 0, 0], results


def test_a_port_in_use_is_named(prome: Command, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with prome.serving() as server:
        result = Command(elsewhere).run("serve", PORT=server.port)
        till = Command(elsewhere).run("sandbox", "--port", server.port)

    said = f"Cannot listen on 127.0.0.1:{server.port}: Address already in use."
    assert (result.code, result.err) == (1, f"{said} See HOST and PORT.\n")
    assert (till.code, till.out, till.err) == (1, "", f"{said} See --port.\n")


def test_an_unsafe_production_does_not_start_and_lists_every_fault(prome: Command) -> None:
    result = prome.run("serve", ENVIRONMENT="production", CORS_ORIGINS="*", PORT="eighty")

    assert result.code == 1
    named = re.findall(r"^  - (\w+):", result.err, re.MULTILINE)
    assert named == ["PORT", "JWT_SECRET", "FRONTEND_URL", "CORS_ORIGINS", "BCRYPT_COST"]


def test_production_does_not_serve_a_database_that_is_behind(prome_on_nothing: Command) -> None:
    result = prome_on_nothing.run("serve", **PRODUCTION)

    assert result.code == 1
    assert "Run `prome migrate up` first." in result.err


def test_production_serves_a_database_that_is_up_to_date(prome: Command) -> None:
    with prome.serving(**PRODUCTION) as server:
        code, _ = server.terminate()

    assert code == 0


@pytest.mark.parametrize(
    ("more", "words"), [({}, "SQLite serves one worker"), ({"DATABASE_URL": "postgres://db/it"}, "needs REDIS_URL")]
)
def test_more_than_one_worker_needs_what_they_share(sqlite: Command, more: dict[str, str], words: str) -> None:
    result = sqlite.run("serve", WORKERS="2", **more)

    assert result.code == 1
    assert words in result.err


def test_settings_are_read_from_a_file_beside_it(sqlite: Command) -> None:
    (sqlite.folder / ".env").write_text("DATABASE_URL=sqlite:///here.db\nREDIS_URL=\nPORT=\n")

    result = sqlite.run("migrate")

    assert result.code == 0
    assert (sqlite.folder / "here.db").is_file()


def test_python_m_app_is_the_same_command(sqlite: Command) -> None:
    other = Command(sqlite.folder, prome=PYTHON_M_APP)

    assert [other.run(*words) for words in (["--help"], ["nonsense"])] == [
        sqlite.run(*words) for words in (["--help"], ["nonsense"])
    ]

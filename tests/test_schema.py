"""One truth about the tables: the file people read, the models Python uses and a migrated database agree."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from sqlmodel import SQLModel

from tests.databases import Databases
from tests.described import Description, describe, functions, make_tables, run_script
from tests.schema_file import SCHEMA, BadMark, for_engine

HOUSE = Path(__file__).parents[1]
for path in sorted((HOUSE / "app").glob("*/tables.py")):
    import_module(".".join(path.relative_to(HOUSE).with_suffix("").parts))

GUARD = """
-- [sqlite]
CREATE TRIGGER tries_stay BEFORE DELETE ON tries BEGIN SELECT RAISE(ABORT, 'tries stay'); END;
-- [end]
-- [postgres]
CREATE FUNCTION tries_stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'tries stay'; END $$;
CREATE TRIGGER tries_stay BEFORE DELETE ON tries FOR EACH ROW EXECUTE FUNCTION tries_stay();
-- [end]
"""


def from_file(databases: Databases, folder: Path, text: str) -> Description:
    url = databases.fresh(folder, migrated=False)
    run_script(url, for_engine(text, databases.kind))
    return describe(url)


def without_triggers(tables: Description) -> Description:
    return {name: {**table, "triggers": {}} for name, table in tables.items()}


def test_the_file_and_a_migrated_database_say_the_same(databases: Databases, tmp_path: Path) -> None:
    written = from_file(databases, tmp_path, SCHEMA.read_text())

    migrated = describe(databases.fresh(tmp_path))

    assert len(written) >= 5
    assert written == migrated


def test_the_functions_of_the_file_are_those_of_a_migrated_database(databases: Databases, tmp_path: Path) -> None:
    url = databases.fresh(tmp_path, migrated=False)
    run_script(url, for_engine(SCHEMA.read_text(), databases.kind))

    written = functions(url)

    assert ("search" in written) == (databases.kind == "postgres")
    assert written == functions(databases.fresh(tmp_path))


def test_the_file_and_the_models_say_the_same(databases: Databases, tmp_path: Path) -> None:
    """Triggers are left out: a model cannot say them."""
    written = from_file(databases, tmp_path, SCHEMA.read_text())
    url = databases.fresh(tmp_path, migrated=False)

    make_tables(url, SQLModel.metadata)

    assert without_triggers(written) == without_triggers(describe(url))


@pytest.mark.parametrize(
    ("table", "said", "before", "after"),
    [
        ("users", "columns", "    name                VARCHAR     NOT NULL,\n", ""),
        ("users", "columns", "disabled_at         TIMESTAMPTZ,", "disabled_at         TIMESTAMPTZ, nick VARCHAR,"),
        ("users", "columns", "disabled_at         TIMESTAMPTZ,", "disabled_at         TIMESTAMPTZ NOT NULL,"),
        ("users", "columns", "disabled_at         TIMESTAMPTZ,", "disabled_at         VARCHAR,"),
        ("users", "columns", "disabled_at         TIMESTAMPTZ,", "disabled_at         TIMESTAMP,"),
        ("tries", "columns", "BIGINT ", "INTEGER "),
        ("tries", "columns", "BIGINT ", "BIGINT DEFAULT 7 "),
        ("users", "unique", "VARCHAR     NOT NULL UNIQUE", "VARCHAR     NOT NULL"),
        ("users", "checks", "'subscriber', ", ""),
        ("users", "checks", "'admin'", "'ADMIN'"),
        ("tries", "checks", "count >= 0", "count > 0"),
        ("sign_ins", "points at", "VARCHAR     NOT NULL REFERENCES users (id)", "VARCHAR NOT NULL"),
        ("sign_ins", "points at", "REFERENCES users (id)", "REFERENCES users (id) ON DELETE CASCADE"),
        ("idempotency_keys", "primary key", "(user_id, key)", "(key, user_id)"),
        ("sign_ins", "indexes", "(user_id, created_at, id)", "(user_id, created_at)"),
        ("sign_ins", "indexes", "(user_id, created_at, id)", "(user_id, created_at DESC, id)"),
        ("tries", "indexes", "INDEX ix_tries", "UNIQUE INDEX ix_tries"),
        ("tries", "indexes", "(window_ends_at);", "(window_ends_at) WHERE count > 1;"),
        ("tries", "triggers", "-- What a request with", f"{GUARD}-- What a request with"),
    ],
)
def test_a_difference_in_the_file_is_caught(
    databases: Databases, tmp_path: Path, table: str, said: str, before: str, after: str
) -> None:
    text = SCHEMA.read_text()
    assert before in text, "The file no longer has what this case wants to change."

    doctored = from_file(databases, tmp_path, text.replace(before, after, 1))

    assert doctored[table][said] != describe(databases.fresh(tmp_path))[table][said]


def test_a_table_too_many_is_caught(databases: Databases, tmp_path: Path) -> None:
    doctored = from_file(databases, tmp_path, f"{SCHEMA.read_text()}\nCREATE TABLE more (id VARCHAR PRIMARY KEY);")

    assert set(doctored) - set(describe(databases.fresh(tmp_path))) == {"more"}


def test_what_a_trigger_does_is_compared_and_not_only_its_name(databases: Databases, tmp_path: Path) -> None:
    strict = from_file(databases, tmp_path, SCHEMA.read_text() + GUARD)

    lax = from_file(databases, tmp_path, SCHEMA.read_text() + GUARD.replace("tries stay", "tries go"))

    assert strict["tries"]["triggers"].keys() == lax["tries"]["triggers"].keys() == {"tries_stay"}
    assert strict["tries"]["triggers"] != lax["tries"]["triggers"]


def test_how_a_statement_is_laid_out_makes_no_difference(databases: Databases, tmp_path: Path) -> None:
    plain = from_file(databases, tmp_path, "CREATE TABLE a (b INTEGER CHECK (b > 0));\nCREATE INDEX c ON a (b);")

    airy = from_file(
        databases, tmp_path, 'create table "a" (\n "b" integer\n check ( b>0 )\n);create  index c\n on a ( b );'
    )

    assert plain == airy


def test_each_engine_reads_what_is_for_both_and_what_is_for_itself() -> None:
    text = "both\n-- [sqlite]\none\n-- [postgres]\nother\n-- [end]\nlast -- [sqlite]"

    assert for_engine(text, "sqlite").split() == ["both", "one", "last", "--", "[sqlite]"]
    assert for_engine(text, "postgres").split() == ["both", "other", "last", "--", "[sqlite]"]
    assert for_engine(text, "postgres").splitlines()[4] == "other"


@pytest.mark.parametrize(
    "text", ["-- [sqlite]\na", "-- [end]", "-- [mysql]\n-- [end]", "-- [sqlite]\n-- [sqlite]\n-- [end]"]
)
def test_a_block_that_does_not_add_up_is_refused(text: str) -> None:
    with pytest.raises(BadMark):
        for_engine(text, "sqlite")

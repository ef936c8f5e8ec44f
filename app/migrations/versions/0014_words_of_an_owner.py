"""In SQLite's index each word has its owner before it, so that a search walks along no list of other people's words.

Postgres jumps from one of a list to the next that can be meant, and keeps owners as words of their own; its function
takes the new queries and those of servers of the version before, which are at work while they are replaced.
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"

OWNED = """
    ALTER TABLE search_entries ADD COLUMN owned VARCHAR GENERATED ALWAYS AS (
        replace(substr(words, instr(words, ' ')), ' ', ' ' || substr(words, 1, instr(words, ' ') - 1) || '_')
    ) VIRTUAL
"""
INDEX = """
    CREATE VIRTUAL TABLE search USING fts5 (
        {words}, content = 'search_entries', content_rowid = 'number', detail = none, columnsize = 0,
        tokenize = "ascii tokenchars '_'"
    )
"""
FORGET = "INSERT INTO search (search, rowid, {words}) VALUES ('delete', OLD.number, OLD.{words});"
REMEMBER = "INSERT INTO search (rowid, {words}) VALUES (NEW.number, NEW.{words});"
TRIGGERS = {"insert": REMEMBER, "delete": FORGET, "update": f"{FORGET} {REMEMBER}"}
FUNCTION = """
    CREATE OR REPLACE FUNCTION search(query VARCHAR) RETURNS TABLE (rowid BIGINT) LANGUAGE sql STABLE AS $$
        SELECT number FROM search_entries
        WHERE array_to_tsvector(string_to_array(words, ' '))
              @@ CAST(replace(replace({query}, ' ', ' & '), '*', ':*') AS tsquery)
    $$
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _drop_index()
        op.execute(OWNED)
        _make_index("owned")
    else:
        op.execute(FUNCTION.format(query=r"regexp_replace(query, '(_[^_ ]+_[^_ ]+)_', '\1 ', 'g')"))


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _drop_index()
        op.execute("ALTER TABLE search_entries DROP COLUMN owned")
        _make_index("words")
    else:
        op.execute(FUNCTION.format(query="query"))


def _drop_index() -> None:
    for what in TRIGGERS:
        op.execute(f"DROP TRIGGER search_entries_{what}")
    op.execute("DROP TABLE search")


def _make_index(words: str) -> None:
    op.execute(INDEX.format(words=words))
    op.execute("INSERT INTO search (search) VALUES ('rebuild')")
    for what, done in TRIGGERS.items():
        made = f"CREATE TRIGGER search_entries_{what} AFTER {what.upper()} ON search_entries BEGIN {done} END"
        op.execute(made.format(words=words))

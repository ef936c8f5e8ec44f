"""Faults in the writer of SQLite, in the units of Postgres, alone and in company, and in what is tried again."""

from __future__ import annotations

from scripts.mutants.fault import Fault

DB, WRITER, CONNECTION = "app/db.py", "app/engines/group_commit.py", "app/engines/sqlite_session.py"
SQLITE, POSTGRES = "app/engines/sqlite.py", "app/engines/postgres.py"
IN_STEP, AT_ONCE, WORDS = "app/engines/in_step.py", "app/engines/at_once.py", "app/engines/words.py"

FIRST_OF_EACH = """
            if person in chosen or person in self._at_work or len(chosen) == share:
                staying.append((person, turn))
            else:
                chosen[person] = turn
"""

WRITING = (
    Fault(
        "what failed is committed",
        WRITER,
        "            self._undo(group)\n            return group.units",
        "            return group.units",
    ),
    Fault("what failed is released", WRITER, 'execute("ROLLBACK TO unit")', 'execute("SELECT 1")'),
    Fault(
        "it is acknowledged before it is durable",
        WRITER,
        "            await self._group.committed()\n",
        "            pass\n",
    ),
    Fault(
        "who stops waiting keeps the others waiting",
        WORDS,
        "        if word.done():\n            continue\n",
        "",
    ),
    Fault(
        "a refusal does not wait for its neighbours", WRITER, "return group.units > 0 and", "return group.units < 0 and"
    ),
    Fault(
        "a commit does not wait for who has the baton",
        WRITER,
        "        if not full and (self._taken or self._group is not group):",
        "        if not full and self._group is not group:",
    ),
    Fault(
        "each unit of a moment has a commit of its own",
        WRITER,
        "        self._taken = full\n",
        "        self._taken = full = group is not None\n",
    ),
    Fault("a commit is a rollback", WRITER, "await self._connection.commit()", "await self._connection.rollback()"),
    Fault("a failed commit is acknowledged", WRITER, "self._end(group, problem)", "self._end(group, None)"),
    Fault("a full disk is not mentioned", WRITER, "self._end(group, DatabaseUnavailable())", "self._end(group, None)"),
    Fault("nobody is told after a commit", WRITER, "                effect()\n", "                pass\n"),
    Fault(
        "what failed is told",
        WRITER,
        "        if problem is None:\n            for effect",
        "        if self.over:\n            for effect",
    ),
    Fault(
        "who leaves the queue takes the baton along",
        WRITER,
        "if turn.done() and not turn.cancelled():",
        "if turn is None:",
    ),
    Fault("a lock is not asked for beforehand", WRITER, '"BEGIN IMMEDIATE"', '"BEGIN"'),
    Fault("another process is not waited for", WRITER, "error.sqlite_errorcode != sqlite3.SQLITE_BUSY or", "error or"),
    Fault("a commit need not reach the disk", CONNECTION, "synchronous=FULL", "synchronous=NORMAL"),
    Fault("history can be replaced", CONNECTION, '"recursive_triggers=ON", ', ""),
    Fault("foreign keys are not asked for", CONNECTION, "foreign_keys=ON", "foreign_keys=OFF"),
    Fault("a reader may write", SQLITE, "PRAGMA query_only=ON", "PRAGMA query_only=OFF"),
    Fault("two servers share a file", SQLITE, "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_SH | fcntl.LOCK_NB"),
    Fault("times lose their microseconds", CONNECTION, 'timespec="microseconds"', 'timespec="milliseconds"'),
    Fault(
        "a refusal has another name", CONNECTION, "isinstance(error, sqlite3.IntegrityError)", "isinstance(error, str)"
    ),
)
UNITS_OF_POSTGRES = (
    Fault(
        "what failed is committed on Postgres",
        POSTGRES,
        "await transaction.__aexit__(type(error), error, None)",
        "await transaction.__aexit__(None, None, None)",
        "postgres",
    ),
    Fault(
        "a commit is a rollback on Postgres",
        POSTGRES,
        "        await transaction.__aexit__(None, None, None)",
        "        await transaction.__aexit__(KeyError, KeyError(), None)",
        "postgres",
    ),
    Fault(
        "a unit is no transaction",
        POSTGRES,
        "Unit(self._pool, self._listener, in_transaction=True)",
        "Unit(self._pool, self._listener, in_transaction=False)",
        "postgres",
    ),
    Fault("nobody is told", POSTGRES, "            effect()\n", "            pass\n", "postgres"),
    Fault(
        "what a trigger refuses has another name",
        POSTGRES,
        "IntegrityConstraintViolationError | asyncpg.RaiseError",
        "IntegrityConstraintViolationError",
        "postgres",
    ),
    Fault(
        "what a key refuses has another name",
        POSTGRES,
        "asyncpg.IntegrityConstraintViolationError | asyncpg.RaiseError",
        "asyncpg.RaiseError",
        "postgres",
    ),
    Fault(
        "a lock that is kept has no name of its own",
        POSTGRES,
        "raise LockedOut from error",
        "raise DatabaseUnavailable from error",
        "postgres",
    ),
    Fault(
        "nothing is ever changed", POSTGRES, "return int(changed) if changed.isdecimal() else 0", "return 0", "postgres"
    ),
)
IN_COMPANY = (
    Fault(
        "who fails after writing leaves it there",
        IN_STEP,
        "leave(in_peace=not self.has_failed)",
        "leave(in_peace=True)",
        "postgres",
    ),
    Fault(
        "who gives up undoes the neighbours",
        IN_STEP,
        "leave(in_peace=not self.has_failed)",
        "leave(in_peace=False)",
        "postgres",
    ),
    Fault(
        "who changed something has not written",
        IN_STEP,
        "self._has_written or changed > 0",
        "self._has_written",
        "postgres",
    ),
    Fault(
        "who wrote and got rows back has not written",
        IN_STEP,
        "self._has_written or bool(found and not only_looks(sql))",
        "self._has_written",
        "postgres",
    ),
    Fault(
        "a statement that nobody waits for any more stays in the company",
        IN_STEP,
        "            self.leave(in_peace=False)\n            raise",
        "            self.leave(in_peace=True)\n            raise",
        "postgres",
    ),
    Fault(
        "who has dissolved a company dissolves the next",
        IN_STEP,
        "        if self._apart and self._goes_apart(person):\n            raise Dissolved\n",
        "",
        "postgres",
    ),
    Fault(
        "a company that is broken commits",
        IN_STEP,
        "        if self._is_broken:\n            raise Dissolved\n",
        "",
        "postgres",
    ),
    Fault(
        "who is cancelled as the answer comes has come to the end",
        IN_STEP,
        "            self._is_broken = True\n        else:",
        "            pass\n        else:",
        "postgres",
    ),
    Fault(
        "what was undone has happened",
        IN_STEP,
        "for member, _ in self._arrived if self._problem is None else ():",
        "for member, _ in self._arrived:",
        "postgres",
    ),
    Fault(
        "two units of one person are in one company",
        IN_STEP,
        FIRST_OF_EACH,
        FIRST_OF_EACH.replace("person in chosen or person in self._at_work or ", "").replace(
            "[person]", '[f"{person} {len(chosen)}"]'
        ),
        "postgres",
    ),
    Fault(
        "who misses their turn keeps the others waiting",
        IN_STEP,
        "                self._miss(person, turn.result())\n",
        "                pass\n",
        "postgres",
    ),
    Fault(
        "who waits for a lock is refused soon",
        IN_STEP,
        "            raise Dissolved from None\n",
        "            raise\n",
        "postgres",
    ),
    Fault("a row is for somebody else", AT_ONCE, 'found[row["its_place"]]', "found[0]", "postgres"),
    Fault("a row has a column too many", AT_ONCE, "iter(self._row[:-1])", "iter(self._row)", "postgres"),
)
TRYING_AGAIN = (
    Fault(
        "a lost race is not run again",
        DB,
        "asyncpg.DeadlockDetectedError, LostRace, Reshaped)",
        "asyncpg.DeadlockDetectedError, Reshaped)",
        "postgres",
    ),
    Fault("a deadlock is not tried again", DB, "asyncpg.DeadlockDetectedError, LostRace, ", "LostRace, ", "postgres"),
)
FAULTS = (*WRITING, *UNITS_OF_POSTGRES, *IN_COMPANY, *TRYING_AGAIN)

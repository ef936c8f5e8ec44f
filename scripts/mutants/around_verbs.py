"""Faults in what ends, audits, shows and meters holds."""

from __future__ import annotations

from scripts.mutants.fault import Fault

EXPIRY, AUDIT, METER = "app/ledger/expiry.py", "app/ledger/audit.py", "app/metering/meter.py"
USAGE, STATEMENT, ROUTES = "app/ledger/usage.py", "app/ledger/statement.py", "app/ledger/routes.py"

HOLDS_THAT_END_BY_THEMSELVES = (
    Fault("a hold expires before its time", EXPIRY, "WHERE expires_at <= now() AND", "WHERE"),
    Fault("a hold never expires", EXPIRY, "expires_at <= now()", "expires_at > now()"),
    Fault("a sweep sees the newest hold of each only", EXPIRY, "missing > 0 AND step < $2", "missing < 0"),
    Fault("a sweep reads all that has ended", EXPIRY, "WHERE missing > 0 AND step < $2", "WHERE step < $2"),
    Fault("a sweep has no end to how far it looks", EXPIRY, "missing > 0 AND step < $2", "missing > 0 AND $2 > 0"),
    Fault("what has ended is swept again", EXPIRY, " AND hold_resolutions.hold_id IS NULL", ""),
    Fault("a sweep ends after one batch", EXPIRY, "if len(found) < BATCH or", "if ended >= 0 or"),
    Fault(
        "a hold that cannot end keeps others",
        EXPIRY,
        "error=str(error))\n        return False\n",
        "error=str(error))\n        raise\n",
    ),
    Fault("an expiry is called a release", EXPIRY, 'hold_id, "expired", Used()', 'hold_id, "released", Used()'),
)
AUDITS = (
    Fault("tokens out of nothing pass", AUDIT, "HAVING balance <> COALESCE", "HAVING balance < COALESCE"),
    Fault("tokens that vanished pass", AUDIT, "HAVING balance <> COALESCE", "HAVING balance > COALESCE"),
    Fault("a stuck hold passes", AUDIT, "HAVING held <> COALESCE", "HAVING held < COALESCE"),
    Fault("a debt that vanished passes", AUDIT, "AND owed <> COALESCE", "AND owed > COALESCE"),
    Fault(
        "a gap passes",
        AUDIT,
        "balance_after <> before + tokens OR sequence <> place",
        "balance_after <> before + tokens",
    ),
    Fault("a charge beyond its hold passes", AUDIT, " OR charged > holds.tokens", ""),
    Fault("usage without a hold passes", AUDIT, "'usage' AND hold_resolutions.hold_id IS NULL", "'usage' AND 1 = 0"),
    Fault("an account with another last hash passes", AUDIT, "OR last_hash <> COALESCE", "OR '' = COALESCE"),
    Fault(
        "an altered entry is verified", AUDIT, 'row["hash"]) != (count, balance, right)', "0) != (count, balance, 0)"
    ),
    Fault(
        "only the first batch is verified", AUDIT, "        if len(rows) < BATCH:\n", "        if rows is not None:\n"
    ),
)
METERING = (
    Fault("a reply is not cut to the balance", METER, "cut = min(max_tokens, affordable)", "cut = max_tokens"),
    Fault("a reply of one token is a reply", METER, "cut >= min(max_tokens, REPLY_TOKENS_MIN)", "cut > 0"),
    Fault(
        "who leaves is not charged",
        METER,
        "await asyncio.shield(self._begin_to_settle(held))",
        "await self._settle(held)",
    ),
    Fault("who leaves at the door leaves a hold", METER, "                self._begin_to_settle(held)\n", ""),
    Fault("a settlement gives up", METER, 'log.warning("settlement_waits", hold=', "raise ValueError("),
    Fault("what was used is released", METER, "    if held.used is None:\n", "    if held.used is not None:\n"),
    Fault(
        "a race for the balance is lost",
        METER,
        "                if not offer.affordable:\n",
        "                if offer:\n",
    ),
    Fault("the first word about usage counts", METER, "self.used = Used(", "self.used = self.used or Used("),
    Fault("what was never held is an error", METER, "except UnknownHold:", "except ZeroDivisionError:"),
    Fault("what is charged is in no metric", METER, "tokens_charged.inc(", "tokens_charged.inc(0 * "),
    Fault("the house's loss is in no metric", METER, "tokens_lost.inc(", "tokens_lost.inc(0 * "),
)
SHOWING = (
    Fault("a receipt hides who answered", USAGE, "model AS asked_for,", "COALESCE(answered_by, model) AS asked_for,"),
    Fault(
        "a receipt says that who was asked answered",
        USAGE,
        "SELECT holds.id, conversation_id, message_id, COALESCE(answered_by, model) AS model,",
        "SELECT holds.id, conversation_id, message_id, model,",
    ),
    Fault(
        "a receipt shows the price that was asked",
        USAGE,
        "COALESCE(hold_resolutions.input_rate, holds.input_rate)",
        "holds.input_rate",
    ),
    Fault(
        "an old receipt has no price",
        USAGE,
        "COALESCE(hold_resolutions.output_rate, holds.output_rate)",
        "hold_resolutions.output_rate",
    ),
    Fault(
        "a receipt is shown to anybody", USAGE, "WHERE holds.user_id = $1 AND (holds.id", "WHERE $1 <> '' AND (holds.id"
    ),
    Fault(
        "of a message that was carried on the oldest receipt is shown",
        USAGE,
        "ORDER BY holds.created_at DESC, holds.id DESC LIMIT 1",
        "ORDER BY holds.created_at, holds.id LIMIT 1",
    ),
    Fault("a list of usage shows what was bought", USAGE, " AND kind || '' = 'usage'", ""),
    Fault("a page of usage repeats the last row", USAGE, "reference) < ($2, $3)", "reference) <= ($2, $3)"),
    Fault(
        "a list of usage and a chart show everybody",
        USAGE,
        "WHERE ledger_entries.user_id = $1 AND kind",
        "WHERE $1 <> '' AND kind",
    ),
    Fault(
        "a statement leaves out its first entry", STATEMENT, "max(after, within.first - 1)", "max(after, within.first)"
    ),
    Fault("a statement leaves out its last entry", STATEMENT, "> $2 AND sequence <= $3", "> $2 AND sequence < $3"),
    Fault(
        "a statement read backwards leaves out its last entry",
        STATEMENT,
        ">= $2 AND sequence <=",
        ">= $2 AND sequence <",
    ),
    Fault("a statement read backwards leaves out its first entry", STATEMENT, "sequence >= $2", "sequence > $2"),
    Fault("a page read backwards shows its first entry twice", STATEMENT, "min(before - 1,", "min(before,"),
    Fault("a statement begins after its first moment", STATEMENT, "created_at >= $2", "created_at > $2"),
    Fault("a statement opens with its first entry", STATEMENT, "user_id, first - 1)", "user_id, first)"),
    Fault(
        "a csv ends after one batch",
        ROUTES,
        "        if not found:\n",
        "        if not found or seen >= within.first:\n",
    ),
)
FAULTS = (*HOLDS_THAT_END_BY_THEMSELVES, *AUDITS, *METERING, *SHOWING)

"""What replies used: the list, the chart, and the receipt of one of them."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.db import Row, Session
from app.edge.paging import Page

# What was charged, by its entries, which are found by time; what was free has none. `kind || ''` keeps SQLite from
# going by the kind of nearly all entries.
USED = """
FROM ledger_entries JOIN hold_resolutions ON hold_id = reference JOIN holds ON holds.id = hold_id
WHERE ledger_entries.user_id = $1 AND kind || '' = 'usage'
"""
USAGE = f"""
SELECT holds.id, holds.user_id, conversation_id, message_id, COALESCE(answered_by, model) AS model,
       hold_resolutions.prompt_tokens, completion_tokens, charged, hold_resolutions.balance_after, outcome,
       ledger_entries.created_at
{USED}
"""
RECEIPT = """
SELECT holds.id, conversation_id, message_id, COALESCE(answered_by, model) AS model, model AS asked_for,
       holds.tokens AS held, max_tokens,
       COALESCE(hold_resolutions.input_rate, holds.input_rate) AS input_rate,
       COALESCE(hold_resolutions.output_rate, holds.output_rate) AS output_rate,
       hold_resolutions.prompt_tokens, completion_tokens, counted_by, charged, surplus, outcome,
       hold_resolutions.balance_after, holds.created_at AS held_at, hold_resolutions.created_at AS resolved_at,
       ledger_entries.sequence, ledger_entries.hash
FROM holds JOIN hold_resolutions ON hold_resolutions.hold_id = holds.id
LEFT JOIN ledger_entries ON ledger_entries.kind = 'usage' AND ledger_entries.reference = holds.id
"""


async def listed(session: Session, user_id: str, page: Page, now: datetime) -> list[Row]:
    """Newest first, one more than the page holds; holds that ended without a charge are no usage."""
    at, identifier = page.after or (now + timedelta(days=1), "")
    return await session.rows(
        f"""{USAGE} AND (ledger_entries.created_at, reference) < ($2, $3)
            ORDER BY ledger_entries.created_at DESC, reference DESC LIMIT $4""",
        *(user_id, at, identifier, page.limit + 1),
    )


async def daily(session: Session, user_id: str, since: datetime) -> list[Row]:
    """By UTC day and model."""
    return await session.rows(
        f"""SELECT utc_day(ledger_entries.created_at) AS day, COALESCE(answered_by, model) AS model,
                   SUM(hold_resolutions.prompt_tokens) AS prompt_tokens,
                   SUM(completion_tokens) AS completion_tokens, SUM(charged) AS tokens_used, COUNT(*) AS replies
            {USED} AND ledger_entries.created_at >= $2
            GROUP BY 1, 2 ORDER BY 1, 2""",
        *(user_id, since),
    )


async def receipt(session: Session, user_id: str, identifier: str) -> Row | None:
    """By its own id, or by that of the message: then the newest, for a message that was carried on."""
    return await session.row(
        f"""{RECEIPT} WHERE holds.user_id = $1 AND (holds.id = $2 OR message_id = $2)
            ORDER BY holds.created_at DESC, holds.id DESC LIMIT 1""",
        *(user_id, identifier),
    )

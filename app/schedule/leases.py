"""Of many workers, one: whoever holds the lease does the work, and another takes over when it stops renewing."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.db import Session


async def take(session: Session, name: str, holder: str, now: datetime, lifetime: timedelta) -> bool:
    """True for the holder, who renews by asking again, and for the first to ask after the lease ran out."""
    taken = await session.run(
        """
        INSERT INTO leases (name, holder, until) VALUES ($1, $2, $3)
        ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
        WHERE leases.holder = excluded.holder OR leases.until <= $4
        """,
        *(name, holder, now + lifetime, now),
    )
    return taken == 1

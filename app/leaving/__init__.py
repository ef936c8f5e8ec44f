"""Taking everything along, and going.

- Whoever leaves is gone at once and as a whole: before it nothing is removed, after it nobody can come in.
- Before it, their replies have ended and are paid for, and nothing is open at Stripe; while it is away, nobody leaves.
- The ledger and the orders stay, under a row that names nobody; so the books add up as before.
- What was said is removed a little at a time, and if that breaks off, by the upkeep.
- An export is read a batch at a time, and no connection is held in between.
"""

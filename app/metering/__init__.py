"""Metering: hold before, settle after, whatever happens in between.

- The hold is the worst case of what is then enforced: the prompt, and as many reply tokens as the balance affords.
- It ends exactly once. The settlement runs in a task of its own, so cancelling whoever asked for it cannot undo it.
- While the database is away it is tried again; if the process dies first, the sweep of the ledger ends the hold.
"""

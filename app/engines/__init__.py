"""The two databases, each behind the same small session: plain SQL with `$1` parameters, one text for both.

A write unit is atomic and acknowledged only after its COMMIT. Nothing outside the database is awaited inside one.
"""

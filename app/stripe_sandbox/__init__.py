"""A till for those without a Stripe account: it speaks Stripe's wire protocol, and no money moves.

Whoever buys here runs the same billing code as with Stripe, through the same SDK. So the till is strict where Stripe
is, and it invents nothing: every field that it answers with is a field of the pinned API version. It keeps a file of
its own and never sees our database. In production it is not there at all.
"""

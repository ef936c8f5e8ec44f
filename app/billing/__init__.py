"""Buying tokens: packages, orders, plans, refunds, and what Stripe tells us about them.

- Price and tokens come from our own table and are frozen on the order. The browser names a package and nothing else.
- An order and a customer exist before the session at Stripe does; the order's id is the key of that call.
- What Stripe says is looked up and never taken from an event or an address: an event only says where to look.
- Tokens come in by one grant a session or invoice, and go back by one return a refund or dispute; never more than came.
- Stripe is never asked inside a transaction, and nothing of what happens here depends on the order of events.
- What belongs to one mode (sandbox, test, live) is never touched by another.
"""

"""A reply, from the ask to the receipt.

- A turn is one ask and its reply. It belongs to the server and not to the socket: readers come and go.
- It is opened in one transaction (conversation, messages, turn, hold) and ended in one (charge, reply, state); nothing
  is open in between. Whoever moves its state away from `running` has ended it, and nobody else.
- What a reader sees as the ending was committed before it was sent.
- A conversation has at most one running turn.
"""

"""Conversations: what was said, as a tree of messages, and the search over it.

- A message follows its parent; `number` is its parent's plus one. Siblings share a parent, and each begins a branch.
- Nothing that was said is changed by an edit: an edit is a sibling. The tip says which branch is the current one.
- What belongs to somebody else is as missing as what never was.
- The index holds each title, and each message from when it is whole; a reply that streams is not in it yet.
- Deleting a conversation takes its messages and its place in the index along, and never touches the ledger.
"""

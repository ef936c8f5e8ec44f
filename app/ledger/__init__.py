"""The ledger: who has how many tokens, and why.

- Tokens are integers. A balance is Σ of its entries: the database moves it with each of them, and in no other way.
- Entries are only ever added. They are numbered without gaps, and each carries the hash of the one before it.
- `(kind, reference)` names the cause of an entry: again it changes nothing, with other values it is refused.
- `held` is Σ of the open holds. A hold ends once, by settle, release or expiry; a charge is never more than its hold.
- The balance never goes below zero: what cannot be taken back is owed, and paid first when tokens come in or free.
"""

"""Providers: where replies come from, what they cost, and what happens when an upstream misbehaves.

- A reply succeeds only with a finish reason; a stream that just ends was cut.
- Before the first words a failure costs nothing and the next model is asked; after them what was said stays.
- What an upstream says of itself (its words, its addresses, our keys) never reaches a user in an error.
- What a model costs stands in the catalogue, which is right or the service does not start.
- Tokens are counted with files that were put there beforehand; who cannot count as the model does says "estimate".
- Leaving a reply, in whatever way, closes the call to the upstream.
"""

"""What tokens of a model cost in tokens of the balance."""

from __future__ import annotations

from dataclasses import dataclass

PER = 1000
RATE_MAX = 1_000_000
# No reply is longer than this; it keeps every product far inside 64 bits, whatever an upstream claims.
TOKENS_MAX = 10**9


@dataclass(frozen=True)
class Rates:
    """Integers per 1,000 model tokens; 1,000 is one for one."""

    input: int = PER
    output: int = PER

    def __post_init__(self) -> None:
        if not (0 <= self.input <= RATE_MAX and 0 <= self.output <= RATE_MAX):
            raise ValueError(f"A rate is from 0 to {RATE_MAX} per {PER} tokens.")

    def cost(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Rounded up once, over the sum: two halves of a token are one token."""
        return -(-(prompt_tokens * self.input + completion_tokens * self.output) // PER)

    def affordable(self, available: int, prompt_tokens: int) -> int:
        """How many reply tokens that many tokens pay for, after the prompt."""
        left = available * PER - prompt_tokens * self.input
        if left < 0:
            return 0
        return min(TOKENS_MAX, left // self.output) if self.output else TOKENS_MAX

"""The models that can be asked, what they cost, and how much they can read: one TOML file, checked at start."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Model:
    id: str
    name: str
    # Which provider answers, and by what name it knows the model.
    provider: str
    upstream_model: str
    encoding: str
    window_tokens: int
    reply_tokens_max: int
    # Tokens of the balance per 1,000 tokens of the model.
    input_rate: int
    output_rate: int
    # What the upstream takes from the house; a dollar per million is a micro-dollar each.
    input_usd_per_million: Decimal = Decimal(0)
    output_usd_per_million: Decimal = Decimal(0)
    public: bool = True
    # Who is asked instead, in this order, when this one fails before its first words.
    fallbacks: tuple[str, ...] = ()
    note: str = ""

    def cost_micro_usd(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Rounded up, so that many small replies do not look free."""
        exact = prompt_tokens * self.input_usd_per_million + completion_tokens * self.output_usd_per_million
        return math.ceil(exact)

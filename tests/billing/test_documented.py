"""What README says about going live is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import stripe

from app.billing.handling import HANDLERS

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_readme_lists_exactly_the_events_that_we_act_on() -> None:
    listed = re.findall(r"`([a-z_.]+)`", README.partition("<!-- events -->")[2].partition("<!-- /events -->")[0])

    assert listed == sorted(HANDLERS)
    assert len(listed) <= 20, "Stripe lists events of at most twenty types at once."


def test_readme_names_the_version_that_the_sdk_pins() -> None:
    assert f"API version `{stripe.api_version}`" in README

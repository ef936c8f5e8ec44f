"""What an operator types to sell, to refund and to look after payments; run for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.billing import packages
from app.settings import Settings
from app.stripe_sandbox.till import SANDBOX_KEY
from tests.billing.buying import SECRET
from tests.command import Command
from tests.databases import Databases


@pytest.fixture
def prome(databases: Databases, tmp_path: Path) -> Command:
    return Command(tmp_path, {"DATABASE_URL": databases.fresh(tmp_path)})


def test_seed_puts_something_up_for_sale_once(prome: Command) -> None:
    assert prome.run("package").out == "Nothing is for sale.\n"

    first, again = prome.run("seed"), prome.run("seed")

    assert (first.code, again.code) == (0, 0)
    listed = prome.run("package").out.splitlines()
    assert [line.split()[0] for line in listed] == ["starter", "regular", "large", "monthly"]
    assert listed[0].endswith("50,000 tokens for 5.00 USD")
    assert listed[3].endswith("25.00 USD a month")


def test_seed_leaves_what_an_operator_has_changed(prome: Command) -> None:
    prome.run("seed")
    prome.run("package", "starter", "--price-cents", "700", "--retire")

    prome.run("seed")

    assert "starter      Starter: 50,000 tokens for 7.00 USD, no longer for sale\n" in prome.run("package").out
    assert "no longer" not in prome.run("package", "starter", "--offer").out


def test_a_file_changes_what_is_there_and_adds_what_is_not(prome: Command, tmp_path: Path) -> None:
    prome.run("seed")
    file = tmp_path / "ours.toml"
    file.write_text(
        packages.OURS.read_text().replace("50_000", "60_000") + '\n[[package]]\nid = "yen"\nname = "Yen"\n'
        'tokens = 7\nprice_cents = 100\ncurrency = "jpy"\nkind = "once"\n'
    )

    said = prome.run("package", "--file", str(file)).out

    assert "60,000 tokens for 5.00 USD" in said
    assert "7 tokens for 100 JPY" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "[[package]]"),
        ("not toml", "[[package]]"),
        ('[[package]]\nid = "a"', "a: name"),
        ('[[package]]\nid="a"\nname="A"\ntokens=0\nprice_cents=-1\ncurrency="usd"\nkind="once"', "a: tokens"),
        ('[[package]]\nid="a"\nname="A"\ntokens=1\nprice_cents=0\ncurrency="usd"\nkind="once"', "a: price_cents"),
        (
            '[[package]]\nid="a"\nname="A"\ntokens=1\nprice_cents=5005\ncurrency="kwd"\nkind="once"',
            "a: currency: Stripe takes KWD in multiples of 10 only.",
        ),
        ('[[package]]\nid="a"\nname="A"\ntokens=1\nprice_cents=1\ncurrency="USD"\nkind="once"', "a: currency"),
        ('[[package]]\nid="a"\nname="A"\ntokens=1\nprice_cents=1.5\ncurrency="usd"\nkind="once"', "a: price_cents"),
    ],
)
def test_a_file_with_a_mistake_changes_nothing_and_is_told_in_plain_words(
    prome: Command, tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "ours.toml"
    file.write_text(text)

    result = prome.run("package", "--file", str(file))

    assert result.code == 1
    assert words in result.err
    assert "Traceback" not in result.err
    assert prome.run("package").out == "Nothing is for sale.\n"


def test_what_is_not_there_is_said_in_one_line(prome: Command) -> None:
    assert prome.run("package", "nothing", "--retire").err == "This is not for sale.\n"
    assert prome.run("refund", "ord_nothing").err == "There is no order ord_nothing.\n"


def test_what_an_operator_gets_wrong_is_said_and_changes_nothing(prome: Command) -> None:
    prome.run("seed")
    before = prome.run("package").out

    wrong = {
        ("package", "--price-cents", "5"): "Say which package is to change: prome package ID …\n",
        ("package", "--file", "nowhere.toml"): "nowhere.toml cannot be read.\n",
        ("refund", "ord_1", "--tokens", "5", "--all"): "Say either --tokens or --all.\n",
    }

    said = {words: prome.run(*words) for words in wrong}
    assert {words: (result.code, result.err) for words, result in said.items()} == {
        words: (1, line) for words, line in wrong.items()
    }
    assert prome.run("package").out == before


def test_nothing_is_given_away_for_as_often_as_somebody_clicks(prome: Command) -> None:
    prome.run("seed")

    refused = prome.run("package", "starter", "--price-cents", "0")

    assert (refused.code, refused.out) == (1, "")
    assert refused.err == (
        "This is not a package that can be sold.\nstarter: price_cents: Input should be greater than or equal to 1.\n"
    )
    assert "50,000 tokens for 5.00 USD" in prome.run("package").out


def test_with_nothing_bought_nothing_is_missing(prome: Command) -> None:
    result = prome.run("billing", "reconcile")

    assert (result.code, result.out) == (0, "Nothing was missing.\n")


def test_with_payments_off_the_commands_say_so(prome: Command) -> None:
    result = prome.run("billing", "reconcile", STRIPE_SANDBOX="off")

    assert (result.code, result.err) == (1, "Nothing can be bought here just now.\n")


def test_the_doctor_names_the_sandbox_and_a_till_without_a_secret(prome: Command) -> None:
    def payments(**settings: str) -> str:
        return next(line for line in prome.run("doctor", **settings).out.splitlines() if " payments " in line)

    assert "sandbox till" in payments()
    assert "nothing can be bought" in payments(STRIPE_SANDBOX="off")
    assert payments(STRIPE_SECRET_KEY=SANDBOX_KEY, STRIPE_WEBHOOK_SECRET=SECRET).startswith("ok")


def test_our_own_packages_are_good_ones() -> None:
    offers = packages.read(packages.OURS)

    assert [offer.kind for offer in offers] == ["once", "once", "once", "month"]
    assert Settings(_env_file=None).refund_days == 14

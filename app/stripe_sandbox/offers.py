"""What a checkout session offers: read from what was asked, refused where it does not fit together."""

from __future__ import annotations

from typing import Any

from app.stripe_sandbox import errors, prices
from app.stripe_sandbox.books import Books
from app.stripe_sandbox.parameters import with_metadata
from app.stripe_sandbox.shelf import Thing

# Of a dollar or a euro; Stripe has a least amount for each currency.
AMOUNT_MIN = 50
# From this version on Stripe decides how one can pay, and what used to be said about that is refused.
ENDIVE = "2026-09-30"


def offered(books: Books, given: dict[str, Any], version: str) -> Thing:
    """A session that nobody has been shown yet."""
    _refuse_what_does_not_fit(given, version)
    items = [_line(books, item, number) for number, item in enumerate(given["line_items"])]
    _refuse_lines_that_do_not_fit(given["mode"], items)
    total = sum(item["amount_total"] for item in items)
    if 0 < total < AMOUNT_MIN:
        message = "The Checkout Session's total amount due must add up to at least $0.50 usd"
        raise errors.wrong("line_items", message, "amount_too_small")
    return {
        **_blank(),
        **_wishes(given),
        "amount_subtotal": total,
        "amount_total": total,
        "currency": items[0]["currency"],
        "customer_details": _details(books, given),
        "payment_status": "unpaid" if total else "no_payment_required",
        "_lines": items,
        "_payment_intent_data": given.get("payment_intent_data", {}),
        "_subscription_data": given.get("subscription_data", {}),
        "_payment_intent": None,
    }


def _refuse_what_does_not_fit(given: dict[str, Any], version: str) -> None:
    payment = given["mode"] == "payment"
    for name, fits in (
        ("payment_intent_data", payment),
        ("subscription_data", not payment),
        ("customer_creation", payment),
        ("submit_type", payment),
    ):
        if name in given and not fits:
            mode = "payment" if name != "subscription_data" else "subscription"
            raise errors.wrong(name, f"You can only use `{name}` in `{mode}` mode.")
    if version >= ENDIVE and "payment_method_types" in given:
        raise errors.unknown("payment_method_types")
    if version >= ENDIVE and given.get("ui_mode") == "hosted":
        raise errors.wrong("ui_mode", "Invalid ui_mode: must be one of elements, embedded_page, form, or hosted_page")
    if "customer" in given and "customer_email" in given:
        raise errors.wrong("customer", "You may only specify one of these parameters: customer, customer_email.")
    for name in ("success_url", "line_items"):
        if not given.get(name):
            raise errors.missing(name)


def _line(books: Books, item: dict[str, Any], number: int) -> Thing:
    where = f"line_items[{number}]"
    if ("price" in item) == ("price_data" in item):
        raise errors.missing(f"{where}[price]")
    if "quantity" not in item:
        raise errors.missing(f"{where}[quantity]")
    if "price" in item:
        price = books.find("price", item["price"], param=f"{where}[price]")
    else:
        price = prices.make_price(books, item["price_data"], f"{where}[price_data]")
    product = books.find("product", price["product"])
    amount = price["unit_amount"] * item["quantity"]
    return {
        "id": books.new_id("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": product["name"],
        "metadata": {},
        "price": price,
        "quantity": item["quantity"],
    }


def _refuse_lines_that_do_not_fit(mode: str, items: list[Thing]) -> None:
    recurring = [item["price"]["type"] == "recurring" for item in items]
    if mode == "payment" and any(recurring):
        message = "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices."  # noqa: E501
        raise errors.wrong("line_items", message)
    if mode == "subscription" and not any(recurring):
        message = "You must provide at least one recurring price in `subscription` mode when using prices."
        raise errors.wrong("line_items", message)
    if len({item["currency"] for item in items}) > 1:
        raise errors.wrong("line_items", "All prices on a Checkout Session must have the same currency.")


def _details(books: Books, given: dict[str, Any]) -> Thing | None:
    if "customer" in given:
        address_of = books.find("customer", given["customer"], param="customer")["email"]
    else:
        address_of = given.get("customer_email")
    return customer_details(address_of) if address_of else None


def customer_details(address_of: str | None) -> Thing:
    return {
        "address": None,
        "business_name": None,
        "email": address_of,
        "individual_name": None,
        "name": None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def _wishes(given: dict[str, Any]) -> Thing:
    """What comes back as it was sent."""
    names = (
        "mode",
        "success_url",
        "cancel_url",
        "client_reference_id",
        "customer",
        "customer_email",
        "locale",
        "submit_type",
        "billing_address_collection",
        "allowed_payment_method_types",
        "origin_context",
    )
    creation = given.get("customer_creation", "if_required") if given["mode"] == "payment" else None
    return {
        **{name: given.get(name) for name in names},
        "customer_creation": None if "customer" in given else creation,
        "metadata": with_metadata({}, given),
        "payment_method_collection": given.get("payment_method_collection", "always")
        if given["mode"] == "subscription"
        else "if_required",
        "payment_method_types": given.get("payment_method_types")
        or given.get("allowed_payment_method_types")
        or ["card", "us_bank_account"],
    }


def _blank() -> Thing:
    nothing = (
        "after_expiration",
        "allow_promotion_codes",
        "branding_settings",
        "client_secret",
        "collected_information",
        "consent",
        "consent_collection",
        "currency_conversion",
        "invoice",
        "invoice_creation",
        "payment_intent",
        "payment_link",
        "payment_method_configuration_details",
        "recovered_from",
        "saved_payment_method_options",
        "setup_intent",
        "shipping_address_collection",
        "shipping_cost",
        "subscription",
        "wallet_options",
    )
    return {
        **dict.fromkeys(nothing),
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "discounts": [],
        "livemode": False,
        "payment_method_options": {},
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
    }

"""Products and what they cost, made beforehand or on the spot."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from app.stripe_sandbox import errors, money
from app.stripe_sandbox.books import Books
from app.stripe_sandbox.calls import Call, Row, listing, page, retrieve
from app.stripe_sandbox.parameters import (
    PAGE,
    Check,
    Many,
    Must,
    OneOf,
    Shape,
    Text,
    Whole,
    address,
    currency,
    flag,
    metadata,
    with_metadata,
)
from app.stripe_sandbox.shelf import Thing

AMOUNT_MAX = 99_999_999


def decimal(where: str, value: Any) -> str:
    try:
        found = Decimal(value)
    except (InvalidOperation, TypeError):
        raise errors.wrong(where, f"Invalid decimal: {value}", "parameter_invalid_decimal") from None
    if not found.is_finite() or found < 0 or found != found.to_integral_value():
        raise errors.wrong(where, "The sandbox till counts in whole minor units only.")
    return str(int(found))


PRODUCT_TAKES: dict[str, Check] = {
    "name": Must(Text(250)),
    "description": Text(),
    "images": Many(address, 8),
    "metadata": metadata,
}
RECURRING = Shape(interval=Must(OneOf("day", "week", "month", "year")), interval_count=Whole(1, 36))
PRICE_TAKES: dict[str, Check] = {
    "currency": Must(currency),
    "product": Text(),
    "product_data": Shape(**PRODUCT_TAKES),
    "unit_amount": Whole(0, AMOUNT_MAX),
    "unit_amount_decimal": decimal,
    "recurring": RECURRING,
    "tax_behavior": OneOf("inclusive", "exclusive", "unspecified"),
}
CREATE_TAKES: dict[str, Check] = {
    **PRICE_TAKES,
    "product_data": Shape(name=Must(Text(250)), metadata=metadata),
    "lookup_key": Text(200),
    "transfer_lookup_key": flag,
    "nickname": Text(),
    "metadata": metadata,
}


def make_product(books: Books, given: dict[str, Any]) -> Thing:
    product = {
        "id": books.new_id("prod", 14),
        "object": "product",
        "active": True,
        "created": books.now(),
        "default_price": None,
        "description": given.get("description"),
        "images": given.get("images", []),
        "livemode": False,
        "marketing_features": [],
        "metadata": with_metadata({}, given),
        "name": given["name"],
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": books.now(),
        "url": None,
    }
    return books.put(product)


def make_price(books: Books, given: dict[str, Any], where: str = "") -> Thing:
    """Made on the spot inside a session, a price is not active: it is for that session only."""
    named = f"{where}[{{}}]" if where else "{}"
    if "unit_amount" not in given and "unit_amount_decimal" not in given:
        raise errors.missing(named.format("unit_amount"))
    if ("product" in given) == ("product_data" in given):
        raise errors.missing(named.format("product"))
    amount = int(given.get("unit_amount", given.get("unit_amount_decimal", 0)))
    money.require_payable(amount, given["currency"], named.format("unit_amount"))
    if "product" in given:
        product = books.find("product", given["product"], param=named.format("product"))
    else:
        product = make_product(books, given["product_data"])
    recurring = given.get("recurring")
    price = {
        "id": books.new_id("price"),
        "object": "price",
        "active": not where,
        "billing_scheme": "per_unit",
        "created": books.now(),
        "currency": given["currency"],
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": given.get("lookup_key"),
        "metadata": with_metadata({}, given),
        "nickname": given.get("nickname"),
        "product": product["id"],
        "recurring": recurring
        and {"interval_count": 1, "meter": None, "trial_period_days": None, "usage_type": "licensed", **recurring},
        "tax_behavior": given.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if recurring else "one_time",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }
    return books.put(price)


def create_product(call: Call) -> Thing:
    product = make_product(call.books, dict(call.given))
    call.books.happened("product.created", product)
    return product


def create_price(call: Call) -> Thing:
    key = call.given.get("lookup_key")
    for taken in call.books.every("price", lookup_key=key) if key else []:
        if not call.given.get("transfer_lookup_key"):
            raise errors.wrong("lookup_key", f"A price (`{taken['id']}`) already uses that lookup key.")
        call.books.put({**taken, "lookup_key": None})
    price = make_price(call.books, dict(call.given))
    call.books.happened("price.created", price)
    return price


def list_prices(call: Call) -> Thing:
    keys = call.given.get("lookup_keys")
    having = {name: call.given[name] for name in ("active", "product", "type") if name in call.given}
    found = [price for price in call.books.every("price", **having) if keys is None or price["lookup_key"] in keys]
    return page("/v1/prices", found, call.given)


LIST_TAKES: dict[str, Check] = {
    **PAGE,
    "lookup_keys": Many(Text(), 10),
    "active": flag,
    "product": Text(),
    "type": OneOf("one_time", "recurring"),
}
rows = [
    Row("POST", "/v1/products", create_product, PRODUCT_TAKES),
    listing("/v1/products", "product", active=flag),
    Row("GET", "/v1/products/{id}", retrieve("product")),
    Row("POST", "/v1/prices", create_price, CREATE_TAKES),
    Row("GET", "/v1/prices", list_prices, LIST_TAKES),
    Row("GET", "/v1/prices/{id}", retrieve("price")),
]

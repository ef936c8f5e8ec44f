"""What the till takes is what Stripe takes: the SDK's own lists of parameters say so."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from inspect import get_annotations
from typing import Any

import pytest
import stripe
from stripe import params
from typing_extensions import is_typeddict

from app.stripe_sandbox.api import TABLE
from app.stripe_sandbox.forms import parse
from app.stripe_sandbox.parameters import Many, Must, Shape, Text
from tests.stripe_sandbox.sdk import pack, plan

DECLARED: dict[str, Any] = {
    "POST /v1/customers": params.CustomerCreateParams,
    "GET /v1/customers": params.CustomerListParams,
    "POST /v1/products": params.ProductCreateParams,
    "GET /v1/products": params.ProductListParams,
    "POST /v1/prices": params.PriceCreateParams,
    "GET /v1/prices": params.PriceListParams,
    "POST /v1/checkout/sessions": params.checkout.SessionCreateParams,
    "GET /v1/checkout/sessions": params.checkout.SessionListParams,
    "GET /v1/checkout/sessions/{id}/line_items": params.checkout.SessionListLineItemsParams,
    "POST /v1/payment_methods": params.PaymentMethodCreateParams,
    "POST /v1/payment_intents": params.PaymentIntentCreateParams,
    "GET /v1/payment_intents": params.PaymentIntentListParams,
    "GET /v1/charges": params.ChargeListParams,
    "POST /v1/refunds": params.RefundCreateParams,
    "GET /v1/refunds": params.RefundListParams,
    "GET /v1/disputes": params.DisputeListParams,
    "POST /v1/subscriptions": params.SubscriptionCreateParams,
    "GET /v1/subscriptions": params.SubscriptionListParams,
    "DELETE /v1/subscriptions/{id}": params.SubscriptionCancelParams,
    "GET /v1/invoices": params.InvoiceListParams,
    "GET /v1/invoice_payments": params.InvoicePaymentListParams,
    "POST /v1/billing_portal/sessions": params.billing_portal.SessionCreateParams,
    "GET /v1/events": params.EventListParams,
    "POST /v1/customers/{id}": params.CustomerUpdateParams,
    "POST /v1/checkout/sessions/{id}": params.checkout.SessionUpdateParams,
    "POST /v1/payment_intents/{id}": params.PaymentIntentUpdateParams,
    "POST /v1/payment_intents/{id}/confirm": params.PaymentIntentConfirmParams,
    "POST /v1/charges/{id}": params.ChargeUpdateParams,
    "GET /v1/payment_methods": params.PaymentMethodListParams,
    "POST /v1/payment_methods/{id}/attach": params.PaymentMethodAttachParams,
    "POST /v1/refunds/{id}": params.RefundUpdateParams,
    "POST /v1/disputes/{id}": params.DisputeUpdateParams,
    "POST /v1/subscriptions/{id}": params.SubscriptionUpdateParams,
}
# Stripe's own page talks to these, and so does its command line; the SDK does not know them.
OF_THE_PAGE = "/v1/payment_pages/"
# Only for those who speak an older version, and refused to everybody else.
OF_OLD = {"payment_method_types"}


def shape_in(check: Any) -> Shape | None:
    while isinstance(check, Must | Many):
        check = check.check
    return check if isinstance(check, Shape) else None


def made_up(shape: Shape, declared: list[Any], where: str) -> Iterator[str]:
    """Our names that are in none of the SDK's groups for this place, however deep."""
    known = {name: kind for group in declared for name, kind in get_annotations(group).items()}
    for name, check in shape.checks.items():
        inner = shape_in(check)
        if name not in known and name not in OF_OLD:
            yield f"{where}[{name}]"
        elif inner:
            module = vars(sys.modules[declared[0].__module__])
            groups = [module[word] for word in re.findall(r"\w+", repr(known[name])) if is_typeddict(module.get(word))]
            assert groups, f"{where}[{name}] is no group"
            yield from made_up(inner, groups, f"{where}[{name}]")


def test_every_parameter_is_one_that_the_sdk_knows() -> None:
    rows = {f"{row.method} {row.path}": row for row in TABLE}

    found = [fault for name, declared in DECLARED.items() for fault in made_up(rows[name].shape, [declared], name)]

    assert found == []
    assert {name for name, row in rows.items() if row.takes and OF_THE_PAGE not in name} == DECLARED.keys()


def test_a_made_up_parameter_is_found_however_deep() -> None:
    shape = Shape(line_items=Many(Shape(price_data=Shape(recurring=Shape(colour=Text())))))

    found = list(made_up(shape, [params.checkout.SessionCreateParams], "it"))

    assert found == ["it[line_items][price_data][recurring][colour]"]


def price(**changes: Any) -> list[dict[str, Any]]:
    data = {"currency": "usd", "unit_amount": 999, "product_data": {"name": "Tokens"}, **changes}
    return [{"price_data": data, "quantity": 1}]


MONTHLY = {"recurring": {"interval": "month"}}


@pytest.mark.parametrize(
    ("wish", "code", "param"),
    [
        ({"coupon": "x"}, "parameter_unknown", "coupon"),
        ({"line_items": price(colour="red")}, "parameter_unknown", "line_items[0][price_data][colour]"),
        ({"payment_method_types": ["card"]}, "parameter_unknown", "payment_method_types"),
        ({"ui_mode": "hosted"}, None, "ui_mode"),
        ({"mode": "gift"}, None, "mode"),
        ({"success_url": ""}, "parameter_invalid_empty", "success_url"),
        ({"success_url": "javascript:alert(1)"}, "url_invalid", "success_url"),
        ({"success_url": "http://shop.test;x/"}, "url_invalid", "success_url"),
        (
            {"line_items": price(unit_amount="9.99")},
            "parameter_invalid_integer",
            "line_items[0][price_data][unit_amount]",
        ),
        ({"line_items": price(unit_amount=-1)}, "parameter_invalid_integer", "line_items[0][price_data][unit_amount]"),
        ({"line_items": price(unit_amount=49)}, "amount_too_small", "line_items"),
        ({"line_items": price(**MONTHLY)}, None, "line_items"),
        ({"line_items": [{"price": "price_none", "quantity": 1}]}, "resource_missing", "line_items[0][price]"),
        ({"line_items": [{"price": "price_none"}]}, "parameter_missing", "line_items[0][quantity]"),
        ({"line_items": []}, "parameter_missing", "line_items"),
        ({"customer": "cus_none"}, "resource_missing", "customer"),
        ({"customer_email": "nobody"}, "email_invalid", "customer_email"),
        ({"expires_at": 1}, None, "expires_at"),
        ({"subscription_data": {"metadata": {"a": "b"}}}, None, "subscription_data"),
        ({"metadata": {"k" * 41: "v"}}, None, "metadata[" + "k" * 41 + "]"),
        ({"expand": ["mode"]}, None, "expand"),
    ],
    ids=str,
)
async def test_what_stripe_would_refuse_is_refused_by_name(
    client: stripe.StripeClient, wish: dict[str, Any], code: str | None, param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.v1.checkout.sessions.create_async(pack(**wish))

    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, code, param)


async def test_what_is_refused_leaves_nothing_behind(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.checkout.sessions.create_async(pack(customer="cus_none"))

    assert (await client.v1.products.list_async()).data == []


async def test_a_plan_needs_a_price_that_comes_back(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="recurring"):
        await client.v1.checkout.sessions.create_async(plan(line_items=price()))


async def test_an_older_caller_may_still_say_how_one_can_pay(till_url: str, client: stripe.StripeClient) -> None:
    session = await client.v1.checkout.sessions.create_async(
        pack(payment_method_types=["sepa_debit"]), {"stripe_version": "2025-03-31.basil"}
    )

    assert session.payment_method_types == ["sepa_debit"]


async def test_a_price_is_found_by_its_lookup_key(client: stripe.StripeClient) -> None:
    product = await client.v1.products.create_async({"name": "Premium"})
    made = await client.v1.prices.create_async(
        {
            "currency": "usd",
            "unit_amount": 1999,
            "product": product.id,
            "recurring": {"interval": "month"},
            "lookup_key": "premium",
        }
    )

    found = await client.v1.prices.list_async({"lookup_keys": ["premium", "other"]})
    session = await client.v1.checkout.sessions.create_async(plan(line_items=[{"price": made.id, "quantity": 1}]))

    assert [each.id for each in found.data] == [made.id]
    assert session.amount_total == 1999


async def test_metadata_is_merged_by_key_and_emptied_by_an_empty_value(client: stripe.StripeClient) -> None:
    customer = await client.v1.customers.create_async({"metadata": {"a": "1", "b": "2"}})

    merged = await client.v1.customers.update_async(customer.id, {"metadata": {"a": "", "c": "3"}})
    emptied = await client.v1.customers.update_async(customer.id, {"metadata": ""})

    assert merged.metadata is not None
    assert merged.metadata.to_dict() == {"b": "2", "c": "3"}
    assert emptied.metadata is not None
    assert emptied.metadata.to_dict() == {}


@pytest.mark.parametrize(
    ("encoded", "tree"),
    [
        ("a=1&b[c]=2&b[d][e]=3", {"a": "1", "b": {"c": "2", "d": {"e": "3"}}}),
        ("a[0][x]=1&a[1][x]=2", {"a": [{"x": "1"}, {"x": "2"}]}),
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("a[10]=k&a[9]=j", {"a": ["j", "k"]}),
        ("a=%C3%A9&b=", {"a": "é", "b": ""}),
        ("", {}),
    ],
)
def test_brackets_become_groups_and_lists(encoded: str, tree: dict[str, Any]) -> None:
    assert parse(encoded) == tree

"""What Stripe says when it refuses. These words and codes are Stripe's wire format and not ours."""

from __future__ import annotations

from typing import Any

DECLINED = 402


class Refusal(Exception):
    def __init__(
        self, message: str, *, status: int = 400, code: str = "", param: str = "", kind: str = "", **more: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        said = {"code": code, "message": message, "param": param, "type": kind or "invalid_request_error", **more}
        self.body = {"error": {name: value for name, value in said.items() if value}}


def unknown(param: str) -> Refusal:
    return Refusal(f"Received unknown parameter: {param}", code="parameter_unknown", param=param)


def missing(param: str) -> Refusal:
    return Refusal(f"Missing required param: {param}.", code="parameter_missing", param=param)


def wrong(param: str, message: str, code: str = "") -> Refusal:
    return Refusal(message, code=code, param=param)


def empty(param: str) -> Refusal:
    message = (
        f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; "
        f"however '{param}' cannot be unset. You should remove '{param}' from your request or supply a non-empty value."
    )
    return Refusal(message, code="parameter_invalid_empty", param=param)


def no_such(kind: str, identifier: str, *, param: str = "id") -> Refusal:
    """In the address it is a 404; named by a parameter it is a fault of the parameters."""
    status = 404 if param == "id" else 400
    return Refusal(f"No such {kind}: '{identifier}'", status=status, code="resource_missing", param=param)


def unwell(status: int = 500) -> Refusal:
    if status == 429:
        return Refusal("Too many requests hit the API too quickly.", status=429, code="rate_limit")
    return Refusal("An unknown error occurred", status=500, kind="api_error")


def declined(**more: Any) -> Refusal:
    return Refusal(
        "Your card was declined.",
        status=DECLINED, kind="card_error", code="card_declined", decline_code="generic_decline", **more,
    )  # fmt: skip

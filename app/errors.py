"""The one shape of an error. A domain subclasses it beside the code that raises it; the edge renders it.

`code` is a promise to programs, `message` is for people, `details` are the numbers a program may want.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class AppError(Exception):
    status: int = 500
    code: str = "internal_error"
    message: ClassVar[str] = "Something went wrong on our side. Nothing was charged for it."

    def __init__(self, message: str | None = None, *, headers: Mapping[str, str] | None = None, **details: Any) -> None:
        self.details = details
        self.headers = dict(headers or {})
        super().__init__(message or self.message.format_map(details))

    def as_dict(self) -> dict[str, Any]:
        return {"error": str(self), "code": self.code, **self.details}


class Invalid(AppError):
    status, code = 422, "invalid_request"
    message = "Some of what was sent is not valid."

    @classmethod
    def field(cls, field: str, message: str) -> Invalid:
        return cls(fields=[{"field": field, "message": message}])


class Unauthenticated(AppError):
    status, code, message = 401, "unauthenticated", "Please sign in first."

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": 'Bearer realm="prome"'})


class Forbidden(AppError):
    status, code, message = 403, "forbidden", "Your account may not do this."


class NotFound(AppError):
    status, code, message = 404, "not_found", "There is no such thing here."


class Unavailable(AppError):
    status, code, message = 503, "unavailable", "The service cannot do this just now. Please try again shortly."

    def __init__(self, message: str | None = None, *, retry_after_seconds: int = 1, **details: Any) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after_seconds)}, **details)

"""What is said about an account, and what one says to get in: the bodies and answers of the rows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from app.accounts.passwords import CHARS_MAX, CHARS_MIN, Secret
from app.edge.shapes import In, Out, Text

Email = Annotated[Text, Field(min_length=3, max_length=254, examples=["ann@example.com"])]
NewPassword = Annotated[str, Field(min_length=CHARS_MIN, max_length=CHARS_MAX, examples=["correct horse battery"])]
# In this order: a name is measured as it will be kept.
Name = Annotated[Text, AfterValidator(lambda name: " ".join(name.split())), Field(min_length=1, max_length=80)]


class Registration(In):
    email: Email
    password: NewPassword


class Credentials(In):
    email: Email
    password: Secret


class PasswordChange(In):
    current_password: Secret
    new_password: NewPassword


class Forgotten(In):
    email: Email


class Reset(In):
    token: Annotated[Text, Field(min_length=1, max_length=128)]
    new_password: NewPassword


class Renaming(In):
    name: Name


class Confirmation(In):
    current_password: Secret


class UserOut(Out):
    id: str
    email: str
    name: str
    role: Literal["user", "subscriber", "admin"]
    balance: int
    created_at: datetime
    updated_at: datetime


class Me(Out):
    user: UserOut


class SignedIn(Me):
    token: str


class Sent(Out):
    status: Literal["sent"] = "sent"


class SessionOut(Out):
    id: str
    agent: str
    current: bool
    created_at: datetime
    expires_at: datetime


class SessionsOut(Out):
    sessions: list[SessionOut]
    next_cursor: str | None

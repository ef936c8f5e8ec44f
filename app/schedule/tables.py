from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from app.db import UtcTime


class Lease(SQLModel, table=True):
    __tablename__ = "leases"

    name: str = Field(primary_key=True)
    holder: str
    until: datetime = Field(sa_type=UtcTime)

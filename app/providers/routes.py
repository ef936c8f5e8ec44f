"""Which models there are, and what each costs."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request

from app.edge import paging
from app.edge.endpoints import get
from app.edge.paging import Page
from app.edge.shapes import Out
from app.errors import Invalid
from app.providers.catalogue import Model
from app.providers.models import Models
from app.providers.tokens import CountedBy
from app.services import services

# A list without times still has places, and a cursor wants one.
ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)


class ModelOut(Out):
    id: str
    name: str
    provider: str
    window_tokens: int
    reply_tokens_max: int
    input_rate: int
    output_rate: int
    price: str
    counted_by: CountedBy
    encoding: str
    note: str
    default: bool


class ModelsOut(Out):
    models: list[ModelOut]
    next_cursor: str | None


async def list_models(request: Request, page: Page) -> ModelsOut:
    """The models that can be asked here, the default first, with their prices."""
    models = services(request).models
    found, cursor = paging.cut(_from(models.usable(), page), page, lambda model: (ALWAYS, model.id))
    return ModelsOut(models=[_shown(model, models) for model in found], next_cursor=cursor)


def _from(usable: list[Model], page: Page) -> list[Model]:
    if page.after is None:
        return usable
    ids = [model.id for model in usable]
    if page.after[1] not in ids:
        raise Invalid.field("cursor", "This is not a cursor that we gave out.")
    return usable[ids.index(page.after[1]) + 1 :]


def _shown(model: Model, models: Models) -> ModelOut:
    tokenizer = models.tokenizer(model)
    return ModelOut(
        id=model.id,
        name=model.name,
        provider=model.provider,
        window_tokens=model.window_tokens,
        reply_tokens_max=model.reply_tokens_max,
        input_rate=model.input_rate,
        output_rate=model.output_rate,
        price=model.price,
        counted_by=tokenizer.counted_by,
        encoding=tokenizer.encoding,
        note=model.note,
        default=model == models.pick(None),
    )


routes = [get("/api/models", list_models, query=Page, returns=ModelsOut, public=True)]

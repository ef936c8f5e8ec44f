"""The upstreams that the settings name, as providers."""

from __future__ import annotations

from app.providers.guards import Guards
from app.providers.openai_compatible import OpenAICompatible
from app.settings import OPENAI_API, Settings

GEMINI_BASE_URL = "https://generativelanguage.googleapis.com/v1beta/openai/"


def providers_from(settings: Settings) -> dict[str, OpenAICompatible]:
    """By name, and only those that could answer: elsewhere than at OpenAI itself, no key may be needed."""
    guards = Guards.of(settings)
    openai_key = settings.openai_api_key.get_secret_value()
    gemini_key = settings.gemini_api_key.get_secret_value()
    found = {}
    if openai_key or settings.openai_base_url.rstrip("/") != OPENAI_API:
        found["openai"] = OpenAICompatible("openai", settings.openai_base_url, openai_key, guards)
    if gemini_key:
        found["gemini"] = OpenAICompatible("gemini", GEMINI_BASE_URL, gemini_key, guards)
    return found

"""Which of the forms on offer the caller likes best."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request

from app.edge.endpoints import Header

PREFER = Header("Prefer", "`respond-async`: do not wait for the outcome, only say where it will be")


def preferred(request: Request, offered: Sequence[str]) -> str:
    """The first on offer is for whoever does not mind, and for whoever likes nothing of it."""
    liked = [_weighed(part) for value in request.headers.getlist("accept") for part in value.split(",")]
    refused = {media_type for weight, media_type in liked if weight <= 0}
    # Sorting is stable: of two that are liked as much, the one named first.
    for _, media_type in sorted((pair for pair in liked if pair[0] > 0), key=lambda pair: -pair[0]):
        found = next((offer for offer in offered if offer not in refused and _matches(media_type, offer)), None)
        if found is not None:
            return found
    return offered[0]


def prefers(request: Request, preference: str) -> bool:
    """RFC 7240: `Prefer: respond-async, wait=10`."""
    said = (part for value in request.headers.getlist("prefer") for part in value.split(","))
    return any(part.partition(";")[0].strip().lower() == preference for part in said)


def _weighed(part: str) -> tuple[float, str]:
    media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
    try:
        return float(weight), media_type
    except ValueError:
        return 1.0, media_type


def _matches(liked: str, offered: str) -> bool:
    return liked in (offered, "*/*", offered.partition("/")[0] + "/*")

"""A shop's webhook, as Stripe's guide has it: whatever arrives is proved by the SDK and then kept."""

from __future__ import annotations

import stripe
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

SECRET = "whsec_of_these_tests"


class Inbox:
    def __init__(self) -> None:
        self.events: list[stripe.Event] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        # What to answer next; afterwards it is 200 again.
        self.answers: list[int] = []
        self.app = Starlette(routes=[Route("/hook", self.receive, methods=["POST"])])

    async def receive(self, request: Request) -> Response:
        body = await request.body()
        event = stripe.Webhook.construct_event(body, request.headers["stripe-signature"], SECRET)
        self.events.append(event)
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        return Response("noted", self.answers.pop(0) if self.answers else 200)

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]

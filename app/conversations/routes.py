"""My conversations: listed, searched, renamed, steered to another branch, read, taken along, deleted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.accounts.identity import identity
from app.conversations import branch, conversations, export, messages, search, shapes
from app.conversations.branch import BranchQuery
from app.conversations.conversations import UnknownConversation
from app.conversations.messages import UnknownMessage
from app.conversations.shapes import ConversationOut, ExportOut, HistoryOut, MessageOut
from app.db import Row
from app.edge import paging
from app.edge.endpoints import delete, get, patch
from app.edge.paging import Page
from app.edge.shapes import In, Out, Query, Text
from app.errors import Invalid, NotFound
from app.services import services

# In this order: a title is measured as it will be kept.
Title = Annotated[Text, AfterValidator(lambda title: " ".join(title.split())), Field(min_length=1, max_length=200)]
MessageId = Annotated[Text, StringConstraints(min_length=1, max_length=64)]


class ListQuery(Page):
    q: Annotated[Text, StringConstraints(strip_whitespace=True, max_length=200)] = Field(
        "", description="Words to find in a title or in one message: all of them, the last one with any ending"
    )


class FoundOut(ConversationOut):
    snippet: str | None = Field(description="With `q`: a line of the newest message that matched, as plain text")
    message_id: str | None = Field(description="With `q`: that message")


class ConversationsOut(Out):
    conversations: list[FoundOut]
    next_cursor: str | None


class Steering(In):
    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    title: Title | None = None
    current_message_id: MessageId | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Steering:
        if self.title is None and self.current_message_id is None:
            raise Invalid.field("title", "Give a title, a currentMessageId, or both.")
        return self


class MessagesOut(Out):
    messages: list[MessageOut]
    next_cursor: str | None


class ExportQuery(Query):
    format: Literal["md", "json"] = Field("md", description="`md`: the current branch; `json`: every branch")


async def list_conversations(request: Request, query: ListQuery) -> ConversationsOut:
    """The most recently changed first, with `q` as well."""
    me = identity(request)
    async with services(request).db.read() as session:
        if query.q:
            found = await search.search(session, me.user_id, query.q, query)
        else:
            found = await conversations.listed(session, me.user_id, query)
    shown, next_cursor = paging.cut(found, query, lambda row: (row["updated_at"], row["id"]))
    return ConversationsOut(conversations=[_found(row, query.q) for row in shown], next_cursor=next_cursor)


async def show_conversation(request: Request) -> ConversationOut:
    """One conversation of mine, without its messages."""
    async with services(request).db.read() as session:
        found = await conversations.find(session, identity(request).user_id, request.path_params["conversation_id"])
    return ConversationOut.model_validate(found.model_dump())


async def change_conversation(request: Request, body: Steering) -> ConversationOut:
    """A title of my own, or the branch through `currentMessageId`, down to its newest reply; or both."""
    its, me, conversation_id = services(request), identity(request), request.path_params["conversation_id"]
    async with its.db.begin() as session:
        await conversations.find(session, me.user_id, conversation_id)
        if body.title is not None:
            await conversations.rename(session, conversation_id, body.title, its.clock.now())
        if body.current_message_id is not None:
            await conversations.choose_branch(session, conversation_id, body.current_message_id, its.clock.now())
        changed = await conversations.find(session, me.user_id, conversation_id)
    return ConversationOut.model_validate(changed.model_dump())


async def delete_conversation(request: Request) -> None:
    """With all of its messages. What they cost stays on the statement; a reply that still runs is stopped."""
    its, me, conversation_id = services(request), identity(request), request.path_params["conversation_id"]
    await its.readings.stop_in(me.user_id, conversation_id)
    async with its.db.begin() as session:
        await conversations.delete(session, me.user_id, conversation_id, its.clock.now())


async def list_messages(request: Request, query: BranchQuery) -> MessagesOut:
    """The current branch, by default the oldest first. Choosing one of the `siblings` shows another branch."""
    me = identity(request)
    async with services(request).db.read() as session:
        within = await conversations.find(session, me.user_id, request.path_params["conversation_id"])
        found = await branch.page(session, within, query)
        shown, next_cursor = paging.cut(found, query, lambda row: (row["created_at"], branch.place(row, query)))
        alike = await messages.siblings(session, within.id, shown)
    return MessagesOut(messages=[shapes.message(row, alike[row["id"]]) for row in shown], next_cursor=next_cursor)


async def export_conversation(request: Request, query: ExportQuery) -> Response:
    """To keep: the current branch as Markdown, or every branch as JSON."""
    db = services(request).db
    async with db.read() as session:
        found = await conversations.find(session, identity(request).user_id, request.path_params["conversation_id"])
    headers = {"Content-Disposition": export.disposition(found.title, query.format), "Cache-Control": "no-store"}
    if query.format == "json":
        return StreamingResponse(export.as_json(db, found), headers=headers, media_type="application/json")
    return StreamingResponse(export.as_markdown(db, found), headers=headers, media_type="text/markdown")


async def show_history(request: Request, page: Page) -> Response:
    """Conversations with the messages of their current branch: mine, or for an admin anybody's."""
    db, me, user_id = services(request).db, identity(request), request.path_params["user_id"]
    if user_id != me.user_id and me.role != "admin":
        raise NotFound
    async with db.read() as session:
        found = await conversations.listed(session, user_id, page)
    shown, next_cursor = paging.cut(found, page, lambda row: (row["updated_at"], row["id"]))
    pieces = export.history(db, shown, next_cursor)
    return StreamingResponse(pieces, headers={"Cache-Control": "no-store"}, media_type="application/json")


def _found(row: Row, question: str) -> FoundOut:
    found = {"message_id": None, "content": None, **dict(row)}
    content = found["content"]
    return FoundOut.model_validate({**found, "snippet": search.snippet(content, question) if content else None})


routes = [
    get("/api/conversations", list_conversations, query=ListQuery, returns=ConversationsOut),
    get("/api/conversations/{conversation_id}", show_conversation, returns=ConversationOut,
        raises=[UnknownConversation]),
    patch("/api/conversations/{conversation_id}", change_conversation, body=Steering, returns=ConversationOut,
          raises=[UnknownConversation, UnknownMessage]),
    delete("/api/conversations/{conversation_id}", delete_conversation, status=204, raises=[UnknownConversation]),
    get("/api/conversations/{conversation_id}/messages", list_messages, query=BranchQuery, returns=MessagesOut,
        raises=[UnknownConversation]),
    get("/api/conversations/{conversation_id}/export", export_conversation, query=ExportQuery, returns=ExportOut,
        raises=[UnknownConversation], media_types=["application/json", "text/markdown"]),
    get("/api/history/{user_id}", show_history, query=Page, returns=HistoryOut, raises=[NotFound]),
]  # fmt: skip

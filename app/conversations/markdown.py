"""A conversation as a page of Markdown that stays one, whatever its title and its messages hold."""

from __future__ import annotations

import re
from datetime import datetime

from app.conversations.tables import Conversation
from app.db import Row

NAMES = {"user": "You", "assistant": "Assistant"}
SPECIAL = re.compile(r"([\\`*_\[\]<>#&|~])")
FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")


def heading(conversation: Conversation) -> str:
    title = SPECIAL.sub(r"\\\1", " ".join(conversation.title.split()))
    return f"# {title}\n\nBegun {_moment(conversation.created_at)}\n"


def section(row: Row) -> str:
    """Who, by which model, when, and how it ended if not well; then what was said."""
    ending = "" if row["status"] == "complete" else row["status"]
    head = " · ".join(filter(None, (NAMES[row["role"]], row["model"], _moment(row["created_at"]), ending)))
    return f"\n## {head}\n\n{closed(row['content'])}\n"


def closed(content: str) -> str:
    """A reply that ended inside a block of code would take the rest of the page into it."""
    fence = ""
    for line in content.splitlines():
        found = FENCE.match(line)
        if fence:
            fence = "" if re.fullmatch(rf" {{0,3}}{re.escape(fence[0])}{{{len(fence)},}}[ \t]*", line) else fence
        elif found:
            fence = found[1]
    return f"{content.rstrip()}\n{fence}" if fence else content.strip("\r\n")


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")

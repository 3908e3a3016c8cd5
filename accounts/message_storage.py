"""Keeps what the next page is to tell, so that many presses of one button do not fill it with one sentence."""

from collections.abc import Sequence
from typing import Any

from django.contrib.messages.storage.session import SessionStorage

# More are never read. The newest say what came last.
KEPT = 10


class DistinctStorage(SessionStorage):
    """Messages in the session, of which equal ones wait once, and no more than KEPT."""

    def serialize_messages(self, messages: Sequence[Any]) -> str:
        """Return what the session keeps of the messages that wait."""
        distinct = [message for at, message in enumerate(messages) if message not in messages[:at]]
        return super().serialize_messages(distinct[-KEPT:])

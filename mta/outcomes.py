"""What goes into the engine and what comes out: mails, outcomes, and the ledger that keeps them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from mta.verdicts import Phase


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One mail to one recipient. `id` is the caller's; `mail_from` may be empty (RFC 5321 section 4.5.5).

    `is_wire_ready` is the caller's word that all line ends are CRLF, that the last line has one, and that no line
    begins with a dot, so that nobody needs to look for them.
    """

    id: int
    mail_from: str
    rcpt_to: str
    data: bytes
    is_wire_ready: bool = False


class Result(Enum):
    """What became of a mail in one attempt."""

    # The final dot was answered with 2xx.
    ACCEPTED = "accepted"
    # 5xx for this recipient or this mail; on the direct way of its servers at any step, or none to be found.
    REFUSED = "refused"
    # 4xx for this recipient or this mail; on the direct way also a server that cannot be reached or hangs up.
    DEFERRED = "deferred"
    # Ours or the relay's: connect, greeting, TLS, AUTH, MAIL refused, connection lost before the dot.
    # On the direct way only what is ours for sure, such as no network.
    ROUTE_FAULT = "route_fault"
    # The dot was sent and never answered (F7).
    DOUBT = "doubt"
    # The fence refused it; no dot was sent.
    WITHDRAWN = "withdrawn"
    # Not tried, or given up before the dot because the time was over.
    UNTOUCHED = "untouched"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one mail. `text` is the server's, made safe to show; `host` is the server
    that was talked to."""

    id: int
    result: Result
    code: int | None = None
    status: str = ""
    text: str = ""
    phase: Phase = Phase.CONNECT
    host: str = ""


class Ledger(Protocol):
    """Keeps fences and outcomes. All calls of one `send` come from one thread, one after the other."""

    def fence(self, ids: Sequence[int]) -> set[int]:
        """Mark rows durably as about to be sent; return those that may go."""
        ...

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Keep outcomes durably."""
        ...


@runtime_checkable
class JoiningLedger(Protocol):
    """A ledger that can keep outcomes and fences by one commit."""

    def commit(self, outcomes: Sequence[Outcome], ids: Sequence[int]) -> set[int]:
        """Do what `record` and then `fence` do; no id is in both, and there is at least one in either."""
        ...


@runtime_checkable
class ClosingLedger(Protocol):
    """A ledger that holds something for its thread, such as a database connection."""

    def close(self) -> None:
        """Give it back; the last call of a `send`, from the same thread as all others."""
        ...

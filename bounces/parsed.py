"""What a returned mail says, as plain values."""

from dataclasses import dataclass
from enum import Enum

from mta.verdicts import Phase


class NoticeKind(Enum):
    """What kind of mail came in at the bounce door."""

    BOUNCE = "bounce"
    DELAY = "delay"
    AUTO_REPLY = "auto_reply"
    COMPLAINT = "complaint"
    DELIVERED = "delivered"
    # Reports about the sender as a whole: DMARC, authentication failures (RFC 6591).
    REPORT = "report"
    ORDINARY = "ordinary"


class Action(Enum):
    """What the reporting server did (RFC 3464 section 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class ParsedRecipient:
    """What a notice says of one recipient.

    `code` is the three-digit reply, `status` the enhanced status code (RFC 3463), `text` the server's own
    words, `host` who said so, `phase` the step of the dialogue where the notice tells it.
    """

    address: str
    action: Action = Action.FAILED
    code: int | None = None
    status: str = ""
    text: str = ""
    host: str = ""
    phase: Phase = Phase.NOTICE
    # The address that was written to where it is another one, as before a forward.
    original: str = ""


@dataclass(frozen=True, slots=True)
class ParsedNotice:
    """What was read in a mail. `message_id` is that of the returned mail, `return_paths` are what may be its
    signed Return-Path.

    `rule` names the way of reading that decided; `trusted` is False where only flufl.bounce found an address,
    whose cause is then unknown.
    """

    kind: NoticeKind
    rule: str
    recipients: tuple[ParsedRecipient, ...] = ()
    message_id: str = ""
    return_paths: tuple[str, ...] = ()
    trusted: bool = True

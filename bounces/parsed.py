"""What a returned mail says, as plain values."""

from dataclasses import dataclass
from enum import Enum

from django.db import models
from django.utils.translation import gettext_lazy as _

from mta.verdicts import Phase


class NoticeKind(models.TextChoices):
    """What kind of mail came in at the bounce door."""

    BOUNCE = "bounce", _("エラーメール")
    DELAY = "delay", _("遅延通知")
    AUTO_REPLY = "auto_reply", _("自動応答")
    COMPLAINT = "complaint", _("迷惑メール報告")
    DELIVERED = "delivered", _("配送完了")
    # Reports about the sender as a whole: DMARC, authentication failures (RFC 6591).
    REPORT = "report", _("認証などのレポート")
    ORDINARY = "ordinary", _("一般のメール")


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

"""What a reply or a bounce notice means: kinds, reasons, phases and the verdict that joins them."""

from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    """種別: who or what an error is about (B11)."""

    HARD = "hard", _("永続的")
    SOFT = "soft", _("一時的")
    REFUSED = "refused", _("受信拒否")
    BLOCK = "block", _("ブロック")
    UNKNOWN = "unknown", _("原因不明")
    COMPLAINT = "complaint", _("苦情")
    NOT_BOUNCE = "not_bounce", _("エラーではない")


class Reason(models.TextChoices):
    """理由: what went wrong, in the words of the design's table."""

    USER_UNKNOWN = "user_unknown", _("宛先不明")
    HOST_UNKNOWN = "host_unknown", _("ドメイン不明・受信停止")
    MAILBOX_FULL = "mailbox_full", _("容量超過")
    SUSPENDED = "suspended", _("アカウント停止中")
    REFUSED = "refused", _("受信拒否(受信者の設定)")
    TEMPORARY = "temporary", _("一時的な障害")
    RATE_LIMITED = "rate_limited", _("流量制限")
    REPUTATION = "reputation", _("送信元の評価")
    AUTH = "auth", _("送信ドメイン認証")
    SPAM_CONTENT = "spam_content", _("迷惑メール・内容判定")
    TOO_LARGE = "too_large", _("サイズ超過")
    POLICY = "policy", _("ポリシー拒否")
    UNKNOWN = "unknown", _("原因不明")
    COMPLAINT = "complaint", _("迷惑メール報告")
    AUTO_REPLY = "auto_reply", _("自動応答")
    DELAYED = "delayed", _("遅延通知")
    DELIVERED = "delivered", _("配送完了")


class Phase(models.TextChoices):
    """The step of the SMTP dialogue that a reply belongs to (RFC 5321 section 3)."""

    CONNECT = "connect", _("接続")
    GREETING = "greeting", _("接続応答")
    EHLO = "ehlo", "EHLO"
    STARTTLS = "starttls", "STARTTLS"
    AUTH = "auth", "AUTH"
    MAIL = "mail", "MAIL FROM"
    RCPT = "rcpt", "RCPT TO"
    DATA = "data", "DATA"
    DOT = "dot", _("本文送信後")
    NOTICE = "notice", _("エラーメール")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reply means. `rule` names the row of the table that decided."""

    kind: Kind
    reason: Reason
    rule: str

"""What a page says of a draft that could not be saved as it was meant."""

from __future__ import annotations

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import User
from campaigns.draft_parts import Parts
from campaigns.drafts import Stale


def stale_sentence(stale: Stale, reader: User) -> str:
    """Return who saved a draft before, when, and what that person wrote differently."""
    named = {
        "at": date_format(timezone.localtime(stale.at), "n月j日(D) H:i"),
        "by": stale.by,
        "fields": "、".join(stale.fields) or _("設定"),
    }
    if stale.by == reader:
        return _("この下書きは、%(at)sにあなたの別の画面で変更されました(違うところ: %(fields)s)。") % named
    if stale.by is None:
        return _("この下書きは、%(at)sに別の画面で変更されました(違うところ: %(fields)s)。") % named
    return _("この下書きは、%(at)sに%(by)sさんの別の画面で変更されました(違うところ: %(fields)s)。") % named


def closed_sentence() -> str:
    """Return why nothing is stored any more."""
    return _("このメールは予約または配信されたため、保存できません。入力した内容は版の一覧に残っています。")


def deleted_sentence() -> str:
    """Return what becomes of what is typed once the draft is deleted."""
    return _("この下書きは削除されました。入力した内容はこの画面に残っていて、新しい下書きとして保存できます。")


def elsewhere_sentence() -> str:
    """Return why nothing is stored in the workspace that is chosen by now."""
    return _(
        "別の画面でワークスペースが切り替えられたため、保存していません。入力した内容はこの画面に残っています。"
        "元のワークスペースに切り替えると保存できます。"
    )


def refusal_of(parts: Parts) -> str:
    """Return why a mail cannot be written from its content; nothing where it can."""
    return _("メールを組み立てられません: %s") % parts.problem if parts.problem else ""

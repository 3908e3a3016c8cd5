"""Checks what surrounds a mailing: its sender and domain, the hour, the test mail, the workspace."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from campaigns.approvals import live_approval, needs_approval, not_approved_sentence
from campaigns.closed_times import opening
from campaigns.error_gate import is_stopped
from campaigns.models import ApprovalState, Campaign, TestMailState
from campaigns.preflight.findings import Finding, green, red, yellow
from campaigns.quiet_words import moment_words
from campaigns.sendable import CampaignError, require_audience, require_sender, stopped_sentence
from campaigns.sender_notes import note_of
from lists.audience import Audience
from lists.segment_counts import Slice
from senders.domain_names import display_domain
from senders.models import CheckKind, CheckResult, ServerCheck, ServerCheckKind
from senders.verification import where_to_fix

# What the dialog that starts a mailing at once tells by itself.
HOUR_CODES: Final = ("hour_closed", "hour_night")
# Hours of the day at which a phone that rings is a nuisance.
NIGHT_FROM: Final = 22
NIGHT_UNTIL: Final = 7
BAD: Final = (CheckResult.MISSING, CheckResult.WRONG)


def check_sender(campaign: Campaign) -> Iterator[Finding]:
    """Check that the sender may send, and tell what could be lost soon."""
    try:
        require_sender(campaign)
    except CampaignError as error:
        yield red("sender", error.sentence, url=error.url)
        return
    if note := note_of(campaign):
        yield yellow("sender_note", note.sentence, url=note.url)
    elif campaign.sender:
        yield green("sender", _("送信元 %s から配信できます。") % display_domain(campaign.sender.domain.name))


def check_provider_rules(campaign: Campaign) -> Iterator[Finding]:
    """Check what Gmail, Yahoo and others want of whoever sends to many (F5): DMARC, and the names of our servers."""
    if campaign.sender is None:
        return
    domain = campaign.sender.domain
    page = reverse("diagnosis_sender", args=[campaign.sender.pk])
    checks = {check.kind: check.result for check in domain.checks.all()}
    has_faults = False
    if checks.get(CheckKind.DMARC) in BAD:
        has_faults = True
        yield yellow(
            "dmarc",
            _(
                "ドメインに DMARC の設定がないか、正しくありません。Gmail や Yahoo!メール、Outlook.com に1日5,000通以上を"
                "送る場合は必須で、ないと迷惑メールに入ることがあります。"
            ),
            url=where_to_fix(domain),
        )
    if ServerCheck.objects.filter(kind=ServerCheckKind.PTR, result__in=BAD).exists():
        has_faults = True
        yield yellow(
            "server_ptr",
            _("送信サーバーの逆引き(PTR)に問題があり、断る受信サーバーがあります。運営者に確認を依頼してください。"),
            url=page,
        )
    if checks and not has_faults:
        yield green(
            "provider_rules", _("主なメールサービスの送信者ルールに反する設定は見つかりませんでした。"), url=page
        )


def check_audience(campaign: Campaign, audience: Audience, counted: Slice | None) -> Iterator[Finding]:
    """Check that there is somebody to send to; nobody needs to look where somebody was counted already."""
    if counted is not None and counted.active:
        return
    try:
        require_audience(campaign, audience)
    except CampaignError as error:
        yield red("audience", error.sentence)


def check_workspace(campaign: Campaign) -> Iterator[Finding]:
    """Check that the workspace may send (A15)."""
    if is_stopped(campaign.workspace):
        yield red("gate_stopped", stopped_sentence(), url=reverse("gate_detail"))


def check_approval(campaign: Campaign, actor: User | None) -> Iterator[Finding]:
    """Check that another person approved what this one would send, where the workspace wants that (承認)."""
    if not needs_approval(campaign.workspace, actor):
        return
    live = live_approval(campaign)
    if live is None:
        yield red("not_approved", not_approved_sentence())
    elif live.state == ApprovalState.GRANTED:
        yield green("approved", _("今の内容で承認されています。"))
    else:
        yield red("not_approved", _("承認を依頼済みです。承認されると、予約と配信ができます。"))


def check_hour(campaign: Campaign, *, at: datetime, now: datetime) -> Iterator[Finding]:
    """Check the hour at which the mails would really leave."""
    begin = opening(campaign, at)
    if begin:
        yield yellow(
            "hour_closed",
            _("配信禁止時間にあたるため、実際に送り始めるのは%sです。") % moment_words(begin, now),
        )
    hour = (begin or at).astimezone(campaign.workspace.zone).hour
    if hour >= NIGHT_FROM or hour < NIGHT_UNTIL:
        yield yellow(
            "hour_night",
            _("送り始めるのが夜間・早朝(%d時台)です。着信音で起こしてしまうことがあり、苦情につながります。") % hour,
        )


def check_test_mail(campaign: Campaign) -> Iterator[Finding]:
    """Check that somebody has seen the mailing as it is now in a mail program."""
    sent = campaign.test_mails.filter(state=TestMailState.SENT, created_at__gte=campaign.updated_at)
    if sent.exists():
        yield green("test_mail", _("今の内容でテストメールを送信済みです。"))
    else:
        yield yellow(
            "test_mail", _("今の内容のテストメールをまだ送っていません。実際のメールソフトでの表示を確かめてください。")
        )

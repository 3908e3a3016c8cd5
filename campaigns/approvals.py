"""承認: asks for another person's word on a draft, takes it down, and tells whether it still holds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import Membership, Role, User, Workspace
from campaigns import closed_times
from campaigns.audiences import audience_of
from campaigns.authors import read_sender
from campaigns.models import (
    LIVE,
    Approval,
    ApprovalRule,
    ApprovalState,
    Campaign,
    CampaignState,
    Draft,
    QuietMode,
)
from campaigns.sendable import CampaignError
from campaigns.variants import told_of_test

# Columns of a campaign that a person approves. A test holds this against all columns there are.
APPROVED_COLUMNS: Final = (
    "subject",
    "preheader",
    "text",
    "html",
    "conditions",
    "doubt_policy",
    "lifetime",
    "quiet_mode",
    "late_tolerance",
    "wants_tracking",
)

# Those of its recurrence.
PLAN_COLUMNS: Final = ("rhythm", "weekdays", "month_day", "at", "ends_on")


def rule_of(workspace: Workspace) -> ApprovalRule:
    """Return whose mailings need approval; an unstored rule that asks for none where the workspace has none."""
    return ApprovalRule.objects.filter(workspace=workspace).first() or ApprovalRule(workspace=workspace)


def needs_approval(workspace: Workspace, actor: User | None) -> bool:
    """Say whether what this person starts needs another one's approval.

    Whoever is no editor of the workspace any more needs it where anybody does.
    """
    rule = rule_of(workspace)
    if not (rule.for_editors or rule.for_admins):
        return False
    role = Membership.objects.filter(workspace=workspace, user=actor).values_list("role", flat=True).first()
    return {Role.ADMIN.value: rule.for_admins, Role.EDITOR.value: rule.for_editors}.get(role or "", True)


def digest_of(campaign: Campaign) -> str:
    """Return the SHA-256, hexadecimal, over all that is approved: content, sender, audience and how it is sent.

    The time is not part of it, nor who is on the lists; what a segment asks for is.
    """
    audience = audience_of(campaign)
    told: dict[str, Any] = {name: getattr(campaign, name) for name in APPROVED_COLUMNS}
    told["sender"] = campaign.sender and [campaign.sender.pk, asdict(read_sender(campaign.sender))]
    told["lists"] = [audience.lists, sorted(audience.excluded_lists)]
    told["segments"] = [
        sorted([segment.pk, segment.conditions] for segment in segments)
        for segments in (audience.segments, audience.excluded_segments)
    ]
    # The columns say what is sent and for whom each region is; a block that is empty yet stands in the draft alone.
    told["draft"] = Draft.objects.filter(campaign=campaign).values("kind", "blocks", "source").first()
    # A draft that is repeated is approved with its plan.
    told["plan"] = campaign.recurrences.filter(stopped_at=None).values(*PLAN_COLUMNS).first()
    told |= told_of_test(campaign)
    if campaign.quiet_mode == QuietMode.OWN:
        told["quiet"] = closed_times.fields_of(closed_times.rules_for(campaign))
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def live_approval(campaign: Campaign) -> Approval | None:
    """Return what was asked or granted of the mailing as it is now."""
    live = campaign.approvals.filter(state__in=LIVE).select_related("asked_by", "decided_by").first()
    return live if live is not None and live.digest == digest_of(campaign) else None


def is_approved(campaign: Campaign) -> bool:
    """Say whether somebody approved the mailing as it is now."""
    live = live_approval(campaign)
    return live is not None and live.state == ApprovalState.GRANTED


def not_approved_sentence() -> str:
    """Return why a mailing that needs approval cannot be started."""
    return _(
        "承認されていません。「承認」の欄から、管理者に承認を依頼してください。自分の依頼は、自分では承認できません。"
    )


def rely_on_approval(campaign: Campaign, actor: User | None) -> None:
    """Note, in the transaction that schedules it, whether the mailing depends on its approval.

    Raises CampaignError where it needs one that is not there.
    """
    is_needed = needs_approval(campaign.workspace, actor)
    if is_needed and not is_approved(campaign):
        raise CampaignError(campaign, not_approved_sentence())
    campaign.approvals.filter(relied_on=True).update(relied_on=False)
    if is_needed:
        campaign.approvals.filter(state=ApprovalState.GRANTED).update(relied_on=True)


def lost_approval(campaign: Campaign) -> str:
    """Return why a mailing that was scheduled on an approval must not start any more, or nothing."""
    relied = campaign.approvals.filter(relied_on=True).first()
    if relied is None or (relied.state == ApprovalState.GRANTED and relied.digest == digest_of(campaign)):
        return ""
    return _(
        "承認の後に、送信元、配信先の条件などが変わったため、承認が無効になりました。内容を確かめて、もう一度承認を依頼してください。"
    )


def void_changed(campaign: Campaign, *, is_told: bool = False) -> bool:
    """Void what was asked or granted of an earlier form of the mailing; say whether there was such a thing.

    With `is_told` the people concerned are written to: what voided it was nobody's save of the mailing.
    """
    live = campaign.approvals.filter(state__in=LIVE).first()
    if live is None or live.digest == digest_of(campaign):
        return False
    return bool(still(live).update(state=ApprovalState.VOID, to_mail=is_told))


def still(approval: Approval) -> QuerySet[Approval]:
    """Return the row as long as it is in the state that was read."""
    return Approval.objects.filter(pk=approval.pk, state=approval.state)


def lock_draft(campaign: Campaign) -> Campaign:
    """Return the draft with its row locked against saves; raises CampaignError where it is none any more."""
    locked = Campaign.objects.select_for_update(no_key=True, of=("self",)).select_related("sender", "workspace")
    draft = locked.filter(pk=campaign.pk, state=CampaignState.DRAFT).first()
    if draft is None:
        raise CampaignError(campaign, _("下書きではないため、承認の対象になりません。最新の状態を確かめてください。"))
    return draft


def ask(campaign: Campaign, *, actor: User, now: datetime, message: str = "") -> Approval:
    """Ask the administrators for their approval; a second click finds what the first one asked.

    Raises CampaignError where nobody could approve it.
    """
    with transaction.atomic():
        draft = lock_draft(campaign)
        if live := live_approval(draft):
            return live
        if not deciders(draft, actor):
            raise nobody_decides(draft, actor)
        draft.approvals.filter(state__in=LIVE).update(state=ApprovalState.VOID)
        record(draft.workspace, actor, "campaign.approve_ask", str(draft.pk))
        return Approval.objects.create(
            campaign=draft, digest=digest_of(draft), asked_by=actor, asked_at=now, message=message, to_mail=True
        )


def nobody_decides(campaign: Campaign, actor: User) -> CampaignError:
    """Return what is said where no administrator could approve, with what this person can do about it."""
    sentence = _("承認できる人がいません。依頼した人と最後に編集した人のほかに、管理者が必要です。")
    if Membership.objects.filter(workspace=campaign.workspace_id, user=actor, role=Role.ADMIN).exists():
        added = _("「設定」の「メンバー」で管理者を追加してください。")
        return CampaignError(campaign, sentence + added, reverse("members"))
    return CampaignError(campaign, sentence + _("管理者に、管理者の追加を依頼してください。"))


def deciders(campaign: Campaign, asker: User | None) -> list[User]:
    """Return who may decide: the administrators, but neither who asks nor who edited the mailing last."""
    admins = Membership.objects.filter(workspace=campaign.workspace_id, role=Role.ADMIN, user__is_active=True)
    found = admins.select_related("user").order_by("pk")
    own = {asker.pk if asker else None, last_editor(campaign)}
    return [membership.user for membership in found if membership.user_id not in own]


def last_editor(campaign: Campaign) -> int | None:
    """Return the id of who saved the mailing last."""
    return campaign.edited_by_id or campaign.created_by_id


def decide(
    campaign: Campaign, asked: int, decision: ApprovalState, *, actor: User, now: datetime, note: str = ""
) -> None:
    """Grant or refuse what was asked under the id `asked`.

    Raises CampaignError where the mailing is not any more what was asked about, where it was decided already (a second
    click, a second tab), or where it is this person's own.
    """
    with transaction.atomic():
        draft = lock_draft(campaign)
        approval = draft.approvals.filter(pk=asked, state=ApprovalState.ASKED).select_related("asked_by").first()
        if approval is None:
            raise CampaignError(campaign, _("この依頼はすでに決定されたか、取り消されています。"))
        if actor not in deciders(draft, approval.asked_by):
            raise CampaignError(
                campaign, _("自分が依頼したメールや、自分が最後に編集したメールは、ほかの管理者が承認します。")
            )
        is_changed = approval.digest != digest_of(draft)
        if is_changed:
            still(approval).update(state=ApprovalState.VOID, to_mail=True)
        else:
            still(approval).update(state=decision, decided_by=actor, decided_at=now, note=note, to_mail=True)
            record(draft.workspace, actor, ACTIONS[decision], str(draft.pk), **({"why": note} if note else {}))
    if is_changed:
        raise CampaignError(
            campaign, _("依頼の後に内容が変わったため、承認できません。もう一度依頼するように伝えてください。")
        )


ACTIONS: Final = {
    ApprovalState.GRANTED: "campaign.approve",
    ApprovalState.REFUSED: "campaign.approve_refuse",
}


def waiting_approvals(workspace: Workspace) -> QuerySet[Approval]:
    """Return what waits for a decision, the oldest first."""
    asked = Approval.objects.filter(state=ApprovalState.ASKED, campaign__workspace=workspace)
    return asked.filter(campaign__state=CampaignState.DRAFT).order_by("asked_at", "pk")


def save_rule(rule: ApprovalRule, *, actor: User) -> None:
    """Store whose mailings need approval; it counts for what is scheduled from now on."""
    with transaction.atomic():
        values = {"for_editors": rule.for_editors, "for_admins": rule.for_admins}
        ApprovalRule.objects.update_or_create(workspace=rule.workspace, defaults=values)
        record(rule.workspace, actor, "workspace.approval", rule.workspace.name, **values)

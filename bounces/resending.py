"""失敗分に再送: a new draft for those whom a mailing did not reach, where trying again makes sense."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import Case, CharField, Count, Exists, OuterRef, Q, QuerySet, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from accounts import audit
from accounts.models import User
from bounces.reports import FailureCounts, failures_of
from campaigns.audiences import audience_of, copy_parts
from campaigns.closed_times import copy_own_rules
from campaigns.drafts import copy_draft
from campaigns.models import Campaign, CampaignState, Delivery, DeliveryQuerySet, DeliveryState, Part
from campaigns.tally import OVER
from campaigns.variants import as_variant, split_test_of
from lists.audience import audience_condition
from lists.conditions import SegmentRefused
from lists.models import MailingList, Subscriber, SubscriberQuerySet, SubscriberStatus, Subscription
from mta.verdicts import Reason

# What passes with time.
TEMPORARY_REASONS = (Reason.TEMPORARY, Reason.MAILBOX_FULL, Reason.SUSPENDED, Reason.RATE_LIMITED)
# What passes once its cause is mended: the sender's reputation, its DNS records, the text.
BLOCK_REASONS = (Reason.REPUTATION, Reason.AUTH, Reason.SPAM_CONTENT, Reason.TOO_LARGE, Reason.POLICY)
# 宛先不明, ドメイン不明, 受信拒否 and 苦情 are in neither: those people cannot or do not want to be reached.
# 原因不明 is only where the receiver had said "later" until the lifetime was over.
RESENDABLE = (*TEMPORARY_REASONS, *BLOCK_REASONS, Reason.UNKNOWN)
# Until then its deliveries are in the lists of the draft, afterwards in rows of their own.
NOT_FROZEN = (CampaignState.DRAFT, CampaignState.SCHEDULED, CampaignState.STARTING)
CHUNK = 2000
NAME_LETTERS = 100
SUBJECT_LETTERS = 200


class Fate(StrEnum):
    """What becomes of one who was chosen; the first that fits, in this order."""

    GONE = "gone"
    STOPPED = "stopped"
    UNLISTED = "unlisted"
    RESENT = "resent"
    SEND = "send"


LEFT_OUT = {
    Fate.STOPPED: gettext_noop("配信停止になっている"),
    Fate.GONE: gettext_noop("購読者から削除されている"),
    Fate.UNLISTED: gettext_noop("この配信の配信先から外れている"),
    Fate.RESENT: gettext_noop("前に作った再送の宛先に入っている"),
}


@dataclass(frozen=True, slots=True)
class Selection:
    """Whom a person chose: failures of some reasons, or those whose outcome is unknown (結果不明)."""

    reasons: Sequence[str] = ()
    doubts: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """A reason whose failures may be sent again; a block only after its cause was mended."""

    value: str
    label: str
    number: int
    is_block: bool


@dataclass(frozen=True, slots=True)
class Outlook:
    """How many were chosen, how many of them would be sent to, and why the others would not."""

    chosen: int
    sent_to: int
    left_out: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Resend:
    """The draft with its number of recipients; `is_new` is False where it had been made before."""

    draft: Campaign
    number: int
    is_new: bool


def may_resend(campaign: Campaign) -> bool:
    """Say whether the mailing is over, so that its failures are all there and nothing is tried any more."""
    return campaign.state in OVER


def resendable(reasons: Iterable[str]) -> Q:
    """Return the condition of failures of the reasons that may be sent again."""
    wanted = [reason for reason in reasons if reason in RESENDABLE]
    plain = Q(reason__in=[reason for reason in wanted if reason != Reason.UNKNOWN])
    unknown = Q(reason=Reason.UNKNOWN, state=DeliveryState.EXPIRED)
    return (plain | unknown if Reason.UNKNOWN in wanted else plain) & ~Q(state=DeliveryState.COMPLAINED)


def chosen_deliveries(campaign: Campaign, selection: Selection) -> DeliveryQuerySet:
    """Return the deliveries that were chosen, those in doubt only where they were asked for."""
    if selection.doubts:
        return Delivery.objects.filter(campaign=campaign, state=DeliveryState.DOUBT).order_by("pk")
    return failures_of(campaign).filter(resendable(selection.reasons))


def offer_reasons(counts: FailureCounts) -> list[Offer]:
    """Return the reasons whose failures may be sent again, with their numbers; those without any are left out."""
    numbers: dict[str, int] = {}
    for group in counts.groups:
        is_expired = group.state == DeliveryState.EXPIRED
        if group.state != DeliveryState.COMPLAINED and (group.reason != Reason.UNKNOWN or is_expired):
            numbers[group.reason] = numbers.get(group.reason, 0) + group.number
    return [
        Offer(reason.value, str(reason.label), numbers[reason], reason in BLOCK_REASONS)
        for reason in RESENDABLE
        if reason in numbers
    ]


def count_doubts(campaign: Campaign) -> int:
    """Return how many deliveries are in doubt."""
    return chosen_deliveries(campaign, Selection(doubts=True)).count()


def with_fates(campaign: Campaign, deliveries: DeliveryQuerySet) -> QuerySet[Any, Any]:
    """Note at each delivery what would become of its recipient in a resend (`fate`)."""
    own = Subscription.objects.filter(subscriber=OuterRef("subscriber"))
    earlier = list(campaign.resends.values_list("pk", "state"))
    planned = [pk for pk, state in earlier if state in NOT_FROZEN]
    frozen = Delivery.objects.filter(campaign__in=[pk for pk, _state in earlier], subscriber=OuterRef("subscriber"))
    again = Exists(frozen) | Exists(own.filter(mailing_list__audiences__campaign__in=planned))
    fate = Case(
        When(subscriber=None, then=Value(Fate.GONE)),
        When(subscriber__status=SubscriberStatus.STOPPED, then=Value(Fate.STOPPED)),
        When(~Exists(still_meant(campaign)), then=Value(Fate.UNLISTED)),
        When(again, then=Value(Fate.RESENT)),
        default=Value(Fate.SEND),
        output_field=CharField(),
    )
    return deliveries.annotate(fate=fate)


def still_meant(campaign: Campaign) -> SubscriberQuerySet:
    """Return those whom the campaign would go to now, for an EXISTS over deliveries; nobody where nobody knows."""
    meant = Subscriber.objects.for_workspace(campaign.workspace).filter(pk=OuterRef("subscriber"))
    audience = audience_of(campaign)
    try:
        return meant.filter(audience_condition(campaign.workspace, audience, now=timezone.now()))
    except SegmentRefused:
        return meant.none()


def look_ahead(campaign: Campaign, selection: Selection) -> Outlook:
    """Count what a resend would do, in one query over the chosen."""
    deliveries = with_fates(campaign, chosen_deliveries(campaign, selection)).order_by()
    numbers = dict(deliveries.values_list("fate").annotate(Count("pk")))
    return Outlook(
        chosen=sum(numbers.values()),
        sent_to=numbers.get(Fate.SEND, 0),
        left_out=[(_(why), numbers[fate]) for fate, why in LEFT_OUT.items() if fate in numbers],
    )


def make_resend(campaign: Campaign, selection: Selection, *, actor: User) -> Resend | None:
    """Make a draft with the content of `campaign` to a list of exactly those who are sent to again.

    They gave their consent to lists of the campaign, and are still among those it is meant for: no new consent is made. A
    second call finds them in the first one's draft and returns that; None where there is nobody.
    """
    with transaction.atomic():
        # Two clicks at once come one after the other.
        Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)
        reached = with_fates(campaign, chosen_deliveries(campaign, selection)).filter(fate=Fate.SEND)
        subscribers = list(reached.values_list("subscriber_id", flat=True))
        if not subscribers:
            latest = campaign.resends.order_by("-pk").first()
            return Resend(latest, 0, is_new=False) if latest else None
        mailing_list = make_list(campaign, subscribers)
        draft = copy_content(campaign, actor)
        draft.mailing_lists.add(mailing_list)
        # Whom the mailing leaves out the resend leaves out as well, also who is left out from now on.
        copy_parts(campaign, draft, Part.EXCLUDE_LIST, Part.EXCLUDE_SEGMENT)
        audit.record(
            campaign.workspace,
            actor,
            "failures.resend",
            campaign.subject,
            reasons=[str(Reason(reason).label) for reason in selection.reasons],
            doubts=selection.doubts,
            subscribers=len(subscribers),
        )
    return Resend(draft, len(subscribers), is_new=True)


def make_list(campaign: Campaign, subscriber_ids: Sequence[int]) -> MailingList:
    """Make a list of the subscribers, named after the mailing."""
    number = len(subscriber_ids)
    mailing_list = MailingList.objects.create(
        workspace=campaign.workspace,
        name=free_name(campaign, number),
        description=_("「%s」の再送のために自動で作成しました。") % campaign.title[:100],
    )
    places = (Subscription(mailing_list=mailing_list, subscriber_id=pk) for pk in subscriber_ids)
    Subscription.objects.bulk_create(places, batch_size=CHUNK)
    return mailing_list


def free_name(campaign: Campaign, number: int) -> str:
    """Return a name that no list of the workspace has."""
    taken = set(MailingList.objects.filter(workspace=campaign.workspace).values_list("name", flat=True))
    count = ngettext("(%d件)", "(%d件)", number) % number
    turn = 1
    while True:
        end = count if turn == 1 else f"{count} {turn}"
        beginning = _("再送: %s") % campaign.title
        name = beginning[: NAME_LETTERS - len(end)] + end
        if name not in taken:
            return name
        turn += 1


def copy_content(campaign: Campaign, actor: User) -> Campaign:
    """Return a new draft with the content of a campaign, of one with an A/Bテスト with that of its winner."""
    test = split_test_of(campaign)
    winner = test.winner if test and test.winner else 0
    form = as_variant(campaign, winner)
    draft = Campaign.objects.create(
        workspace=campaign.workspace,
        subject=(_("【再送】%s") % form.subject)[:SUBJECT_LETTERS],
        preheader=form.preheader,
        text=form.text,
        html=form.html,
        conditions=campaign.conditions,
        sender=campaign.sender,
        doubt_policy=campaign.doubt_policy,
        quiet_mode=campaign.quiet_mode,
        late_tolerance=campaign.late_tolerance,
        wants_tracking=campaign.wants_tracking,
        folder=campaign.folder,
        # They have it.
        wants_seeds=False,
        created_by=actor,
        resend_of=campaign,
    )
    copy_draft(campaign, draft, variant=winner)
    copy_own_rules(campaign, draft)
    return draft

"""Takes failed addresses of a campaign out of further mailings, on a person's word (A10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import models, transaction
from django.db.models import Count
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.models import User
from bounces.reports import UNSORTED, Filter, failures_of, label_of, removable_parts
from campaigns.models import Campaign, DeliveryQuerySet, Part
from lists.consents import end_consents
from lists.headcounts import mark_due
from lists.models import MailingList, StopReason, Subscriber, Subscription
from mta.verdicts import Reason

# Reasons that may be removed as a whole: the address is at fault, or its owner refuses.
REMOVABLE = (Reason.USER_UNKNOWN, Reason.REFUSED)
# Reasons that say nothing against the address: whoever takes these off is asked twice.
NOT_THE_ADDRESS = (
    Reason.TEMPORARY,
    Reason.RATE_LIMITED,
    Reason.REPUTATION,
    Reason.AUTH,
    Reason.SPAM_CONTENT,
    Reason.TOO_LARGE,
    Reason.POLICY,
    Reason.UNKNOWN,
)
CHUNK = 1000


class Removal(models.TextChoices):
    """What is done with the addresses."""

    STOP = "stop", _("配信停止にする(次にリストを取り込んでも配信しません)")
    UNLIST = "unlist", _("この配信で使ったリストから外す")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which failures a person chose: whole reasons, single rows, all that a filter shows, or several of these."""

    reasons: Sequence[str] = ()
    delivery_ids: Sequence[int] = ()
    shown: Filter | None = None


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many of the chosen failed for a reason, and whether that says nothing against their addresses."""

    label: str
    number: int
    is_not_the_address: bool


def chosen_failures(campaign: Campaign, choice: Choice) -> DeliveryQuerySet:
    """Return the chosen failures whose subscriber still exists. A filter that filters nothing chooses nothing."""
    wanted = models.Q(reason__in=[reason for reason in choice.reasons if reason in REMOVABLE])
    wanted |= models.Q(pk__in=choice.delivery_ids)
    if choice.shown is not None and choice.shown.is_active():
        wanted |= choice.shown.condition()
    return failures_of(campaign).filter(wanted, subscriber__isnull=False)


def count_reasons(deliveries: DeliveryQuerySet) -> list[ReasonCount]:
    """Count deliveries by reason, the commonest first."""
    counted = deliveries.order_by().values_list("reason").annotate(number=Count("pk")).order_by("-number")
    return [
        ReasonCount(label_of("reason", reason or UNSORTED), number, reason in NOT_THE_ADDRESS)
        for reason, number in counted
    ]


def remove_failures(campaign: Campaign, choice: Choice, removal: Removal, *, actor: User, now: datetime) -> int:
    """Stop the chosen addresses or take them off the campaign's lists; return how many were changed."""
    changed = 0
    for subscriber_ids in chunks(chosen_failures(campaign, choice)):
        with transaction.atomic():
            changed += remove_chunk(campaign, subscriber_ids, removal, now=now)
    audit.record(
        campaign.workspace,
        actor,
        f"failures.{removal.value}",
        campaign.subject,
        reasons=[str(reason) for reason in choice.reasons],
        chosen=len(choice.delivery_ids),
        shown=[label for _part, label in removable_parts(choice.shown)] if choice.shown else [],
        changed=changed,
    )
    return changed


def chunks(deliveries: DeliveryQuerySet) -> Iterator[list[int]]:
    """Yield the subscriber ids of deliveries, a chunk at a time."""
    last = 0
    while found := list(deliveries.filter(pk__gt=last).values_list("pk", "subscriber_id")[:CHUNK]):
        last = found[-1][0]
        yield [subscriber_id for _pk, subscriber_id in found]


def remove_chunk(campaign: Campaign, subscriber_ids: Sequence[int], removal: Removal, *, now: datetime) -> int:
    """Change some subscribers; return how many. A segment's people are taken off every list that they are on."""
    if removal == Removal.STOP:
        own = Subscriber.objects.for_workspace(campaign.workspace).filter(pk__in=subscriber_ids)
        return own.mark_stopped(StopReason.MANUAL, now)
    places = Subscription.objects.filter(subscriber__in=subscriber_ids, subscriber__workspace=campaign.workspace)
    if not campaign.audience_parts.filter(part=Part.INCLUDE_SEGMENT).exists():
        places = places.filter(mailing_list__in=campaign.mailing_lists.all())
    people = places.values("subscriber").distinct().count()
    left = list(MailingList.objects.filter(pk__in=set(places.values_list("mailing_list", flat=True))))
    places.delete()
    for mailing_list in left:
        end_consents(subscriber_ids, mailing_list, now=now)
    transaction.on_commit(lambda: mark_due(campaign.workspace_id, [row.pk for row in left], now=now))
    return people

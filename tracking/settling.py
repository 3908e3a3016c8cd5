"""Turns hits into figures and into what segments ask for: some seconds later, when all of a burst is there."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet

from lists.models import Engagement
from lists.transactions import retry_transaction
from tracking.counting import Counted, count_by_hour, count_hits, hour_of
from tracking.judging import BURST, Facts, Handover, judge
from tracking.links import links_by_variant
from tracking.models import ANY_LINK, OPEN, Figure, Hit, HitSource, HourFigure, TrackedMailing

# How long a hit waits for those that came with it; longer than a burst and the way to the database.
WAIT: Final = timedelta(seconds=15)
# Hits that are settled at once.
PIECE: Final = 5000
# Hits of one recipient at one place that are kept and counted.
MOST_OF_ONE: Final = 100


@dataclass(frozen=True, slots=True)
class Recipient:
    """What is to be known of a delivery: the number of its subscriber, and when the mail was handed over."""

    subscriber: int
    handover: Handover | None
    # Which variant of the mailing it was.
    variant: int = 0
    # How many measured links that mail had; None where all of the variant have as many.
    links: int | None = None


# From deliveries, by number, to their recipients; one that is gone or whose subscriber was erased is left out.
FindRecipients = Callable[[Sequence[int]], Mapping[int, Recipient]]


def unsettled(*, now: datetime) -> QuerySet[Hit]:
    """Return the hits that can be settled."""
    return Hit.objects.filter(is_settled=False, at__lte=now - WAIT)


def settle_hits(
    *,
    now: datetime,
    find_recipients: FindRecipients,
    record_evidence: Callable[[Sequence[int]], None],
    failed: dict[int, Exception],
    piece: int = PIECE,
) -> int:
    """Settle the oldest hits that waited long enough; return how many were looked at.

    `record_evidence` is told the deliveries first: whoever holds a link of a mail has received it, a machine as well.
    Mailings that fail are noted in `failed`, and those that stand there are left alone: others go on.
    """
    rest = unsettled(now=now).exclude(mailing__in=list(failed))
    found = list(rest.order_by("at").values_list("mailing_id", "pk", "delivery")[:piece])
    record_evidence(sorted({delivery for _mailing, _pk, delivery in found}))
    for mailing, rows in groupby(sorted(found), key=lambda row: row[0]):
        ids = [pk for _mailing, pk, _delivery in rows]
        try:
            # A subscriber who is erased at this moment is missing at the second try.
            retry_transaction(partial(settle_mailing, mailing, ids, find_recipients), also=(IntegrityError,))
        except Exception as error:
            failed[mailing] = error
    return len(found)


@transaction.atomic
def settle_mailing(mailing: int, ids: Sequence[int], find_recipients: FindRecipients) -> None:
    """Settle hits of one mailing. Its row is locked, so no two do that at once."""
    counted = TrackedMailing.objects.select_for_update(no_key=True).filter(pk=mailing, forgotten_at=None)
    begun_at = next(iter(counted.values_list("frozen_at", flat=True)), None)
    if begun_at is None:
        Hit.objects.filter(pk__in=ids).delete()
        return
    waiting = Hit.objects.filter(pk__in=ids, is_settled=False)
    deliveries = sorted(set(waiting.values_list("delivery", flat=True)))
    recipients = find_recipients(deliveries)
    # Nothing is kept of people who were erased, nor counted: they would count anew with each click.
    gone = [delivery for delivery in deliveries if delivery not in recipients]
    if gone:
        waiting.filter(delivery__in=gone).delete()
    drop_repeats(mailing, deliveries)
    hits = list(waiting.order_by("delivery", "at", "pk"))
    if not hits:
        return
    judge_hits(hits, recipients)
    earlier = Hit.objects.filter(mailing=mailing, delivery__in=deliveries, is_settled=True)
    known = set(earlier.exclude(source=HitSource.MACHINE).values_list("delivery", "number", "source").distinct())
    judged = [(hit.delivery, hit.number, HitSource(hit.source)) for hit in hits]
    add_figures(mailing, count_hits(judged, known))
    hours = [hour_of(hit.at, begun_at) for hit in hits]
    add_hours(mailing, count_by_hour(zip(hours, judged, strict=True), known))
    note_engagements(mailing, hits, recipients)
    for source, same in groupby(sorted(hits, key=lambda hit: hit.source), key=lambda hit: hit.source):
        Hit.objects.filter(pk__in=[hit.pk for hit in same]).update(source=source, is_settled=True)


def drop_repeats(mailing: int, deliveries: Sequence[int]) -> None:
    """Forget what one recipient's link was followed for beyond MOST_OF_ONE times: whoever has a mail could fill the table."""
    own = Hit.objects.filter(mailing=mailing, delivery__in=deliveries)
    places = own.values("delivery", "number").annotate(found=Count("pk")).filter(found__gt=MOST_OF_ONE)
    for delivery, number in places.values_list("delivery", "number"):
        same = own.filter(delivery=delivery, number=number).order_by("-is_settled", "at", "pk")
        kept = list(same.values_list("pk", flat=True)[:MOST_OF_ONE])
        own.filter(delivery=delivery, number=number, is_settled=False).exclude(pk__in=kept).delete()


def judge_hits(hits: Sequence[Hit], recipients: Mapping[int, Recipient]) -> None:
    """Give each hit its final source; those of a recipient that came just before and after are looked at with it."""
    links = links_by_variant(hits[0].mailing_id)
    around = find_neighbours(hits)
    for delivery, rows in groupby(hits, key=lambda hit: hit.delivery):
        own = list(rows)
        facts = [Facts(hit.number, hit.at, HitSource(hit.source)) for hit in own]
        nearby = [*facts, *around.get(delivery, ())]
        recipient = recipients[delivery]
        own_links = links.get(recipient.variant, links[0]) if recipient.links is None else recipient.links
        judged = judge(nearby, links=own_links, handover=recipient.handover)
        for hit, source in zip(own, judged, strict=False):
            hit.source = source


def find_neighbours(hits: Sequence[Hit]) -> dict[int, list[Facts]]:
    """Return the clicks of the same recipients, by delivery, that are not among these and came near them in time."""
    moments = [hit.at for hit in hits]
    near = Hit.objects.filter(
        delivery__in={hit.delivery for hit in hits},
        number__gt=OPEN,
        at__gte=min(moments) - BURST,
        at__lte=max(moments) + BURST,
    ).exclude(pk__in=[hit.pk for hit in hits])
    found: dict[int, list[Facts]] = {}
    for delivery, number, at, source in near.values_list("delivery", "number", "at", "source"):
        found.setdefault(delivery, []).append(Facts(number, at, HitSource(source)))
    return found


def add_figures(mailing: int, counted: Mapping[int, Counted]) -> None:
    """Add to the figures of a locked mailing."""
    stored = {row.number: row for row in Figure.objects.filter(mailing=mailing, number__in=counted)}
    for number, added in counted.items():
        row = stored.get(number) or Figure(mailing_id=mailing, number=number)
        for name in Counted.__slots__:
            setattr(row, name, getattr(row, name) + getattr(added, name))
        row.save()


def add_hours(mailing: int, counted: Mapping[int, Mapping[int, Counted]]) -> None:
    """Add to the figures by hour of a locked mailing; hours with nothing but machines have none."""
    stored = {row.hour: row for row in HourFigure.objects.filter(mailing=mailing, hour__in=counted)}
    for hour, figures in counted.items():
        opens, clicks = figures.get(OPEN, Counted()), figures.get(ANY_LINK, Counted())
        row = stored.get(hour) or HourFigure(mailing_id=mailing, hour=hour)
        row.opened += opens.people
        row.opens += opens.human_hits + opens.proxy_hits
        row.clicked += clicks.people
        row.clicks += clicks.human_hits
        if row.opens or row.clicks:
            row.save()


def note_engagements(mailing: int, hits: Iterable[Hit], recipients: Mapping[int, Recipient]) -> None:
    """Note when people opened and clicked a locked mailing last. Whoever clicked has opened it, pictures or not.

    What a relay loaded counts as opened here: else nearly all who read at Gmail or on an iPhone would be 未開封, and
    be stopped for it.
    """
    opened: dict[int, datetime] = {}
    clicked: dict[int, datetime] = {}
    for hit in hits:
        if hit.source == HitSource.MACHINE:
            continue
        subscriber = recipients[hit.delivery].subscriber
        for moments in (opened,) if hit.number == OPEN else (opened, clicked):
            moments[subscriber] = max(hit.at, moments.get(subscriber, hit.at))
    stored = {row.subscriber_id: row for row in Engagement.objects.filter(campaign=mailing, subscriber__in=opened)}
    new: list[Engagement] = []
    changed: list[Engagement] = []
    for subscriber, at in sorted(opened.items()):
        row = stored.get(subscriber)
        (new if row is None else changed).append(row := row or Engagement(subscriber_id=subscriber, campaign=mailing))
        row.opened_at = latest(row.opened_at, at)
        row.clicked_at = latest(row.clicked_at, clicked.get(subscriber))
    Engagement.objects.bulk_create(new, batch_size=500)
    Engagement.objects.bulk_update(changed, ["opened_at", "clicked_at"], batch_size=200)


def latest(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the later of two moments that may be missing."""
    return max(filter(None, (one, other)), default=None)

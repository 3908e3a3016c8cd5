"""Puts a mailing beside those that the workspace sent before it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count

from campaigns.models import Campaign, Leaving
from campaigns.results import is_final
from campaigns.tally import Figures, figures_by_campaign, percent
from tracking.figures import Reached, reached_by

EARLIER: Final = 5
NOT_MEASURED: Final = Reached(opened=None, clicked=None)


@dataclass(frozen=True, slots=True)
class Compared:
    """The rates of one mailing, in per cent; None for what was not measured, or where nothing was accepted yet."""

    pk: int
    subject: str
    started_at: datetime | None
    is_final: bool
    tried: int
    error_percent: float | None
    open_percent: float | None
    click_percent: float | None
    left_percent: float | None


def compare_with_earlier(campaign: Campaign, *, now: datetime) -> list[Compared]:
    """Return a mailing and the last five that were started before it, the newest first; five queries.

    What was sent again to those who failed (失敗分に再送) is no mailing of its own here.
    """
    earlier = Campaign.objects.for_workspace(campaign.workspace).filter(
        started_at__lt=campaign.started_at, resend_of__isnull=True
    )
    newest = earlier.order_by("-started_at", "-pk").only("pk", "subject", "started_at", "finished_at")
    mailings = [campaign, *newest[:EARLIER]]
    ids = [mailing.pk for mailing in mailings]
    counted = figures_by_campaign(ids)
    reached = reached_by(ids)
    left = dict(Leaving.objects.filter(campaign__in=ids).values_list("campaign").annotate(Count("pk")).order_by())
    return [
        rates_of(
            mailing,
            counted.get(mailing.pk, Figures()),
            reached.get(mailing.pk, NOT_MEASURED),
            left.get(mailing.pk, 0),
            now=now,
        )
        for mailing in mailings
    ]


def rates_of(mailing: Campaign, counted: Figures, reached: Reached, left: int, *, now: datetime) -> Compared:
    """Return the rates of a mailing: errors of what was tried, all else of what receivers accepted."""

    def rate(people: int | None) -> float | None:
        return percent(people, counted.accepted) if people is not None and counted.accepted else None

    return Compared(
        pk=mailing.pk,
        subject=mailing.title,
        started_at=mailing.started_at,
        is_final=is_final(mailing, now=now),
        tried=counted.tried,
        error_percent=counted.error_percent if counted.tried else None,
        open_percent=rate(reached.opened),
        click_percent=rate(reached.clicked),
        left_percent=rate(left),
    )

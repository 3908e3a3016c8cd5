"""The background figures (Tally) of campaigns: counted in one go, added up by reports, holds and the gate."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any, TypeAlias

from django.db import transaction
from django.db.models import Count, Expression, F, Q, QuerySet, Sum
from django.db.models.expressions import Combinable

from accounts.models import Workspace
from campaigns.models import FAILURES, Campaign, CampaignState, Delivery, DeliveryState, SplitTest, Tally
from campaigns.split_figures import count_variants
from campaigns.split_figures import store as store_variants

# A bounce comes within a week at the latest: until then a result is 速報, afterwards 確定 (B7).
PRELIMINARY = timedelta(days=7)
# The figures of a mailing are looked after for one day more; after that only a notice has them counted again.
LOOKED_AFTER = PRELIMINARY + timedelta(days=1)
# How often the figures are counted while the mailing runs, and when it rests.
WHILE_RUNNING = timedelta(seconds=5)
AT_REST = timedelta(minutes=5)
# A count is due this long after a notice changed a row, so that many notices cost one count.
SOON = timedelta(seconds=3)
# Counting takes at most this part of the time, however large the mailing is.
RUNNING_SHARE = 20
REST_SHARE = 200
# A count that was begun and never ended (its process was killed) is begun again after this long.
LEASE = timedelta(minutes=10)

# 配信数: deliveries with an end that somebody tried to send. 再送待ち has no end yet and is not among them.
TRIED = (DeliveryState.SENT, DeliveryState.DOUBT, *FAILURES)
OVER = (CampaignState.DONE, CampaignState.CANCELLED)
# The workspace's normal エラー率 is taken over this many of its newest mailings, each with enough recipients.
NORMAL_MAILINGS = 10
NORMAL_TRIED = 50
# Mailings that are looked through for those, the newest first.
NORMAL_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One cell of the figures. `provider`, `state`, `kind` and `reason` are values of the models' choices."""

    provider: str
    state: str
    kind: str
    reason: str
    number: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one or more campaigns, to be asked and grouped; the rows add up to all recipients."""

    rows: tuple[Row, ...] = ()

    def number(self, states: Iterable[str] | None = None) -> int:
        """Return how many deliveries are in any of the states; without states, how many there are."""
        wanted = None if states is None else frozenset(states)
        return sum(row.number for row in self.rows if wanted is None or row.state in wanted)

    @property
    def tried(self) -> int:
        """配信数: 受信サーバー受付, 失敗 and 結果不明."""
        return self.number(TRIED)

    @property
    def accepted(self) -> int:
        """受信サーバー受付: accepted, and nothing came back so far (B3, B12)."""
        return self.number((DeliveryState.SENT,))

    @property
    def failed(self) -> int:
        """失敗, as 配信履歴 counts it: refused, expired, returned or complained about."""
        return self.number(FAILURES)

    @property
    def error_percent(self) -> float:
        """エラー率: 失敗 ÷ 配信数, in per cent; 0 where nothing was tried."""
        return percent(self.failed, self.tried)

    def failures(self) -> Figures:
        """Keep the rows that 失敗 counts."""
        return Figures(tuple(row for row in self.rows if row.state in FAILURES))

    def by_provider(self) -> dict[str, Figures]:
        """Return the figures of each provider, the one with most deliveries first."""
        return self.grouped("provider")

    def by_kind(self) -> dict[str, int]:
        """Return the number of 失敗 of each kind (種別), the commonest first."""
        return {kind: rows.number() for kind, rows in self.failures().grouped("kind").items()}

    def by_reason(self) -> dict[tuple[str, str], int]:
        """Return the number of 失敗 of each (kind, reason), the commonest first."""
        numbers: dict[tuple[str, str], int] = {}
        for row in self.failures().rows:
            numbers[row.kind, row.reason] = numbers.get((row.kind, row.reason), 0) + row.number
        return dict(sorted(numbers.items(), key=lambda item: -item[1]))

    def grouped(self, field: str) -> dict[str, Figures]:
        """Return the figures of each value of a column of Row, the largest first."""
        groups: dict[str, list[Row]] = {}
        for row in self.rows:
            groups.setdefault(getattr(row, field), []).append(row)
        figures = {value: Figures(tuple(rows)) for value, rows in groups.items()}
        return dict(sorted(figures.items(), key=lambda item: -item[1].number()))


def percent(part: int, whole: int) -> float:
    """Return what per cent of `whole` is `part`; 0 of nothing is 0."""
    return 100 * part / whole if whole else 0.0


# Any queryset of campaigns, or their ids.
Campaigns: TypeAlias = "QuerySet[Campaign] | Collection[int]"


def figures(campaigns: Campaigns) -> Figures:
    """Return the figures of campaigns, added up by the database. One query; a bounded number of rows."""
    counted = chosen(campaigns).values_list("provider", "state", "kind", "reason").annotate(Sum("number"))
    return Figures(tuple(Row(*row) for row in counted.order_by()))


def figures_by(campaigns: Campaigns, key: Expression | Combinable) -> dict[Any, Figures]:
    """Return the figures for each value of `key`, an expression over Tally, in one query.

    For example `F("campaign_id")`, or `TruncDate("campaign__started_at")` for a trend by day.
    """
    counted = chosen(campaigns).values_list(key, "provider", "state", "kind", "reason").annotate(Sum("number"))
    groups: dict[Any, list[Row]] = {}
    for value, *row in counted.order_by():
        groups.setdefault(value, []).append(Row(*row))
    return {value: Figures(tuple(rows)) for value, rows in groups.items()}


def figures_by_campaign(campaigns: Campaigns) -> dict[int, Figures]:
    """Return the figures of each campaign by its id; a campaign that was never counted is missing."""
    return figures_by(campaigns, F("campaign_id"))


def chosen(campaigns: Campaigns) -> QuerySet[Tally]:
    """Return the rows of campaigns."""
    if isinstance(campaigns, QuerySet):
        return Tally.objects.filter(campaign__in=campaigns.values_list("pk", flat=True))
    return Tally.objects.filter(campaign__in=campaigns)


def normal_percent(workspace: Workspace, *, apart_from: Campaign | None = None) -> float | None:
    """Return the workspace's normal エラー率 for a mailing that is compared with it, None where there is none yet."""
    return median_apart_from(newest_rates(workspace), apart_from.pk if apart_from else None)


def median_apart_from(rates: Mapping[int, float], campaign_id: int | None) -> float | None:
    """Return the median of the ten newest rates but the campaign's own."""
    found = [rate for campaign, rate in rates.items() if campaign != campaign_id]
    return median(found[:NORMAL_MAILINGS]) if found else None


def newest_rates(workspace: Workspace) -> dict[int, float]:
    """Return the エラー率 of the newest finished mailings with at least 50 tried, by campaign, the newest first.

    There is one more than the median needs, which leaves out the mailing that it is compared with.
    """
    finished = Campaign.objects.for_workspace(workspace).filter(state__in=OVER)
    newest = list(finished.order_by("-pk").values_list("pk", flat=True)[:NORMAL_LOOKED_AT])
    counted = (
        Tally.objects.filter(campaign__in=newest)
        .values_list("campaign")
        .annotate(
            tried=Sum("number", filter=Q(state__in=TRIED), default=0),
            failed=Sum("number", filter=Q(state__in=FAILURES), default=0),
        )
        .filter(tried__gte=NORMAL_TRIED)
        .order_by("-campaign")
    )
    return {pk: percent(failed, tried) for pk, tried, failed in counted[: NORMAL_MAILINGS + 1]}


def due_tallies(*, now: datetime, limit: int) -> list[int]:
    """Return campaigns whose figures are to be counted anew, the longest due first."""
    return list(due(now=now).order_by("tally_due_at").values_list("pk", flat=True)[:limit])


def due(*, now: datetime) -> QuerySet[Campaign]:
    """Return the campaigns that are due and not being counted."""
    free = Q(tally_not_before__isnull=True) | Q(tally_not_before__lte=now)
    return Campaign.objects.filter(free, tally_due_at__lte=now)


def refresh_due(campaign_id: int, *, now: datetime) -> bool:
    """Count a campaign's figures if they are due; False where they are not, or another process is at it."""
    lease = now + LEASE
    if not due(now=now).filter(pk=campaign_id).update(tally_due_at=lease, tally_not_before=lease):
        return False
    return count(Campaign.objects.get(pk=campaign_id), lease, now=now)


def refresh(campaign: Campaign, *, now: datetime) -> None:
    """Count a campaign's figures now, whether they are due or not."""
    lease = now + LEASE
    Campaign.objects.filter(pk=campaign.pk).update(tally_due_at=lease, tally_not_before=lease)
    count(campaign, lease, now=now)


def count(campaign: Campaign, lease: datetime, *, now: datetime) -> bool:
    """Count the rows of a campaign and replace its figures; False where another count was begun after this one.

    The rows are read outside of the transaction, so on SQLite nobody waits for a large mailing to be counted.
    """
    began = time.monotonic()
    cells = count_deliveries(campaign)
    variants = count_variants(campaign) if SplitTest.objects.filter(campaign=campaign).exists() else []
    took = timedelta(seconds=time.monotonic() - began)
    with transaction.atomic():
        held = Campaign.objects.select_for_update(no_key=True).filter(pk=campaign.pk, tally_not_before=lease).first()
        if held is None:
            return False
        Tally.objects.filter(campaign=campaign).delete()
        Tally.objects.bulk_create(Tally(campaign=campaign, number=number, **cell) for cell, number in cells)
        if variants:
            store_variants(campaign, variants, now=now)
        # Whatever changed while we counted has brought the next count forward.
        marked = held.tally_due_at if held.tally_due_at != lease else None
        held.tally_due_at = marked or next_due(held, took, now=now + took)
        held.tally_not_before = now + took + took * RUNNING_SHARE
        held.tally_at = now
        held.save(update_fields=["tally_at", "tally_due_at", "tally_not_before"])
    return True


def count_deliveries(campaign: Campaign) -> list[tuple[Mapping[str, str], int]]:
    """Return the number of a campaign's deliveries for each provider, state, kind and reason."""
    rows = Delivery.objects.filter(campaign=campaign).order_by()
    counted = rows.values("lane__provider", "state", "kind", "reason").annotate(number=Count("pk"))
    return [
        (
            {
                "provider": row["lane__provider"],
                "state": row["state"],
                "kind": row["kind"],
                "reason": row["reason"],
            },
            row["number"],
        )
        for row in counted
    ]


def next_due(campaign: Campaign, took: timedelta, *, now: datetime) -> datetime | None:
    """Return when a campaign is counted again after a count that took `took`; None = its figures are final."""
    if campaign.state in (CampaignState.STARTING, CampaignState.SENDING):
        return now + max(WHILE_RUNNING, took * RUNNING_SHARE)
    if campaign.finished_at is not None and now >= campaign.finished_at + LOOKED_AFTER:
        return None
    return now + max(AT_REST, took * REST_SHARE)


def mark_due(campaign_id: int, *, now: datetime) -> None:
    """Have a campaign counted soon: a row of it changed. Writes nothing where that is due soon anyway."""
    not_soon(now).filter(pk=campaign_id).update(tally_due_at=now + SOON)


def mark_all_due(campaign_ids: Collection[int], *, now: datetime) -> None:
    """Do the same for many campaigns, in two statements; locks in the order of the ids."""
    with transaction.atomic():
        later = not_soon(now).filter(pk__in=campaign_ids).select_for_update(no_key=True).order_by("pk")
        if ids := list(later.values_list("pk", flat=True)):
            Campaign.objects.filter(pk__in=ids).update(tally_due_at=now + SOON)


def not_soon(now: datetime) -> QuerySet[Campaign]:
    """Return the campaigns that are counted later than soon, or not any more."""
    return Campaign.objects.filter(Q(tally_due_at__isnull=True) | Q(tally_due_at__gt=now + SOON))

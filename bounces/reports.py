"""What failed in a campaign: filters, counts and the rows behind them (A8, A9, B10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export.fields import Field
from import_export.resources import ModelResource

from bounces.models import Bounce
from campaigns.models import Campaign, Delivery, DeliveryQuerySet, DeliveryState
from mta.verdicts import Kind, Phase, Reason

# Bounces come after a week at the latest (B7).
FINAL_AFTER = timedelta(days=7)
# States that only a returned mail leads to.
BY_NOTICE = (DeliveryState.BOUNCED, DeliveryState.COMPLAINED)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which failures are looked at; "" is all."""

    kind: str = ""
    reason: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Filter:
        """Read a filter from the query of a URL; unknown words are left out."""
        kind, reason = query.get("kind", ""), query.get("reason", "")
        return cls(kind if kind in Kind.values else "", reason if reason in Reason.values else "")

    def apply(self, deliveries: DeliveryQuerySet) -> DeliveryQuerySet:
        """Keep the deliveries that fit."""
        if self.kind:
            deliveries = deliveries.filter(kind=self.kind)
        return deliveries.filter(reason=self.reason) if self.reason else deliveries


@dataclass(frozen=True, slots=True)
class Chip:
    """One choice of a filter with its number of addresses."""

    value: str
    label: str
    count: int
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class FailureCounts:
    """How many addresses failed, by kind and by reason, the most first."""

    total: int
    kinds: list[Chip]
    reasons: list[Chip]


def failures_of(campaign: Campaign) -> DeliveryQuerySet:
    """Return the failed deliveries of a campaign in a fixed order."""
    return Delivery.objects.filter(campaign=campaign).failures().order_by("pk")


def count_failures(campaign: Campaign, chosen: Filter) -> FailureCounts:
    """Count the failures of a campaign in one query; the reasons are those of the chosen kind."""
    rows = list(failures_of(campaign).order_by().values_list("kind", "reason").annotate(Count("pk")))
    kinds: dict[str, int] = {}
    reasons: dict[str, int] = {}
    for kind, reason, count in rows:
        kinds[kind] = kinds.get(kind, 0) + count
        if chosen.kind in ("", kind):
            reasons[reason] = reasons.get(reason, 0) + count
    return FailureCounts(
        total=sum(kinds.values()),
        kinds=make_chips(kinds, dict(Kind.choices), chosen.kind),
        reasons=make_chips(reasons, dict(Reason.choices), chosen.reason),
    )


def make_chips(counts: dict[str, int], labels: Mapping[str, Any], chosen: str) -> list[Chip]:
    """Turn counts into chips, the largest first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Chip(value, str(labels.get(value, _("未分類"))), count, value == chosen) for value, count in ordered]


def is_final(campaign: Campaign, *, now: datetime) -> bool:
    """Say whether the result is 確定; until a week after the end more bounces may come (速報)."""
    return campaign.finished_at is not None and now >= campaign.finished_at + FINAL_AFTER


def told_where(delivery: Delivery) -> str:
    """Say whether a failure was told by a returned mail or in our own SMTP dialogue, and at which step."""
    door = _("エラーメール") if delivery.state in BY_NOTICE else "SMTP"
    return door if delivery.phase in ("", Phase.NOTICE) else f"{door} ({delivery.get_phase_display()})"


def notices_of(deliveries: Sequence[Delivery]) -> dict[int, int]:
    """Return the notice that told of each delivery, where one is still kept."""
    told = Bounce.objects.filter(delivery__in=deliveries, applied=True)
    return dict(told.values_list("delivery_id", "notice_id"))


class FailedAddressResource(ModelResource):  # type: ignore[misc]
    """The columns of the download of failed addresses."""

    address = Field("address", gettext_lazy("メールアドレス"))
    name = Field("name", gettext_lazy("お名前"))
    code = Field("code", gettext_lazy("エラーコード"))
    kind = Field("get_kind_display", gettext_lazy("種別"))
    reason = Field("get_reason_display", gettext_lazy("理由"))
    text = Field("text", gettext_lazy("受信サーバーの応答"))
    state = Field("get_state_display", gettext_lazy("状態"))
    settled_at = Field(column_name=gettext_lazy("日時"))
    told = Field(column_name=gettext_lazy("通知元"))

    class Meta:
        model = Delivery
        fields = ("address", "name", "code", "kind", "reason", "text", "state", "settled_at", "told")
        export_order = fields

    def dehydrate_settled_at(self, delivery: Delivery) -> str:
        """Write the time as people here read it."""
        return f"{timezone.localtime(delivery.settled_at):%Y/%m/%d %H:%M:%S}" if delivery.settled_at else ""

    def dehydrate_told(self, delivery: Delivery) -> str:
        """Write where the failure was told."""
        return told_where(delivery)


def column_choices() -> list[tuple[str, str]]:
    """Return the columns that a download may have, with their headings."""
    resource = FailedAddressResource()
    return [(name, str(resource.fields[name].column_name)) for name in resource.get_export_order()]


def export_failures(deliveries: Iterable[Delivery], columns: Sequence[str]) -> Iterator[list[object]]:
    """Yield the heading and a row for each delivery. `columns` are names of fields; unknown ones are left out."""
    resource = FailedAddressResource()
    chosen = [name for name in columns if name in resource.fields] or list(resource.fields)
    yield resource.get_export_headers(selected_fields=chosen)
    for delivery in deliveries:
        yield resource.export_resource(delivery, selected_fields=chosen)

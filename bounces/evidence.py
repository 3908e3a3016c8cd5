"""The evidence behind a stop: every error of a subscriber with its mailing, its notice and the rule that decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from bounces.reports import notices_of, told_where
from bounces.rule_words import rule_source
from campaigns.models import Delivery, HoldState, StopHold
from lists.models import AddressError, Subscriber
from lists.recounting import counts_since


@dataclass(frozen=True, slots=True)
class Evidence:
    """One error as the page shows it. `delivery` and `notice_id` are None where they are no longer kept."""

    error: AddressError
    delivery: Delivery | None
    notice_id: int | None
    told: str
    rule: str
    source: str
    hold: StopHold | None
    verdict: str
    tone: str


def read_evidence(subscriber: Subscriber, errors: Sequence[AddressError], *, now: datetime) -> Iterator[Evidence]:
    """Yield what is known of each of a subscriber's errors, in three queries."""
    numbers = [number for error in errors if (number := delivery_number(error.key)) is not None]
    sent = Delivery.objects.for_workspace(subscriber.workspace).filter(pk__in=numbers, subscriber=subscriber)
    deliveries = {delivery.pk: delivery for delivery in sent.select_related("campaign")}
    notices = notices_of(list(deliveries.values()))
    holds = {hold.key(): hold for hold in find_holds(errors, subscriber)}
    since = counts_since(subscriber.workspace, now)
    for error in errors:
        delivery = deliveries.get(delivery_number(error.key) or 0)
        hold = holds.get(error.held_by)
        verdict, tone = judge_error(error, hold, since)
        rule = delivery.rule if delivery is not None and delivery.reason == error.reason else ""
        yield Evidence(
            error=error,
            delivery=delivery,
            notice_id=notices.get(delivery.pk) if delivery is not None else None,
            told=told_where(delivery) if delivery is not None else "",
            rule=rule,
            source=rule_source(rule),
            hold=hold,
            verdict=verdict,
            tone=tone,
        )


def delivery_number(key: str) -> int | None:
    """Return the delivery that an error's key names ("delivery:12", "complaint:12"), None where it names another."""
    kind, _colon, number = key.partition(":")
    return int(number) if kind in ("delivery", "complaint") and number.isdecimal() else None


def find_holds(errors: Iterable[AddressError], subscriber: Subscriber) -> Iterable[StopHold]:
    """Return the holds that hold any of a subscriber's errors."""
    names = {error.held_by for error in errors}
    numbers = [int(number) for name in names if (number := name.removeprefix("hold:")).isdecimal()]
    return StopHold.objects.filter(pk__in=numbers, campaign__workspace=subscriber.workspace_id) if numbers else ()


def judge_error(error: AddressError, hold: StopHold | None, since: datetime | None) -> tuple[str, str]:
    """Say whether an error counts and why not, with the tone of its badge. It is counted where told after `since`."""
    if not error.counted:
        return _("数えません"), "muted"
    if error.cleared_at is not None:
        return _("解除済み"), "muted"
    if error.held_by:
        dropped = hold is not None and hold.state == HoldState.DROPPED
        return (_("停止しないと決めた"), "muted") if dropped else (_("保留中"), "warn")
    if since is not None and error.at <= since:
        return _("期間が過ぎた"), "muted"
    return _("1回"), "bad"

"""Processes many notices with few commits: the same as `processing.process` for each, several times as fast."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.db.models import F

from bounces.erased import forget_mails
from bounces.judging import COUNTED, choose_recipient, describe
from bounces.matching import Match, Why, fetch_deliveries, find_delivery
from bounces.models import Bounce, NoticeState, RawNotice
from bounces.parsed import NoticeKind, ParsedNotice, ParsedRecipient
from bounces.processing import (
    LEASE,
    give_back,
    is_expected,
    keep_report,
    make_bounces,
    may_wait,
    postpone,
    process,
    read,
    settle,
    settled,
)
from campaigns.erased import is_erased
from campaigns.failures import Failure, Recorded
from campaigns.models import Delivery
from campaigns.notice_batches import record_arrivals, record_notices, write_columns
from campaigns.tally import mark_all_due
from lists.transactions import retry_transaction

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Case:
    """A notice on its way through a batch. `failure` is what is to be recorded of its delivery, if anything."""

    notice: RawNotice
    parsed: ParsedNotice
    match: Match
    chosen: ParsedRecipient | None
    failure: Failure | None
    recorded: Recorded = Recorded.IGNORED

    @property
    def delivery_id(self) -> int:
        """Return the number of the delivery; only where one was found."""
        return self.match.delivery.pk if self.match.delivery else 0

    def proves_arrival(self) -> bool:
        """Say whether it is no failure, and yet shows that its delivery arrived."""
        return self.failure is None and self.match.counts()

    def bounces(self) -> list[Bounce]:
        """Return the rows for what it says of each recipient."""
        applied = self.chosen if self.recorded is Recorded.DONE else None
        return make_bounces(self.notice, self.parsed, self.match, applied=applied)


def process_batch(notice_ids: Sequence[int], *, now: datetime) -> None:
    """Process notices; one that fails does not keep the others from being processed.

    Raises the faults of ours that came up, together at the end.
    """
    faults: list[Exception] = []
    fresh = take_fresh(notice_ids, now=now)
    readable: list[tuple[RawNotice, ParsedNotice]] = []
    for notice in fresh:
        try:
            readable.append((notice, read(notice)))
        except Exception as error:
            faults += refuse(notice, error, now=now)
    try:
        retry_transaction(lambda: settle_together(readable, now=now))
    except Exception:
        # One of them is the cause: each by itself shows which, and the others are counted.
        logger.exception("a batch of notices is processed one by one")
        for notice, parsed in readable:
            faults += settle_alone(notice, parsed, now=now)
    faults += process_singly(set(notice_ids).difference(notice.pk for notice in fresh), now=now)
    if faults:
        raise ExceptionGroup("notices", faults)


def take_fresh(notice_ids: Sequence[int], *, now: datetime) -> list[RawNotice]:
    """Take the notices that were never tried.

    Whatever was tried before may kill its process; it is taken by itself, so that the others do not pay for it.
    """
    fresh = RawNotice.objects.unread(now=now).filter(pk__in=notice_ids, tries=0)
    with transaction.atomic():
        taken = list(fresh.select_for_update(skip_locked=True).order_by("pk").values_list("pk", flat=True))
        RawNotice.objects.filter(pk__in=taken).update(tries=F("tries") + 1, lease_until=now + LEASE)
    return list(RawNotice.objects.filter(pk__in=taken).select_related("assigned_to").order_by("pk"))


def refuse(notice: RawNotice, error: Exception, *, now: datetime) -> list[Exception]:
    """Leave a notice for another try; return the error if it is a fault of ours."""
    give_back(notice, error, now=now)
    if is_expected(error):
        return []
    logger.error("notice %s could not be processed", notice.pk, exc_info=error)
    return [error]


@transaction.atomic
def settle_together(readable: Sequence[tuple[RawNotice, ParsedNotice]], *, now: datetime) -> None:
    """Write what the notices say, in one transaction."""
    rows = RawNotice.objects.select_for_update().filter(pk__in=[notice.pk for notice, _parsed in readable])
    ours = set(rows.filter(state=NoticeState.NEW).order_by("pk").values_list("pk", flat=True))
    mine = [(notice, parsed) for notice, parsed in readable if notice.pk in ours]
    known = fetch_deliveries(mine)
    cases = [match_case(notice, parsed, known, now=now) for notice, parsed in mine]
    changed = record_arrivals([case.delivery_id for case in cases if case.proves_arrival()], now=now)
    for turn in take_turns([case for case in cases if case.failure]):
        recorded = record_notices({case.delivery_id: case.failure for case in turn if case.failure}, now=now)
        for case in turn:
            case.recorded = recorded[case.delivery_id]
            if case.recorded is Recorded.DONE or case.parsed.kind == NoticeKind.COMPLAINT:
                changed.add(case.delivery_id)
    write_results(cases, now=now)
    mark_all_due({delivery.campaign_id for pk, delivery in deliveries_of(cases).items() if pk in changed}, now=now)


def deliveries_of(cases: Sequence[Case]) -> dict[int, Delivery]:
    """Return the deliveries that were found, by their ids."""
    return {case.match.delivery.pk: case.match.delivery for case in cases if case.match.delivery}


def match_case(notice: RawNotice, parsed: ParsedNotice, known: Mapping[int, Delivery], *, now: datetime) -> Case:
    """Find out what a notice is about and what it says of it."""
    match = find_delivery(notice, parsed, now=now, known=known)
    chosen = choose_recipient(parsed, match.delivery)
    is_told = chosen is not None and parsed.kind in COUNTED and match.counts()
    return Case(notice, parsed, match, chosen, describe(parsed, chosen) if chosen and is_told else None)


def take_turns(cases: Sequence[Case]) -> list[list[Case]]:
    """Split failures into turns in which every subscriber and every delivery comes once, in the order of arrival."""
    turns: list[list[Case]] = []
    # In which turn each delivery and subscriber may come next.
    following: dict[tuple[str, int | None], int] = {}
    for case in cases:
        subscriber = case.match.delivery.subscriber_id if case.match.delivery else None
        keys = [("delivery", case.delivery_id), *([("subscriber", subscriber)] if subscriber else [])]
        number = max(following.get(key, 0) for key in keys)
        following |= dict.fromkeys(keys, number + 1)
        turns += [[] for _ in range(number + 1 - len(turns))]
        turns[number].append(case)
    return turns


def write_results(cases: Sequence[Case], *, now: datetime) -> None:
    """Write what became of each notice; those whose deliveries are still being sent wait."""
    over: list[Case] = []
    for case in cases:
        if case.recorded is Recorded.TOO_EARLY:
            if may_wait(case.notice, now=now):
                postpone(case.notice, now=now)
                continue
            case.match = replace(case.match, why=Why.NEVER_SETTLED)
        over.append(case)
    Bounce.objects.filter(notice__in=[case.notice for case in over if case.notice.reading]).delete()
    Bounce.objects.bulk_create([row for case in over for row in case.bounces()], ignore_conflicts=True)
    write_columns(RawNotice, [(case.notice.pk, settled(case.notice, case.parsed, case.match)) for case in over])
    for case in over:
        keep_report(case.notice, case.parsed)
    if erased := [case.notice.pk for case in over if is_erased(case.match.delivery)]:
        forget_mails(erased)


def settle_alone(notice: RawNotice, parsed: ParsedNotice, *, now: datetime) -> list[Exception]:
    """Write what one notice says; return what that raised."""
    faults: list[Exception] = []
    try:
        retry_transaction(lambda: settle(notice, parsed, now=now))
    except Exception as error:
        # process_batch raises it when the other notices are done.
        faults += refuse(notice, error, now=now)
    return faults


def process_singly(notice_ids: Iterable[int], *, now: datetime) -> list[Exception]:
    """Process notices one by one and return what they raised."""
    faults: list[Exception] = []
    for notice_id in sorted(notice_ids):
        try:
            process(notice_id, now=now)
        except Exception as error:
            logger.exception("notice %s could not be processed", notice_id)
            faults.append(error)
    return faults

"""Turns what the engine reports into the states of deliveries."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from uuid import UUID

from django.db import connection, transaction
from django.db.models import DateTimeField, F, UUIDField
from django.utils import timezone

from campaigns.claims import Claim, fence
from campaigns.closed_times import lifetime_ends
from campaigns.deadlocks import retry_transaction
from campaigns.failures import TEXT_LIMIT, Failure, record_refusal
from campaigns.models import Delivery, DeliveryState
from mta.outcomes import Outcome, Result
from mta.pace import Replies
from mta.replies import classify
from mta.retry import next_attempt
from mta.verdicts import Kind, Phase, Reason, Verdict

# A row that met a fault of the route is not tried again at once: the same row may have caused it.
FAULT_PAUSE = timedelta(seconds=30)

# fenced/doubt → sent for the rows of a JSON list of [id, code, text].
ALL_ACCEPTED = """
    UPDATE campaigns_delivery SET state = 'sent', settled_at = %s, lease_token = NULL, lease_until = NULL,
        code = told.code, text = told.text, phase = 'dot', kind = '', reason = '', rule = ''
    FROM ({told}) AS told
    WHERE campaigns_delivery.id = told.id AND lease_token = %s AND state IN ('fenced', 'doubt')
"""
TOLD = {
    "postgresql": "SELECT (v ->> 0)::bigint AS id, v ->> 1 AS code, v ->> 2 AS text FROM json_array_elements(%s::json) AS v",
    "sqlite": "SELECT value ->> 0 AS id, value ->> 1 AS code, value ->> 2 AS text FROM json_each(%s)",
}


@dataclass(slots=True)
class DeliveryLedger:
    """The engine's ledger for the claims of one turn: fences and outcomes, each a short transaction of its own.

    The engine calls it from one thread, which has a database connection of its own; `close` ends that.
    """

    # The rows that have no outcome yet, each with the token of its newest claim.
    rows: dict[int, tuple[Delivery, UUID]] = field(default_factory=dict)
    # Rows are taken in by the turn's thread and leave by the engine's.
    lock: Lock = field(default_factory=Lock)
    # What the lane's circuit wants to know: whether anything was accepted, and the first fault of the route.
    accepted: int = 0
    route_fault: Outcome | None = None
    # What the lane's pace wants to know (campaigns.pacing.note).
    replies: Replies = field(default_factory=lambda: Replies(began=timezone.now()))

    def take(self, claim: Claim) -> list[Delivery]:
        """Take in the rows of a claim; return those whose mails are to be made.

        A row may be claimed again while its mail is still on its way, where its lease was over. That mail goes on
        under the new claim. A second one beside it would be withdrawn, and its row given back while the first is sent.
        """
        with self.lock:
            fresh = [delivery for delivery in claim.deliveries if delivery.pk not in self.rows]
            self.rows |= {delivery.pk: (delivery, claim.token) for delivery in claim.deliveries}
        return fresh

    def fence(self, ids: Sequence[int]) -> set[int]:
        """Mark rows durably before their final dot; return those that may be sent."""
        by_token: dict[UUID, list[int]] = {}
        for pk in ids:
            by_token.setdefault(self.rows[pk][1], []).append(pk)
        granted: set[int] = set()
        for token, own in by_token.items():
            granted |= retry_transaction(partial(fence, own, token, now=timezone.now()))
        return granted

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Write outcomes in one transaction."""
        for outcome in outcomes:
            self.replies.see(outcome)
            self.accepted += outcome.result is Result.ACCEPTED
            if outcome.result is Result.ROUTE_FAULT and self.route_fault is None:
                self.route_fault = outcome
        # Locks are taken in the order of the rows, as everywhere else.
        ordered = sorted(outcomes, key=lambda outcome: outcome.id)
        retry_transaction(lambda: self.write(ordered, now=timezone.now()))
        with self.lock:
            for outcome in outcomes:
                del self.rows[outcome.id]

    def write(self, outcomes: Sequence[Outcome], *, now: datetime) -> None:
        """Move the rows; every change is guarded by the token, so a repeated try is safe."""
        accepted: dict[UUID, list[Outcome]] = {}
        with transaction.atomic():
            for outcome in outcomes:
                delivery, token = self.rows[outcome.id]
                if outcome.result is Result.ACCEPTED:
                    accepted.setdefault(token, []).append(outcome)
                else:
                    record_outcome(delivery, outcome, token=token, now=now)
            for token, own in accepted.items():
                record_all_accepted(own, token=token, now=now)

    def close(self) -> None:
        """Close this thread's database connection."""
        connection.close()


def record_outcome(delivery: Delivery, outcome: Outcome, *, token: UUID, now: datetime) -> bool:
    """Move one row by one outcome; return False where the row is no longer the worker's own."""
    if outcome.result is Result.ACCEPTED:
        return record_accepted(delivery, outcome, token=token, now=now)
    if outcome.result is Result.DOUBT:
        return record_doubt(delivery, token=token, text=outcome.text)
    if outcome.result in (Result.REFUSED, Result.DEFERRED):
        verdict = classify(outcome.code, outcome.status, outcome.text, outcome.phase, outcome.host)
        if outcome.result is Result.REFUSED:
            return record_refusal(delivery, told(outcome, verdict, DeliveryState.FAILED), token=token, now=now)
        return record_deferral(delivery, outcome, verdict, token=token, now=now)
    pause = FAULT_PAUSE if outcome.result is Result.ROUTE_FAULT else timedelta(0)
    return give_back(delivery, token=token, due_at=now + pause)


def record_accepted(delivery: Delivery, outcome: Outcome, *, token: UUID, now: datetime) -> bool:
    """fenced/doubt → sent: the receiving server answered the final dot with 250."""
    own = Delivery.objects.filter(
        pk=delivery.pk, lease_token=token, state__in=(DeliveryState.FENCED, DeliveryState.DOUBT)
    )
    return bool(
        own.update(
            state=DeliveryState.SENT,
            settled_at=now,
            lease_token=None,
            lease_until=None,
            code=accepted_code(outcome),
            text=outcome.text[:TEXT_LIMIT],
            phase=Phase.DOT,
            kind="",
            reason="",
            rule="",
        )
    )


def record_all_accepted(outcomes: Sequence[Outcome], *, token: UUID, now: datetime) -> int:
    """Do what `record_accepted` does for many rows of one claim, in one statement; return how many were moved."""
    told = [(outcome.id, accepted_code(outcome), outcome.text[:TEXT_LIMIT]) for outcome in outcomes]
    # As the columns hold them, which differs from database to database.
    settled_at = DateTimeField().get_db_prep_value(now, connection)
    lease_token = UUIDField().get_db_prep_value(token, connection)
    with connection.cursor() as cursor:
        cursor.execute(ALL_ACCEPTED.format(told=TOLD[connection.vendor]), [settled_at, json.dumps(told), lease_token])
        return int(cursor.rowcount)


def accepted_code(outcome: Outcome) -> str:
    """Return the code that is kept of an acceptance."""
    return outcome.status or str(outcome.code or "")


def record_doubt(delivery: Delivery, *, token: UUID, text: str) -> bool:
    """fenced → doubt: the connection was lost after the dot. The token stays, for a late 250."""
    own = Delivery.objects.filter(pk=delivery.pk, lease_token=token, state=DeliveryState.FENCED)
    return bool(own.update(state=DeliveryState.DOUBT, text=text[:TEXT_LIMIT], phase=Phase.DOT))


def record_deferral(delivery: Delivery, outcome: Outcome, verdict: Verdict, *, token: UUID, now: datetime) -> bool:
    """fenced/claimed → deferred until the next attempt, or expired where the retries are used up (B5)."""
    began = retry_clock(delivery)
    ends = lifetime_ends(delivery.campaign, began, delivery.campaign.lifetime)
    again = next_attempt(delivery.attempts, now=now, first_due=began, lifetime=ends - began)
    if again is None:
        return record_refusal(delivery, told(outcome, verdict, DeliveryState.EXPIRED), token=token, now=now)
    own = Delivery.objects.filter(
        pk=delivery.pk, lease_token=token, state__in=(DeliveryState.CLAIMED, DeliveryState.FENCED)
    )
    return bool(
        own.update(
            state=DeliveryState.DEFERRED,
            due_at=again,
            lease_token=None,
            lease_until=None,
            kind=verdict.kind,
            reason=verdict.reason,
            rule=verdict.rule[:60],
            code=outcome.status or str(outcome.code or ""),
            text=outcome.text[:TEXT_LIMIT],
            phase=outcome.phase,
        )
    )


def retry_clock(delivery: Delivery) -> datetime:
    """Return when the lifetime of a delivery began: its first claim, or a later resume of its campaign."""
    began = [moment for moment in (delivery.mail_date, delivery.campaign.lifetime_from) if moment is not None]
    return max(began)


def give_back(delivery: Delivery, *, token: UUID, due_at: datetime) -> bool:
    """claimed/fenced → pending: the fault is ours or the relay's, or the row was not tried. No attempt is burnt.

    A fenced row comes here only from its own worker, which knows that the dot was not sent.
    """
    own = Delivery.objects.filter(
        pk=delivery.pk, lease_token=token, state__in=(DeliveryState.CLAIMED, DeliveryState.FENCED)
    )
    given = own.update(
        state=DeliveryState.PENDING,
        due_at=due_at,
        attempts=F("attempts") - 1,
        lease_token=None,
        lease_until=None,
        fenced_at=None,
    )
    return bool(given)


def told(outcome: Outcome, verdict: Verdict, state: DeliveryState) -> Failure:
    """Join an outcome and its verdict to a failure."""
    return Failure(
        state=state,
        kind=verdict.kind,
        reason=verdict.reason,
        code=outcome.status or str(outcome.code or ""),
        text=outcome.text,
        phase=outcome.phase,
        rule=verdict.rule,
    )


def record_unbuildable(delivery: Delivery, why: str, *, token: UUID, now: datetime) -> bool:
    """claimed → failed: the mail of this one recipient cannot be built. Our fault, so it never counts."""
    failure = Failure(
        state=DeliveryState.FAILED, kind=Kind.BLOCK, reason=Reason.POLICY, text=why, phase=Phase.CONNECT, rule="ours"
    )
    return record_refusal(delivery, failure, token=token, now=now)

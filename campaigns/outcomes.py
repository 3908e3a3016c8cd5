"""Turns what the engine reports into the states of deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from campaigns.claims import FENCE_ROWS, NOT_LISTED, OWN_ROWS, Claim, fence_rows
from campaigns.closed_times import lifetime_ends
from campaigns.erased import IS_ERASED_SQL, keep_text
from campaigns.failures import TEXT_LIMIT, Failure, record_refusal
from campaigns.models import Delivery, DeliveryState
from campaigns.statements import Statement, run_prepared
from lists.transactions import retry_transaction
from mta.circuit import Signs
from mta.outcomes import Outcome, Result
from mta.pace import Replies
from mta.providers import policy_of
from mta.replies import classify
from mta.retry import next_attempt
from mta.verdicts import Kind, Phase, Reason, Verdict

# A row that met a fault of the route is not tried again at once: the same row may have caused it.
FAULT_PAUSE = timedelta(seconds=30)

_ACCEPT_ROWS = """
    UPDATE campaigns_delivery SET state = 'sent', settled_at = %(now)s, lease_token = NULL, lease_until = NULL,
        code = told.code, text = CASE WHEN {erased} THEN '' ELSE told.text END, phase = 'dot', kind = '', reason = '', rule = ''
    FROM {told}
    WHERE campaigns_delivery.id = told.id AND lease_token = told.token AND state IN ('fenced', 'doubt')
    RETURNING campaigns_delivery.id
""".replace("{erased}", IS_ERASED_SQL)
_TOLD = (
    "unnest(%(told)s::bigint[], %(told_tokens)s::uuid[], %(codes)s::text[], %(texts)s::text[])"
    " AS told(id, token, code, text)"
)
# fenced/doubt → sent for rows of a list of ids, with the token, the code and the text of each.
ACCEPT = Statement(
    postgresql=_ACCEPT_ROWS.format(told=_TOLD),
    sqlite=_ACCEPT_ROWS.format(
        told="(SELECT told.value AS id, tokens.value AS token, codes.value AS code, texts.value AS text"
        " FROM json_each(%(told)s) AS told JOIN json_each(%(told_tokens)s) AS tokens USING (key)"
        " JOIN json_each(%(codes)s) AS codes USING (key) JOIN json_each(%(texts)s) AS texts USING (key)) AS told"
    ),
)
# Both in one statement, which is a transaction of its own. No row is in both lists.
ACCEPT_AND_FENCE = (
    f"WITH accepted AS ({_ACCEPT_ROWS.format(told=_TOLD)}) {FENCE_ROWS.format(own=OWN_ROWS, not_listed=NOT_LISTED)}"
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What is kept of accepted mails: rows, the tokens of their claims, codes and texts, in one order."""

    ids: list[int]
    tokens: list[UUID]
    codes: list[str]
    texts: list[str]

    def parameters(self) -> dict[str, object]:
        """Return the parameters of the statements."""
        return {"told": self.ids, "told_tokens": self.tokens, "codes": self.codes, "texts": self.texts}


@dataclass(slots=True)
class DeliveryLedger:
    """The engine's ledger for the claims of one turn: fences and outcomes, each a short transaction of its own.

    The engine calls it from one thread, which has a database connection of its own; `close` ends that.
    """

    # The rows that have no outcome yet, each with the token of its newest claim.
    rows: dict[int, tuple[Delivery, UUID]] = field(default_factory=dict)
    # Rows are taken in by the turn's thread and leave by the engine's.
    lock: Lock = field(default_factory=Lock)
    # What the route's circuit wants to know (mta.circuit.judge).
    signs: Signs = field(default_factory=Signs)
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

    def commit(self, outcomes: Sequence[Outcome], ids: Sequence[int]) -> set[int]:
        """Do what `record` and then `fence` do; with one commit for both where everything was accepted."""
        if not outcomes:
            return self.fence(ids)
        if not ids or not all(outcome.result is Result.ACCEPTED for outcome in outcomes):
            self.record(outcomes)
            return self.fence(ids) if ids else set()
        self.look_at(outcomes)
        tokens = [self.rows[pk][1] for pk in ids]
        told = self.read_accepted(outcomes)
        granted = retry_transaction(lambda: accept_and_fence(told, ids, tokens, now=timezone.now()))
        self.drop(outcomes)
        return granted

    def fence(self, ids: Sequence[int]) -> set[int]:
        """Mark rows durably before their final dot; return those that may be sent."""
        tokens = [self.rows[pk][1] for pk in ids]
        return retry_transaction(lambda: fence_rows(ids, tokens, now=timezone.now()))

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Write outcomes in one transaction."""
        self.look_at(outcomes)
        retry_transaction(lambda: self.write(outcomes, now=timezone.now()))
        self.drop(outcomes)

    def look_at(self, outcomes: Sequence[Outcome]) -> None:
        """Note what the lane's circuit and pace want to know."""
        self.signs.see(outcomes)
        for outcome in outcomes:
            delivery, _token = self.rows[outcome.id]
            domain = delivery.address.rpartition("@")[2].lower()
            self.replies.see(outcome, domain=domain, is_retry=delivery.attempts > 1)

    def drop(self, outcomes: Sequence[Outcome]) -> None:
        """Forget rows whose outcome is kept."""
        with self.lock:
            for outcome in outcomes:
                del self.rows[outcome.id]

    def write(self, outcomes: Sequence[Outcome], *, now: datetime) -> None:
        """Move the rows; every change is guarded by the token, so a repeated try is safe."""
        accepted = [outcome for outcome in outcomes if outcome.result is Result.ACCEPTED]
        with transaction.atomic():
            # Locks are taken in the order of the rows, as everywhere else.
            for outcome in sorted(outcomes, key=lambda outcome: outcome.id):
                if outcome.result is not Result.ACCEPTED:
                    delivery, token = self.rows[outcome.id]
                    record_outcome(delivery, outcome, token=token, now=now)
            if accepted:
                accept(self.read_accepted(accepted), now=now)

    def read_accepted(self, outcomes: Sequence[Outcome]) -> Accepted:
        """Return what is kept of acceptances."""
        return Accepted(
            [outcome.id for outcome in outcomes],
            [self.rows[outcome.id][1] for outcome in outcomes],
            [accepted_code(outcome) for outcome in outcomes],
            [outcome.text[:TEXT_LIMIT] for outcome in outcomes],
        )

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
            text=keep_text(outcome.text[:TEXT_LIMIT]),
            phase=Phase.DOT,
            kind="",
            reason="",
            rule="",
        )
    )


def accept(told: Accepted, *, now: datetime) -> int:
    """Do what `record_accepted` does for many rows, in one statement; return how many were moved."""
    return len(ACCEPT.run(**told.parameters(), now=now))


def accept_and_fence(told: Accepted, ids: Sequence[int], tokens: Sequence[UUID], *, now: datetime) -> set[int]:
    """Do `accept` for some rows and `fence_rows` for others in one transaction."""
    if connection.vendor == "postgresql":
        own = {"ids": list(ids), "tokens": list(tokens)}
        return {pk for (pk,) in run_prepared(ACCEPT_AND_FENCE, told.parameters() | own | {"now": now})}
    with transaction.atomic():
        accept(told, now=now)
        return fence_rows(ids, tokens, now=now)


def accepted_code(outcome: Outcome) -> str:
    """Return the code that is kept of an acceptance."""
    return outcome.status or str(outcome.code or "")


def record_doubt(delivery: Delivery, *, token: UUID, text: str) -> bool:
    """fenced → doubt: the connection was lost after the dot. The token stays, for a late 250."""
    own = Delivery.objects.filter(pk=delivery.pk, lease_token=token, state=DeliveryState.FENCED)
    return bool(own.update(state=DeliveryState.DOUBT, text=keep_text(text[:TEXT_LIMIT]), phase=Phase.DOT))


def record_deferral(delivery: Delivery, outcome: Outcome, verdict: Verdict, *, token: UUID, now: datetime) -> bool:
    """fenced/claimed → deferred until the next attempt, or expired where the retries are used up (B5)."""
    policy = policy_of(delivery.lane.provider)
    lifetime = min(delivery.campaign.lifetime, policy.lifetime or delivery.campaign.lifetime)
    began = retry_clock(delivery, now=now)
    again = next_attempt(
        delivery.attempts,
        now=now,
        first_due=began,
        lifetime=lifetime_ends(delivery.campaign, began, lifetime) - began,
        schedule=policy.retry,
        text=outcome.text,
        key=delivery.pk,
    )
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
            text=keep_text(outcome.text[:TEXT_LIMIT]),
            phase=outcome.phase,
        )
    )


def retry_clock(delivery: Delivery, *, now: datetime) -> datetime:
    """Return when the lifetime of a delivery began: its first claim, or a later resume of its campaign.

    How long this try waited for its turn since it was due is left out: that is our pace, and not the receiver's.
    """
    began = max(moment for moment in (delivery.mail_date, delivery.campaign.lifetime_from) if moment is not None)
    return began + max(now - max(delivery.due_at, began), timedelta(0))


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

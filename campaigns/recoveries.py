"""Resets error counts by success: a later mail that stays unbounced for 7 days proves its address (A7)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import Max, Min, Q

from accounts.models import ErrorCounting
from campaigns.models import Delivery, DeliveryState
from lists.models import Subscriber
from lists.recounting import PROVEN_AFTER, Proof, reconsider

# Subscribers whose errors one run looks at again; the next tick goes on.
PIECE = 200


def recheck_errors(*, now: datetime) -> int:
    """Look again at the errors that are due: proven addresses are cleared, errors leave their period.

    Whoever has reached a limit that was lowered is stopped; return how many were.
    """
    due = Subscriber.objects.filter(errors_due_at__lte=now).order_by("errors_due_at")
    ids = list(due.values_list("pk", flat=True)[:PIECE])
    return reconsider(ids, now=now, proofs=find_proofs(ids, now=now)) if ids else 0


def find_proofs(ids: Sequence[int], *, now: datetime) -> Mapping[int, Proof]:
    """Return what later mails prove of subscribers whose errors count until a success, and when to look again."""
    consecutive = Subscriber.objects.filter(pk__in=ids, workspace__error_counting=ErrorCounting.CONSECUTIVE)
    settled = now - PROVEN_AFTER
    accepted = Delivery.objects.filter(subscriber__in=ids, state=DeliveryState.SENT).order_by()
    rows = accepted.values_list("subscriber_id").annotate(
        proven=Max("mail_date", filter=Q(settled_at__lte=settled)),
        waiting=Min("settled_at", filter=Q(settled_at__gt=settled)),
    )
    found = {pk: (proven, waiting) for pk, proven, waiting in rows}
    proofs = {}
    for pk in consecutive.values_list("pk", flat=True):
        proven, waiting = found.get(pk, (None, None))
        # What is accepted from now on can prove nothing for a week.
        proofs[pk] = Proof(proven, (waiting or now) + PROVEN_AFTER)
    return proofs

"""The limits of エラー停止: what a new rule would stop, and having it applied to the errors that are there (A7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, OuterRef, Subquery, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Least

from accounts.models import ErrorCounting, Workspace
from lists.models import AddressError, MailingList, Subscriber, SubscriberQuerySet, SubscriberStatus, Subscription
from lists.recounting import BATCH, Proof, reconsider

# At most so many subscribers are looked at while a person waits, for so many seconds; the tick goes on with the others.
AT_ONCE = 5000
PATIENCE = 5.0
# Says what later mails prove about some subscribers.
Prove = Callable[[Sequence[int]], Mapping[int, Proof]]


def no_proofs(ids: Sequence[int]) -> Mapping[int, Proof]:
    """Prove nothing about anybody: the tick will."""
    return {}


@dataclass(frozen=True, slots=True)
class Rule:
    """When a workspace stops an address: at how many errors, and which of them count."""

    limit: int
    counting: ErrorCounting
    period: timedelta

    @classmethod
    def of(cls, workspace: Workspace) -> Rule:
        """Return the stored rule of a workspace."""
        period = timedelta(days=workspace.error_period_days)
        return cls(workspace.error_limit, ErrorCounting(workspace.error_counting), period)

    def counts_like(self, other: Rule) -> bool:
        """Say whether both count the same errors."""
        if self.counting == ErrorCounting.CONSECUTIVE == other.counting:
            return True
        return (self.counting, self.period) == (other.counting, other.period)

    def since(self, now: datetime) -> datetime | None:
        """Return the moment after which errors count, None where all do that nothing has cleared."""
        return None if self.counting == ErrorCounting.CONSECUTIVE else now - self.period


def preview_rule(workspace: Workspace, rule: Rule, *, now: datetime) -> int:
    """Return how many subscribers would be stopped if `rule` became that of the workspace.

    Where errors would count again until something clears them, those whom later mails have proven are among them.
    """
    if rule.counts_like(Rule.of(workspace)):
        return over_limit(workspace, effective_limit(workspace, "pk", rule.limit)).count()
    active = AddressError.objects.filter(subscriber__workspace=workspace, subscriber__status=SubscriberStatus.ACTIVE)
    by_subscriber = active.live(rule.since(now)).order_by().values("subscriber").annotate(number=Count("pk"))
    return by_subscriber.filter(number__gte=effective_limit(workspace, "subscriber", rule.limit)).count()


def preview_list_limit(mailing_list: MailingList, limit: int | None) -> int:
    """Return how many subscribers would be stopped if `limit` became the own limit of a list (None: it has none)."""
    workspace = mailing_list.workspace
    own = least_own_limit("pk", without=mailing_list)
    # Where no other list has a limit, the new one is the least.
    least = own if limit is None else Least(Coalesce(own, limit), limit)
    members = over_limit(workspace, Coalesce(least, workspace.error_limit))
    return members.filter(subscriptions__mailing_list=mailing_list).count()


def effective_limit(workspace: Workspace, subscriber: str, limit: int) -> Combinable:
    """Return the limit that holds for a subscriber (a field of the outer query) where `limit` is the workspace's."""
    if not MailingList.objects.filter(workspace=workspace, error_limit__isnull=False).exists():
        return Value(limit)
    return Coalesce(least_own_limit(subscriber), limit)


def least_own_limit(subscriber: str, *, without: MailingList | None = None) -> Subquery:
    """Return the smallest own limit among the lists of a subscriber (a field of the outer query)."""
    places = Subscription.objects.filter(subscriber=OuterRef(subscriber), mailing_list__error_limit__isnull=False)
    if without is not None:
        places = places.exclude(mailing_list=without)
    return Subquery(places.order_by("mailing_list__error_limit").values("mailing_list__error_limit")[:1])


def over_limit(workspace: Workspace, limit: Combinable) -> SubscriberQuerySet:
    """Keep the active subscribers of a workspace whose count has reached `limit`, a part of the query."""
    # error_count > 0 is what the partial index subscriber_with_errors holds.
    active = Subscriber.objects.for_workspace(workspace).active()
    return active.filter(error_count__gt=0, error_count__gte=limit)


def mark_limits(workspace: Workspace, *, now: datetime) -> int:
    """Have those looked at again who have reached the stored limits; return how many.

    To be called in the transaction that stores a limit: whatever happens then, the tick goes on. Raising one
    revives nobody.
    """
    limit = effective_limit(workspace, "pk", workspace.error_limit)
    return mark(over_limit(workspace, limit), now=now)


def mark_errors(workspace: Workspace, *, now: datetime) -> int:
    """Have all looked at again who have errors, because others count from now on; return how many."""
    errors = AddressError.objects.filter(subscriber__workspace=workspace).uncleared()
    active = Subscriber.objects.for_workspace(workspace).active()
    return mark(active.filter(pk__in=errors.order_by().values("subscriber")), now=now)


def mark(subscribers: SubscriberQuerySet, *, now: datetime) -> int:
    """Have subscribers looked at again; return how many.

    An UPDATE by itself locks in any order, and would wait in a circle for whoever counts errors meanwhile.
    """
    locked = subscribers.select_for_update(no_key=True).order_by("pk")
    return Subscriber.objects.filter(pk__in=locked.values("pk")).update(errors_due_at=now)


def apply_limits(workspace: Workspace, *, now: datetime, prove: Prove = no_proofs) -> int:
    """Stop those who were marked and have reached the stored limits, in pieces; return how many.

    After AT_ONCE subscribers or PATIENCE seconds the rest is left to the tick.
    """
    until = time.monotonic() + PATIENCE
    due = Subscriber.objects.for_workspace(workspace).filter(errors_due_at__lte=now)
    stopped = last = 0
    for _piece in range(AT_ONCE // BATCH):
        ids = list(due.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH])
        if not ids or time.monotonic() > until:
            break
        stopped += reconsider(ids, now=now, proofs=prove(ids))
        last = ids[-1]
    return stopped

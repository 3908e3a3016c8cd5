"""The error count against a plain model, over random lives of one address (A7, B16)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Workspace
from campaigns.models import Campaign, DeliveryState
from campaigns.recoveries import find_proofs, recheck_errors
from lists.errors import ErrorEvent, Weight, count_error
from lists.held_errors import count_held, hold_errors
from lists.limits import apply_limits, mark_errors, mark_limits
from lists.models import AddressError, Subscriber
from lists.subscribers import resume
from tests.factories import make_campaign, make_delivery, make_list, make_subscriber, make_workspace

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOLD = "hold:1"
numbers = count(1)


@dataclass
class Told:
    """One error as the model keeps it; days since the start."""

    key: str
    at: int
    stops: bool
    counts: bool = True
    held: bool = False
    # Whether it reached the limit, alone or with others.
    decided: bool = False


@dataclass
class Life:
    """One address, its real rows and beside them the model."""

    workspace: Workspace
    subscriber: Subscriber
    day: int = 0
    told: list[Told] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)
    stopped: bool = False

    @property
    def now(self) -> datetime:
        return START + self.day * DAY

    def live(self) -> list[Told]:
        days = self.workspace.error_period_days if self.workspace.error_counting == "period" else None
        return [
            error
            for error in self.told
            if error.counts and not error.held and (days is None or error.at > self.day - days)
        ]

    def tick(self) -> None:
        """Let the real ticks of the day happen; the model clears what a success has proven."""
        while Subscriber.objects.filter(errors_due_at__lte=self.now).exists():
            recheck_errors(now=self.now)
        if not self.stopped:
            self.clear_proven()
        self.stop_at_limit()

    def clear_proven(self) -> None:
        if self.workspace.error_counting == "consecutive":
            proven = max((day for day in self.accepted if day + 7 <= self.day), default=-1)
            for error in self.told:
                error.counts = error.counts and (error.held or error.at >= proven)

    def stop_at_limit(self, newest: Told | None = None) -> None:
        live = self.live()
        if not live or (self.stopped and newest is None):
            return
        if len(live) >= self.workspace.error_limit or (newest is not None and newest.stops):
            (newest or live[-1]).decided = True
            self.stopped = True

    def error(self, *, stops: bool, held: bool) -> None:
        error = Told(f"delivery:{next(numbers)}", self.day, stops, held=held)
        weight = Weight.STOP if stops else Weight.COUNT
        event = ErrorEvent(
            error.key, weight, "hard", "user_unknown", "", "", "", mailed_at=self.now, held_by=HOLD if held else ""
        )
        for _twice in range(2):
            count_error(self.subscriber.pk, event, now=self.now)
        self.told.append(error)
        if not held:
            self.stop_at_limit(error)

    def success(self) -> None:
        if self.stopped:
            return
        campaign = self.campaign()
        make_delivery(campaign, self.subscriber, state=DeliveryState.SENT, mail_date=self.now, settled_at=self.now)
        self.accepted.append(self.day)

    def campaign(self) -> Campaign:
        return make_campaign(make_list(self.workspace))

    def resume(self) -> None:
        self.subscriber.refresh_from_db()
        assert resume(self.subscriber, "本人の依頼", actor=None, now=self.now) == self.stopped
        if self.stopped:
            self.stopped = False
            for error in self.told:
                error.counts = False

    def hold(self) -> None:
        """Take the newest error back."""
        error = self.told[-1] if self.told else None
        if error is None or not error.counts or error.held:
            return
        hold_errors({self.subscriber.pk: error.key}, HOLD, now=self.now)
        error.held = True
        was_decided, error.decided = error.decided, False
        others = [other for other in self.told if other.counts and not other.held]
        if self.stopped and was_decided and len(self.live()) < self.workspace.error_limit:
            self.stopped = any(other.decided for other in others)

    def apply(self) -> None:
        held = {error.key: error for error in self.told if error.held}
        rows = AddressError.objects.filter(held_by=HOLD, subscriber=self.subscriber)
        proofs = find_proofs([self.subscriber.pk], now=self.now)
        count_held({row.pk: held[row.key].stops for row in rows}, now=self.now, proofs=proofs)
        for error in held.values():
            error.held = False
        if held:
            self.clear_proven()
        live = self.live()
        stopping = [error for error in held.values() if error.stops and error.counts]
        if live and not self.stopped and (len(live) >= self.workspace.error_limit or stopping):
            self.stopped = True
            if not stopping:
                live[-1].decided = True
        if self.stopped:
            for error in stopping:
                error.decided = True

    def change_rule(self, limit: int, counting: str, days: int) -> None:
        Workspace.objects.update(error_limit=limit, error_counting=counting, error_period_days=days)
        self.workspace.refresh_from_db()
        mark_errors(self.workspace, now=self.now)
        mark_limits(self.workspace, now=self.now)
        apply_limits(self.workspace, now=self.now, prove=lambda ids: find_proofs(ids, now=self.now))

    def found(self) -> tuple[bool, int | None, bool | None, set[str]]:
        """What the database says: whether it is stopped, the count, whether it is looked at again, what counts."""
        self.subscriber.refresh_from_db()
        keys = set(AddressError.objects.uncleared().values_list("key", flat=True))
        if self.subscriber.is_stopped():
            return True, None, None, keys
        return False, self.subscriber.error_count, self.subscriber.errors_due_at is not None, keys

    def expected(self) -> tuple[bool, int | None, bool | None, set[str]]:
        """What the model says of the same."""
        keys = {error.key for error in self.told if error.counts}
        if self.stopped:
            return True, None, None, keys
        return False, len(self.live()), bool(self.live()), keys


rules = st.tuples(st.integers(1, 4), st.sampled_from(["consecutive", "period"]), st.sampled_from([5, 20]))
steps = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 9)),
    st.tuples(st.just("error"), st.booleans(), st.booleans()),
    st.tuples(st.just("success")),
    st.tuples(st.just("resume")),
    st.tuples(st.just("hold")),
    st.tuples(st.just("apply")),
    st.tuples(st.just("rule"), rules),
)


def live_through(life: Life, story: list[tuple[Any, ...]]) -> Iterator[str]:
    """Take each step and yield its name, for a look at what became of it."""
    for name, *arguments in story:
        if name == "wait":
            life.day += arguments[0]
        elif name == "error":
            stops, held = arguments
            life.error(stops=stops, held=held)
        elif name == "rule":
            life.change_rule(*arguments[0])
        else:
            getattr(life, name)()
        life.tick()
        yield name


@settings(max_examples=60)
@given(st.lists(steps, max_size=14))
def test_the_count_is_the_number_of_live_counted_errors(story: list[tuple[Any, ...]]) -> None:
    """A7: whatever happens in whatever order."""
    with transaction.atomic():
        workspace = make_workspace()
        life = Life(workspace, make_subscriber(workspace=workspace))
        for step in live_through(life, story):
            assert (step, *life.found()) == (step, *life.expected())
        transaction.set_rollback(True)

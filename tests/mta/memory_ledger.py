"""A ledger in memory that watches over the engine's promises."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mta.engine import Outcome, Result


@dataclass
class MemoryLedger:
    """Grants every fence but those in `refused`; keeps outcomes and what would break a promise."""

    refused: frozenset[int] = frozenset()
    before_fence: Callable[[Sequence[int]], None] = lambda ids: None
    before_record: Callable[[Sequence[Outcome]], None] = lambda outcomes: None

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    fenced: set[int] = field(default_factory=set)
    most_open: int = 0
    fence_calls: list[int] = field(default_factory=list)
    record_calls: list[int] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    closed: int = 0

    def fence(self, ids: Sequence[int]) -> set[int]:
        assert not self.fenced & set(ids), "fenced twice"
        self.threads.add(threading.get_ident())
        self.fence_calls.append(len(ids))
        self.before_fence(ids)
        granted = set(ids) - self.refused
        self.fenced |= granted
        self.most_open = max(self.most_open, len(self.fenced - self.outcomes.keys()))
        return granted

    def record(self, outcomes: Sequence[Outcome]) -> None:
        self.threads.add(threading.get_ident())
        self.record_calls.append(len(outcomes))
        self.before_record(outcomes)
        for outcome in outcomes:
            assert outcome.id not in self.outcomes, "two outcomes for one mail"
            self.outcomes[outcome.id] = outcome

    def close(self) -> None:
        self.threads.add(threading.get_ident())
        self.closed += 1

    def results(self) -> list[Result]:
        """Return the results in the order of the ids."""
        return [self.outcomes[key].result for key in sorted(self.outcomes)]

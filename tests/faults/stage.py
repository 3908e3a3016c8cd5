"""What a scenario plays on: the installation, a seeded source of chance, and the mailings that will be judged."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from django.conf import settings

from campaigns.models import DoubtPolicy
from tests.faults.installation import Installation
from tests.faults.journal import MailServer
from tests.faults.judge import Closure, Terms, Verdict, judge
from tests.faults.mailing import DOMAINS, Mailing

# Seconds from a mail's dot to its answer, so that a mailing lasts for as long as its faults take.
DELAY = 0.03


class StandstillError(Exception):
    """A scenario could not go on within its time."""


@dataclass
class Stage:
    """One scenario's own world; `mailings` are judged at its end."""

    installation: Installation
    random: Random
    server: MailServer
    mailings: list[Mailing] = field(default_factory=list)
    # Rows that may be in doubt, beyond those that the server itself left without an answer.
    doubts: int = 0
    may_be_stopped: bool = False
    # The rate that is configured, in mails a minute.
    per_minute: int | None = None
    # Parts that ended by themselves.
    ended: list[str] = field(default_factory=list)
    closures: list[Closure] = field(default_factory=list)

    def begin(
        self, recipients: int, *, policy: DoubtPolicy = DoubtPolicy.HOLD, domains: Sequence[str] = DOMAINS
    ) -> Mailing:
        """Make one more mailing and start it."""
        mailing = Mailing(self.server.journal, recipients, policy=policy, domains=domains, supervise=self.supervise)
        self.mailings.append(mailing)
        mailing.start()
        return mailing

    def supervise(self) -> None:
        """Start again the parts that ended by themselves, and note which.

        Celery's worker does so now and then where it loses its broker while a message is on its way to a process:
        AttributeError in kombu/transport/redis.py. Its processes are killed with it.
        """
        ended = self.installation.revive()
        self.ended += ended
        if "sender" in ended:
            self.allow_doubts(settings.SEND_PROCESSES)

    def moments(self, mailing: Mailing, number: int) -> list[int]:
        """Return random moments of a mailing, in order: after so many accepted mails."""
        last = mailing.recipients * 9 // 10
        return sorted(self.random.sample(range(1, last), number))

    def wait_for(self, accepted: int, *, seconds: float = 60) -> None:
        """Wait until the server took over so many mails. Raises StandstillError."""
        self.wait_until(lambda: self.server.journal.read() >= accepted, f"{accepted} accepted", seconds=seconds)

    def wait_until(self, condition: Callable[[], bool], what: str, *, seconds: float = 60) -> None:
        """Wait until something is so. Raises StandstillError."""
        if not self.mailings[0].drive(condition, seconds=seconds):
            raise StandstillError(f"not within {seconds:.0f} seconds: {what}; {self.mailings[0].states()}")

    def allow_doubts(self, processes: int) -> None:
        """Expect what so many killed processes may leave in doubt; what they had claimed waits for its lease's end."""
        self.doubts += processes * settings.SEND_WINDOW
        for mailing in self.mailings:
            mailing.may_lapse = True

    def close(self) -> list[Verdict]:
        """Wait until all mailings are over, and judge them."""
        verdicts = []
        ends = [mailing.drive_to_end() for mailing in self.mailings]
        # Whatever the server did instead of its answer to a whole mail.
        unanswered = sum(1 for fault in self.server.journal.faults if fault["fault"] in ("body", "dot", "accepted"))
        for mailing, ended in zip(self.mailings, ends, strict=True):
            rows = mailing.rows()
            own = f"w{mailing.workspace.pk}-"
            terms = Terms(
                recipients=mailing.recipients,
                doubts=self.doubts + unanswered,
                refused=self.server.journal.refused,
                refusals_are_final=not self.doubts,
                may_be_stopped=self.may_be_stopped,
                per_minute=self.per_minute,
                closures=self.closures,
            )
            mails = [mail for mail in self.server.journal.accepted if mail.rcpt.startswith(own)]
            verdict = judge(rows, mails, terms)
            if not ended:
                verdict.findings.append(f"the campaign did not come to its end: {mailing.states()}")
            verdicts.append(verdict)
        return verdicts


def wait_for(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Wait until something is so, without touching anything; False when the time is over."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True

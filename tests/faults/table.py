"""The table of played scenarios: a line each, printed by the run and read back by who judges it. Knows no database."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.judge import Verdict

GOOD, BAD = "good", "BAD"
HEAD = f"{'scenario':34} {'database':10} {'recipients':>10} {'accepted':>8} {'doubled':>7} {'lost':>5} {'failed':>6} {'doubts':>6} {'resent':>6} {'seconds':>7}  verdict"


@dataclass(frozen=True, slots=True)
class Line:
    """What became of the mails of one scenario."""

    scenario: str
    database: str
    recipients: int
    accepted: int
    doubled: int
    lost: int
    failed: int
    doubts: int
    resent: int
    seconds: float
    verdict: str

    def __str__(self) -> str:
        return (
            f"{self.scenario:34} {self.database:10} {self.recipients:>10} {self.accepted:>8} {self.doubled:>7}"
            f" {self.lost:>5} {self.failed:>6} {self.doubts:>6} {self.resent:>6} {self.seconds:>7.1f}  {self.verdict}"
        )


def add_up(scenario: str, database: str, verdicts: Sequence[Verdict], *, seconds: float, is_good: bool) -> Line:
    """Return the line of a scenario: the sums over its mailings."""
    return Line(
        scenario=scenario,
        database=database,
        recipients=sum(verdict.recipients for verdict in verdicts),
        accepted=sum(verdict.accepted for verdict in verdicts),
        doubled=sum(verdict.doubled for verdict in verdicts),
        lost=sum(verdict.lost for verdict in verdicts),
        failed=sum(verdict.failed for verdict in verdicts),
        doubts=sum(verdict.doubts for verdict in verdicts),
        resent=sum(verdict.resent for verdict in verdicts),
        seconds=seconds,
        verdict=GOOD if is_good else BAD,
    )


def read_table(text: str) -> dict[str, Line]:
    """Return scenario → line of what a run printed; its head and its words about findings are passed over."""
    lines = [read_line(line) for line in text.splitlines() if line.endswith((f" {GOOD}", f" {BAD}"))]
    return {line.scenario: line for line in lines}


def read_line(text: str) -> Line:
    """Return the line that was printed as this text. Raises ValueError."""
    scenario, database, *figures, seconds, verdict = text.split()
    recipients, accepted, doubled, lost, failed, doubts, resent = map(int, figures)
    return Line(
        scenario, database, recipients, accepted, doubled, lost, failed, doubts, resent, float(seconds), verdict
    )

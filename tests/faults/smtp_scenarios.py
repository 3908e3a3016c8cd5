"""What the mail server does wrong, phase by phase, and what it is told on the way."""

from collections.abc import Callable
from typing import Any

from django.conf import settings

from campaigns.models import DoubtPolicy
from campaigns.sending import AFTER_TURN, TIMEOUTS, TURN
from tests.faults.scenarios import flush
from tests.faults.stage import DELAY, Stage, StandstillError

Action = dict[str, Any]
# How long the server says nothing before it leaves: shortly, so that it is the first to leave; and for longer than a
# mail that was begun may take up to its dot, so that the client is.
HANG = 2.0
LONG_HANG = TURN.total_seconds() + AFTER_TURN.total_seconds() + TIMEOUTS.late + 30
# Between two bytes of a reply that comes long after the turn is over.
SLOW_DRIP = 1.0
# How often each fault happens in its phase.
COPIES = 3
GARBAGE = "\xff\xfe\x00\x1b[31mHTTP/1.1 200 OK\r\n\r\n<html>\r\n"
OVERSIZED = "250-" + "x" * 9000 + "\r\n"
ENDLESS = "250-more\r\n" * 400
LEAVING: tuple[Action, ...] = ({"do": "drop"}, {"do": "close"}, {"do": "hang", "seconds": HANG})
NONSENSE: tuple[Action, ...] = (
    {"do": "say", "reply": GARBAGE},
    {"do": "say", "reply": OVERSIZED},
    {"do": "say", "reply": ENDLESS, "close": True},
)
CLOSING: Action = {"do": "say", "reply": "421 4.3.2 closing\r\n", "close": True}
LATER: Action = {"do": "say", "reply": "451 4.3.0 try again later\r\n"}
NEVER: Action = {"do": "say", "reply": "554 5.7.1 no\r\n"}
DRIPPING: Action = {"do": "drip"}
REFUSALS = (CLOSING, LATER, NEVER)
EVERY_FAULT = (*LEAVING, *NONSENSE, *REFUSALS, DRIPPING)
# For each phase what can go wrong in it.
PHASES: dict[str, tuple[Action, ...]] = {
    "greeting": EVERY_FAULT,
    "ehlo": EVERY_FAULT,
    "starttls": EVERY_FAULT,
    "auth": EVERY_FAULT,
    "mail": EVERY_FAULT,
    "rcpt": EVERY_FAULT,
    "data": EVERY_FAULT,
    # A reply in the middle of a body is a refusal, whatever it says; and nothing drips before it is asked for.
    "body": (*LEAVING, *REFUSALS),
    "dot": (*LEAVING, *NONSENSE, *REFUSALS, {"do": "drip", "reply": LATER["reply"]}),
    # What was taken over is not refused any more (RFC 5321 section 4.2.5).
    "accepted": (*LEAVING, *NONSENSE, DRIPPING),
}
OPENING = ("greeting", "ehlo", "starttls", "auth")


def plan(stage: Stage, phase: str, *, copies: int = COPIES) -> dict[str, list[tuple[int, Action]]]:
    """Return the faults of a phase in a random order, with good turns in between."""
    actions = [action for action in PHASES[phase] for _copy in range(copies)]
    stage.random.shuffle(actions)
    most = 1 if phase in OPENING else 6
    return {phase: [(stage.random.randint(0, most), action) for action in actions]}


def faults_in(phase: str) -> Callable[[Stage], None]:
    """Return the scenario of one phase: every fault of it, several times, over several connections."""

    def scenario(stage: Stage) -> None:
        pipelining = stage.installation.server is None
        stage.server.order(delay=DELAY / 3, pipelining=pipelining, faults=plan(stage, phase))
        stage.begin(400)
        wanted = COPIES * len(PHASES[phase])
        # The opening phases happen once a connection, so more mailings may be needed until all were met.
        for _more in range(8):
            if stage.mailings[-1].drive(lambda: met(stage) >= wanted or stage.mailings[-1].is_over(), seconds=90):
                if met(stage) >= wanted:
                    return
                stage.begin(60)
        stage.wait_until(lambda: met(stage) >= wanted, f"{wanted} faults were met", seconds=1)

    scenario.__doc__ = f"Every fault in the phase {phase}."
    return scenario


def met(stage: Stage) -> int:
    """Return how many faults happened so far."""
    stage.server.journal.read()
    return len(stage.server.journal.faults)


def accepted_then_dropped(stage: Stage) -> None:
    """The server takes mails over and leaves without an answer: in doubt, and not sent again."""
    stage.server.order(delay=DELAY / 3, faults={"accepted": [(7, {"do": "drop"})] * 20})
    stage.begin(400)


def accepted_then_dropped_and_resent(stage: Stage) -> None:
    """The same where the policy is to send again: once, and no more, though the second copy is dropped too."""
    faults = [(3, {"do": "drop"})] * 40 + [(0, {"do": "drop"})] * 20
    stage.server.order(delay=DELAY / 3, faults={"accepted": faults})
    stage.begin(120, policy=DoubtPolicy.RESEND)


def answers_beyond_the_turn(stage: Stage) -> None:
    """Greeting, RCPT and the final answer drop by drop, for longer than a turn: sent all the same, once."""
    dripping = {"do": "drip", "seconds": SLOW_DRIP}
    faults = {phase: [(number, dripping) for number in (0, 3, 7)] for phase in ("greeting", "rcpt", "accepted")}
    stage.server.order(delay=DELAY / 3, faults=faults)
    mailing = stage.begin(200)
    stage.wait_until(lambda: met(stage) >= 9, "9 answers dripped", seconds=200)
    if not mailing.drive_to_end() or len(stage.server.journal.accepted) != 200:
        raise StandstillError(f"not all sent: {mailing.states()}")


def silence_beyond_our_deadline(stage: Stage) -> None:
    """Silence in each phase before the dot, until the client gives up: nobody fails, and no process is kept."""
    silent = {"do": "hang", "seconds": LONG_HANG}
    phases = ("greeting", "ehlo", "auth", "mail", "rcpt", "data")
    stage.server.order(delay=DELAY / 3, faults={phase: [(2, silent)] for phase in phases})
    mailing = stage.begin(200)
    stage.wait_until(lambda: met(stage) >= len(phases), "every phase was silent", seconds=300)
    # The mails that are silently kept waiting keep no others waiting.
    other = stage.begin(200)
    if not other.drive_to_end(seconds=60) or mailing.is_over():
        raise StandstillError(f"others waited: {other.states()}; {mailing.states()}")
    if not mailing.drive_to_end(seconds=2 * LONG_HANG):
        raise StandstillError(f"not all sent: {mailing.states()}")


def storm(stage: Stage) -> None:
    """Faults in all phases at once while processes are killed, the broker forgets and the database restarts."""
    faults: dict[str, list[tuple[int, Action]]] = {}
    for phase in PHASES:
        if phase != "starttls":
            faults |= plan(stage, phase, copies=2)
    stage.server.order(delay=DELAY, faults=faults)
    mailing = stage.begin(1500)
    for number, moment in enumerate(stage.moments(mailing, 6)):
        stage.wait_for(moment, seconds=120)
        if number % 3 == 0:
            stage.installation.kill_tree("sender")
            stage.allow_doubts(settings.SEND_PROCESSES)
            stage.installation.start()
        elif number % 3 == 1:
            flush()
        elif stage.installation.server is not None:
            stage.installation.server.crash()
            stage.installation.server.start()
            stage.allow_doubts(settings.SEND_PROCESSES)

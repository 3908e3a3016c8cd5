"""One turn in a lane: what is due is claimed batch by batch, sent over its route, and told to circuit and pace."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from campaigns import pacing, send_queue
from campaigns.claims import Claim, claim_due
from campaigns.lanes import clear_faults, hold_lane, rest_lane
from campaigns.lifetimes import restart_lifetimes
from campaigns.models import Delivery, DeliveryState, Lane
from campaigns.outcomes import DeliveryLedger, record_unbuildable
from campaigns.pacing import Grant
from campaigns.rendering import Renderer
from campaigns.stragglers import STRAGGLERS, Straggler
from mta import circuit, engine
from mta.circuit import Admission, Health, judge
from mta.errors import MtaError
from mta.mail_routes import load_route
from mta.mime import MimeError
from mta.outcomes import Outgoing
from mta.pace import Replies
from mta.routes import Route, RouteError
from mta.verdicts import Phase
from senders.errors import SenderError

logger = logging.getLogger(__name__)

# Rows of a claim, and of one in a lane that takes many a second.
BATCH = 200
LARGE_BATCH = 1000
# A turn leaves its process to others after this long, and after the short time where others wait for one.
TURN = timedelta(seconds=5)
SHORT_TURN = timedelta(seconds=1)
# What was claimed is still begun for this long; in a slow lane the rest of it is given back then.
LAST_BATCH = timedelta(seconds=1)
# A lane where nothing could be had although rows looked due is left alone for so long.
PAUSE = timedelta(seconds=1)
# After that no mail is begun this much later, so that a worker which is told to stop ends soon.
AFTER_TURN = timedelta(seconds=3)
# Mails that are still on their way so much later are left to a thread, and the process goes on with other turns.
LEAVE = timedelta(seconds=2)
# RFC 5321 section 4.5.3.2 says that a sender SHOULD wait for five minutes at most steps. A mail that was begun has two
# minutes for all steps up to its dot once no other is begun: later its lease (campaigns.claims) would be over, and the
# mail another process's. For the answer to the dot it says ten minutes, since whoever gives up earlier may send a mail
# twice. We send no doubtful mail again unasked, and one that hangs there takes up the window of its process.
TIMEOUTS: Final = engine.Timeouts(late=120.0, dot=300.0)

# Steps in which a fault of the route may be the fault of what is sent.
ABOUT_MAIL: Final = frozenset((Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT))


class End(Enum):
    """How a turn in a lane ended."""

    # The time was over: rows may be left.
    MORE = "more"
    # Nothing is due any more.
    EMPTY = "empty"
    # The lane or its route waits.
    WAITS = "waits"
    # No row could be had: others hold them, or none of them is sent any more.
    NOTHING = "nothing"


def send_lane(lane_id: int, *, batch: int = BATCH) -> bool:
    """Send what is due in a lane for one turn; return whether the turn ended with work left.

    May run twice or in several processes at once: every row is claimed by one of them.
    """
    return take_turn(Lane.objects.get(pk=lane_id), batch=batch) is End.MORE


def take_turn(lane: Lane, *, batch: int = BATCH) -> End:
    """Send what is due in a lane for one turn, as far as circuit and pace of its route allow."""
    now = timezone.now()
    admission = circuit.admit(lane.route, now=now)
    if admission is None:
        return End.WAITS
    try:
        route = load_route(lane.route)
    except RouteError as error:
        logger.error("route %s rests: %s", lane.route, error.sentence)
        circuit.note_fault(lane.route, admission, phase=Phase.CONNECT, because=error.sentence, now=now)
        return End.WAITS
    if STRAGGLERS.keep_out(lane, connections=full_connections(route)):
        circuit.release(lane.route, admission)
        hold_lane(lane, "", until=now + PAUSE)
        return End.WAITS
    wanted = 1 if admission.is_probe else batch
    grant = pacing.grant(lane, route, wanted=wanted, now=now)
    if not grant.rows:
        circuit.release(lane.route, admission)
        hold_lane(lane, "", until=grant.again_at or now + PAUSE)
        return End.WAITS
    return send_turn(Turn(lane, route, admission, grant, batch))


class Turn:
    """One turn in a lane: claims rows, batch by batch, until its time is over or nothing is due."""

    def __init__(self, lane: Lane, route: Route, admission: Admission, grant: Grant, batch: int) -> None:
        self.lane = lane
        self.route = route
        self.admission = admission
        self.batch = batch
        self.grant = grant
        self.end = End.MORE
        self.ledger = DeliveryLedger()
        self.renderer = Renderer()
        self.began = timezone.now()
        # When to ask next whether others wait for the process, and whether they do.
        self.ask_at = self.began + SHORT_TURN
        self.others_wait = False
        self.claims: list[Claim] = []
        # Rows that were not begun, each with the token of its claim.
        self.left: list[tuple[UUID, Sequence[Delivery]]] = []
        # Whether the circuit knows already how it went.
        self.is_told = False

    @property
    def connections(self) -> int:
        """How many connections the turn may open at once."""
        free = full_connections(self.route) - STRAGGLERS.connections(self.lane)
        limits = (free, self.admission.connections, self.grant.connections)
        return max(1, min(limit for limit in limits if limit is not None))

    @property
    def messages_per_connection(self) -> int | None:
        """How many mails a connection may carry; None = no limit."""
        limits = (self.route.messages_per_connection, self.grant.messages_per_connection)
        return min((limit for limit in limits if limit is not None), default=None)

    def batches(self) -> Iterator[Iterator[Outgoing]]:
        """Yield the mails of each claim."""
        grant = self.grant
        while True:
            claim = claim_due(self.lane, now=timezone.now(), limit=grant.rows)
            self.return_grant(grant.rows - len(claim.deliveries))
            if not claim.deliveries and not claim.left_out:
                self.end = End.EMPTY if self.claims else End.NOTHING
                return
            yield self.mails(self.take(claim), claim.token)
            if claim.slowed or self.admission.is_probe or self.is_over():
                return
            grant = pacing.grant(self.lane, self.route, wanted=self.next_batch(), now=timezone.now())
            if not grant.rows:
                self.end = End.WAITS
                hold_lane(self.lane, "", until=grant.again_at or timezone.now() + PAUSE)
                return

    def next_batch(self) -> int:
        """Return how many rows to ask for: what the lane takes in a second, so that few are given back at the end."""
        seconds = (timezone.now() - self.began).total_seconds()
        taken = sum(len(claim.deliveries) for claim in self.claims)
        return max(self.batch, min(int(taken / seconds), LARGE_BATCH)) if seconds >= 1 else self.batch

    def take(self, claim: Claim) -> Sequence[Delivery]:
        """Take in the rows of a claim before they are sent; return those whose mails are to be made."""
        self.claims.append(claim)
        ends_outage = is_long(self.admission.outage(self.began))
        for delivery in claim.deliveries:
            # Shared, so that nobody reads it for each row.
            delivery.lane = self.lane
            if ends_outage:
                # As for all that wait, should the probe come through (close_circuit); it is stored then.
                delivery.campaign.lifetime_from = self.began
        return self.ledger.take(claim)

    def mails(self, deliveries: Sequence[Delivery], token: UUID) -> Iterator[Outgoing]:
        """Yield the mails of claimed rows while they can be begun; a row whose mail cannot be built fails alone."""
        for number, delivery in enumerate(deliveries):
            if self.is_over(late_by=LAST_BATCH):
                self.left.append((token, deliveries[number:]))
                return
            try:
                yield self.renderer.render(delivery)
            except MimeError as error:
                logger.error("delivery %s cannot be built: %s", delivery.pk, type(error).__name__)
                record_unbuildable(delivery, str(error), token=token, now=timezone.now())

    def is_over(self, *, late_by: timedelta = timedelta(0)) -> bool:
        """Say whether the turn's time is over, or was so long ago; it is shorter where others wait for the process."""
        now = timezone.now()
        if now >= self.began + TURN + late_by:
            return True
        # A slow start has more connections from turn to turn.
        if self.admission.connections is None and not self.others_wait:
            if now < self.ask_at:
                return False
            self.ask_at = now + SHORT_TURN
            self.others_wait = send_queue.waiting() > 0
            if not self.others_wait:
                return False
        return now >= self.began + SHORT_TURN + late_by

    def return_left(self) -> None:
        """Give back the rows whose mails were not made, and keep nothing of those that were."""
        for token, rows in self.left:
            return_unsent(rows, token=token)
            self.return_grant(len(rows))
        self.left.clear()
        self.claims.clear()

    def return_all(self) -> None:
        """Give back whatever is still claimed."""
        for claim in self.claims:
            return_unsent(claim.deliveries, token=claim.token)

    def return_grant(self, rows: int) -> None:
        """Return what was granted and not used."""
        if rows > 0:
            pacing.give_back(self.lane, self.route, rows)


def return_unsent(rows: Sequence[Delivery], *, token: UUID) -> int:
    """claimed → pending for rows that were not begun; no attempt is burnt. Returns how many."""
    own = Delivery.objects.filter(pk__in=[row.pk for row in rows], lease_token=token, state=DeliveryState.CLAIMED)
    return own.update(state=DeliveryState.PENDING, attempts=F("attempts") - 1, lease_token=None, lease_until=None)


def send_turn(turn: Turn) -> End:
    """Send the rows of one turn, and note how it went."""
    lane = turn.lane
    try:
        rest = engine.send_batches(
            turn.batches(),
            turn.route,
            turn.ledger,
            connections=turn.connections,
            window=STRAGGLERS.window(),
            messages_per_connection=turn.messages_per_connection,
            deadline=(TURN + AFTER_TURN).total_seconds(),
            leave_after=LEAVE.total_seconds(),
            timeouts=TIMEOUTS,
        )
    except (SenderError, MtaError) as error:
        # The signing key cannot be read: ours to mend. Nobody fails, and no unsigned mail leaves instead.
        logger.error("lane %s rests: %s", lane.pk, error.sentence)
        turn.return_all()
        circuit.release(lane.route, turn.admission)
        rest_lane(lane, error.sentence, now=timezone.now())
        return End.WAITS
    turn.return_left()
    if rest is not None:
        return leave(turn, rest)
    return turn.end if note_end(turn) else End.WAITS


def leave(turn: Turn, rest: engine.Rest) -> End:
    """Leave mails that are still on their way to a thread; what is known by now is noted at once."""
    signs = turn.ledger.signs
    if signs.answered:
        pacing.note(turn.lane, turn.route, turn.ledger.replies, now=timezone.now())
        turn.ledger.replies = Replies(began=timezone.now())
        turn.is_told = note_route(turn, now=timezone.now())
    STRAGGLERS.add(
        Straggler(turn.lane, turn.route, rest, is_silent=lambda: not signs.answered), then=lambda: note_end(turn)
    )
    return turn.end


def note_end(turn: Turn) -> bool:
    """Note how a turn went whose mails all have their outcomes; False where the route is of no use now."""
    turn.return_grant(turn.ledger.signs.untouched)
    pacing.note(turn.lane, turn.route, turn.ledger.replies, now=timezone.now())
    return turn.is_told or note_route(turn, now=timezone.now())


def note_route(turn: Turn, *, now: datetime) -> bool:
    """Tell the circuit how the turn went; False where the route is of no use now."""
    lane, admission, signs = turn.lane, turn.admission, turn.ledger.signs
    health = judge(signs, is_probe=admission.is_probe, is_direct=turn.route.kind == "direct")
    if health is Health.WORKS:
        clear_faults(lane)
        close_circuit(turn, now=now)
    elif health is Health.FAULTY and signs.fault is not None:
        phase, because = signs.fault.phase, signs.fault.text
        logger.warning("route %s rests: %s %s", lane.route, phase, because)
        circuit.note_fault(lane.route, admission, phase=phase, because=because, now=now)
        if phase in ABOUT_MAIL:
            # The relay may take the mail of others: this lane is not the one that always asks again.
            rest_lane(lane, f"{phase.label}: {because}", now=now)
        return False
    else:
        circuit.release(lane.route, admission)
    return True


def full_connections(route: Route) -> int:
    """Return how many connections a process may open to a route while all is well."""
    full: int = settings.SEND_CONNECTIONS
    return full if route.connections is None else route.connections


def is_long(outage: timedelta | None) -> bool:
    """Say whether an outage was so long that lifetimes begin anew after it."""
    return outage is not None and outage >= circuit.LONGEST_WAIT


def close_circuit(turn: Turn, *, now: datetime) -> None:
    """Note that a turn went well; where that ends a long outage, lifetimes begin anew."""
    route, admission = turn.lane.route, turn.admission
    if not admission.is_probe:
        circuit.note_success(route, admission, full=full_connections(turn.route), now=now)
        return
    # Together, so that nothing expires in between (campaigns.reaper).
    with transaction.atomic():
        outage = circuit.note_success(route, admission, full=full_connections(turn.route), now=now)
        if is_long(outage):
            restart_lifetimes(route, now=now)

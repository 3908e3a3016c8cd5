"""Sends the due rows of one lane, batch by batch, and test mails."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.authors import required_sender
from campaigns.claims import Claim, claim_due
from campaigns.lanes import clear_faults, drop_hint, keep_hint, rest_lane
from campaigns.models import Delivery, Lane, TestMail, TestMailState
from campaigns.outcomes import DeliveryLedger, give_back, record_unbuildable
from campaigns.rendering import Renderer
from campaigns.routing import route_for
from mta import engine
from mta.errors import MtaError
from mta.mail_routes import load_route
from mta.mime import MimeError
from mta.outcomes import Outcome, Outgoing, Result
from mta.routes import Route
from senders.errors import SenderError
from senders.verification import require_verified

logger = logging.getLogger(__name__)

BATCH = 200
# A task leaves its process to others after this long; the tick asks again for what is left.
TURN = timedelta(seconds=5)
# After that no mail is begun this much later, so that a worker which is told to stop ends soon. What is claimed and
# not begun then is given back, long before its lease ends.
AFTER_TURN = timedelta(seconds=3)
TEST_MAIL_LIMIT = timedelta(minutes=5)


def send_lane(lane_id: int, *, batch: int = BATCH) -> bool:
    """Send what is due in a lane for one turn; return whether the turn ended with work left.

    May run twice or in several processes at once: every row is claimed by one of them.
    """
    lane = Lane.objects.get(pk=lane_id)
    try:
        route = load_route(lane.route)
    except MtaError as error:
        logger.error("lane %s rests: %s", lane.pk, error.sentence)
        rest_lane(lane, error.sentence, now=timezone.now())
        return False
    turn = Turn(lane, batch)
    went_well = send_turn(turn, route)
    if turn.has_more and went_well:
        return True
    drop_hint(lane)
    return False


class Turn:
    """One turn in a lane: claims rows, batch by batch, until its time is over or nothing is due."""

    def __init__(self, lane: Lane, batch: int) -> None:
        self.lane = lane
        self.batch = batch
        self.ledger = DeliveryLedger()
        self.renderer = Renderer()
        # Whether rows may be left for another turn.
        self.has_more = True
        self.claims: list[Claim] = []

    def batches(self) -> Iterator[Iterator[Outgoing]]:
        """Yield the mails of each claim."""
        began = timezone.now()
        while timezone.now() - began < TURN:
            keep_hint(self.lane, now=timezone.now())
            claim = claim_due(self.lane, now=timezone.now(), limit=self.batch)
            if not claim.deliveries:
                self.has_more = False
                return
            self.claims.append(claim)
            yield render_rows(self.ledger.take(claim), claim.token, self.renderer)
            if claim.slowed:
                return

    def return_unsent(self) -> None:
        """Give back what is still claimed; no attempt is burnt."""
        for claim in self.claims:
            for delivery in claim.deliveries:
                give_back(delivery, token=claim.token, due_at=timezone.now())


def send_turn(turn: Turn, route: Route) -> bool:
    """Send the rows of one turn; False where the route is at fault and the lane now rests."""
    lane, ledger = turn.lane, turn.ledger
    try:
        engine.send_batches(
            turn.batches(),
            route,
            ledger,
            connections=settings.SEND_CONNECTIONS,
            window=settings.SEND_WINDOW,
            deadline=(TURN + AFTER_TURN).total_seconds(),
        )
    except (SenderError, MtaError) as error:
        # The signing key cannot be read: ours to mend. Nobody fails, and no unsigned mail leaves instead.
        logger.error("lane %s rests: %s", lane.pk, error.sentence)
        turn.return_unsent()
        rest_lane(lane, error.sentence, now=timezone.now())
        return False
    if ledger.accepted:
        clear_faults(lane)
    elif ledger.route_fault is not None:
        fault = ledger.route_fault
        logger.warning("lane %s rests: %s %s %s", lane.pk, fault.phase, fault.code, fault.text)
        rest_lane(lane, f"{fault.phase.label}: {fault.text}", now=timezone.now())
        return False
    return True


def render_rows(deliveries: Sequence[Delivery], token: UUID, renderer: Renderer) -> Iterator[Outgoing]:
    """Yield the mails of claimed rows; a row whose mail cannot be built fails alone."""
    for delivery in deliveries:
        try:
            yield renderer.render(delivery)
        except MimeError as error:
            logger.error("delivery %s cannot be built: %s", delivery.pk, type(error).__name__)
            record_unbuildable(delivery, str(error), token=token, now=timezone.now())


class TestMailLedger:
    """Takes the outcome of one test mail; there is nothing to fence."""

    def __init__(self, test_mail: TestMail) -> None:
        self.test_mail = test_mail

    def fence(self, ids: Sequence[int]) -> set[int]:
        """Let the mail go."""
        return set(ids)

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Write what the server said, for the page that waits for it."""
        for outcome in outcomes:
            accepted = outcome.result is Result.ACCEPTED
            self.test_mail.state = TestMailState.SENT if accepted else TestMailState.FAILED
            self.test_mail.text = " ".join(filter(None, (str(outcome.code or ""), outcome.text)))[:1000]


def send_test_mail(test_mail_id: int, *, now: datetime) -> None:
    """Send one queued test mail and store what the server said."""
    queued = TestMail.objects.filter(pk=test_mail_id, state=TestMailState.QUEUED)
    if not queued.update(state=TestMailState.SENDING):
        return
    test_mail = TestMail.objects.select_related("campaign__sender__domain", "subscriber").get(pk=test_mail_id)
    ledger = TestMailLedger(test_mail)
    try:
        require_verified(required_sender(test_mail.campaign))
        outgoing = Renderer().render_test(
            test_mail.campaign, test_mail.subscriber, to=test_mail.address, number=test_mail.pk, now=now
        )
        engine.send([outgoing], load_route(route_for(test_mail.campaign)), ledger, connections=1, window=1)
    except (MtaError, SenderError) as error:
        test_mail.state, test_mail.text = TestMailState.FAILED, str(error)
    test_mail.save(update_fields=["state", "text"])


def give_up_test_mails(*, now: datetime) -> int:
    """Fail the test mails whose process died on the way; return how many."""
    left = TestMail.objects.filter(state=TestMailState.SENDING, created_at__lte=now - TEST_MAIL_LIMIT)
    return left.update(state=TestMailState.FAILED, text=_("送信が途中で止まりました。もう一度お試しください。"))

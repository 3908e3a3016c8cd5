"""Sends test mails: one mail to one address, apart from any campaign's rows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.utils.translation import gettext as _

from campaigns.authors import required_sender
from campaigns.models import TestMail, TestMailState
from campaigns.rendering import Renderer
from campaigns.routing import route_for
from campaigns.variants import as_variant
from mta import engine
from mta.errors import MtaError
from mta.mail_routes import load_route
from mta.outcomes import Outcome, Result
from senders.errors import SenderError
from senders.verification import require_verified

TEST_MAIL_LIMIT = timedelta(minutes=5)
# Seconds. A test mail has a process to itself, and its address may be anybody's: nobody shall keep the mailings of all
# others waiting with a server that hangs.
DEADLINE: Final = 40.0
TIMEOUTS: Final = engine.Timeouts(connect=10.0, greeting=40.0, command=40.0, data=40.0, body=30.0, dot=60.0, late=20.0)


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
            as_variant(test_mail.campaign, test_mail.variant),
            test_mail.subscriber,
            to=test_mail.address,
            number=test_mail.pk,
            now=now,
        )
        route = load_route(route_for(test_mail.campaign))
        engine.send([outgoing], route, ledger, connections=1, window=1, deadline=DEADLINE, timeouts=TIMEOUTS)
    except (MtaError, SenderError) as error:
        test_mail.state, test_mail.text = TestMailState.FAILED, str(error)
    test_mail.save(update_fields=["state", "text"])


def give_up_test_mails(*, now: datetime) -> int:
    """Fail the test mails whose process died on the way; return how many."""
    left = TestMail.objects.filter(state=TestMailState.SENDING, created_at__lte=now - TEST_MAIL_LIMIT)
    return left.update(state=TestMailState.FAILED, text=_("送信が途中で止まりました。もう一度お試しください。"))

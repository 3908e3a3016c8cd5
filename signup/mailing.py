"""Sends the mails by which people confirm what they typed into a form."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import F
from django.template.loader import render_to_string
from django.urls import reverse

from campaigns.authors import read_sender
from campaigns.links import absolute_url
from campaigns.rendering import Content, Renderer, compose
from campaigns.routing import choose_route
from campaigns.test_mails import DEADLINE, TIMEOUTS
from lists.joining import may_join
from mta import engine, tokens
from mta.errors import MtaError
from mta.mail_routes import load_route
from mta.mime import build, quote_address
from mta.outcomes import Outcome, Outgoing, Result
from senders.errors import SenderError
from senders.models import Sender
from senders.verification import require_verified
from signup.models import RequestState, SignupRequest
from signup.requesting import REQUEST_KEPT
from signup.words import words_in

# Purposes of tokens (mta/tokens.py).
CONFIRM: Final = "signup-confirm"
MESSAGE_ID: Final = "signup-message-id"
# A process that is silent for so long is taken for dead. Longer than any try: see campaigns.test_mails.
LEASE: Final = timedelta(minutes=5)
# Greylisting servers want a mail again some minutes later.
WAITS: Final = tuple(timedelta(minutes=minutes) for minutes in (2, 10, 30, 120, 360))
# Mails that one tick asks for; the next one goes on.
BATCH: Final = 20
# What may be tried again: no server has taken the mail.
AGAIN: Final = (Result.DEFERRED, Result.ROUTE_FAULT, Result.UNTOUCHED, Result.WITHDRAWN)


def mails_due(*, now: datetime) -> list[int]:
    """Return requests whose mail is to be sent."""
    due = SignupRequest.objects.filter(state=RequestState.QUEUED, due_at__lte=now)
    return list(due.order_by("due_at").values_list("pk", flat=True)[:BATCH])


class RequestLedger:
    """Takes the outcome of one mail; there is nothing to fence."""

    def __init__(self) -> None:
        self.outcome: Outcome | None = None

    def fence(self, ids: Sequence[int]) -> set[int]:
        """Let the mail go."""
        return set(ids)

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Keep what the server said."""
        self.outcome = outcomes[-1]


def send_mail(request_id: int, *, now: datetime) -> None:
    """Send the mail of a queued request and store what became of it."""
    queued = SignupRequest.objects.filter(pk=request_id, state=RequestState.QUEUED, due_at__lte=now)
    if not queued.update(state=RequestState.SENDING, due_at=now + LEASE, tries=F("tries") + 1):
        return
    signup = SignupRequest.objects.select_related("form__sender__domain", "workspace", "wording").get(pk=request_id)
    # One that waited for its day (signup/requesting.py) may be unwanted by now.
    if not may_join(signup.workspace, signup.address_key, now=now):
        SignupRequest.objects.filter(pk=signup.pk, tries=signup.tries).update(state=RequestState.SILENT, due_at=None)
        return
    ledger = RequestLedger()
    try:
        if signup.form.sender is None:
            raise SenderError("no sender")
        require_verified(signup.form.sender)
        outgoing = render(signup, signup.form.sender, now=now)
        route = load_route(choose_route(signup.workspace, signup.form.sender.address))
        engine.send([outgoing], route, ledger, connections=1, window=1, deadline=DEADLINE, timeouts=TIMEOUTS)
    except (MtaError, SenderError) as error:
        settle(signup, Result.ROUTE_FAULT, str(error), now=now)
        return
    outcome = ledger.outcome
    text = " ".join(filter(None, (str(outcome.code or ""), outcome.text))) if outcome else ""
    settle(signup, outcome.result if outcome else Result.UNTOUCHED, text, now=now)


def settle(signup: SignupRequest, result: Result, text: str, *, now: datetime) -> None:
    """Store what became of a mail that was being sent. Where it is in doubt it counts as sent: rather none than two."""
    state, due_at = RequestState.SENT, None
    if result in AGAIN and signup.tries <= len(WAITS):
        state, due_at = RequestState.QUEUED, now + WAITS[signup.tries - 1]
    elif result is Result.REFUSED or result in AGAIN:
        state = RequestState.FAILED
    own = SignupRequest.objects.filter(pk=signup.pk, state=RequestState.SENDING, tries=signup.tries)
    own.update(state=state, due_at=due_at, text=text[:500])


def give_up_silent(*, now: datetime) -> int:
    """Take the mails whose process died on the way for sent: they may have been. Return how many."""
    dead = SignupRequest.objects.filter(state=RequestState.SENDING, due_at__lte=now)
    return dead.update(state=RequestState.SENT, due_at=None)


def confirm_url(signup: SignupRequest) -> str:
    """Return the page on which a request is confirmed."""
    token = tokens.make(CONFIRM, signup.pk, secret=settings.SECRET_KEY)
    return absolute_url(reverse("signup_confirm", args=[token]))


def render(signup: SignupRequest, sender: Sender, *, now: datetime) -> Outgoing:
    """Return the signed mail of a request. It says who asks (F4); it carries no advertising. Raises MtaError."""
    words = words_in(signup.form.language)
    context = {
        "words": words,
        "signup": signup,
        "form": signup.form,
        "sender": sender,
        "url": confirm_url(signup),
        "days_words": words.mail_days % {"days": REQUEST_KEPT.days},
    }
    text = render_to_string("signup/confirm_mail.txt", context).strip() + "\n"
    content = Content(subject=words.mail_subject % {"sender": sender.name}, text=text, html="")
    # Without the name: a stranger typed it, and could have his own words brought to anybody.
    # A second try is the same mail.
    token = tokens.make(MESSAGE_ID, signup.pk, secret=settings.SECRET_KEY)
    mail = compose(read_sender(sender), content, to=("", signup.address), token=token, date=signup.asked_at)
    return Outgoing(
        id=signup.pk,
        mail_from=sender.address,
        rcpt_to=quote_address(signup.address),
        data=Renderer().sign(build(mail), sender, None, date=now),
    )

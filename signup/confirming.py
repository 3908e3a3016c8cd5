"""Confirms what people asked for by a form, by the signed link of a mail (F6)."""

from datetime import datetime
from enum import Enum

from django.conf import settings
from django.db import transaction

from lists.address import clean_address
from lists.editing import Person
from lists.joining import MayNotJoin, OwnConsent, join
from lists.models import MailingList, SubscriberStatus, Subscription
from mta import tokens
from signup.figures import count
from signup.mailing import CONFIRM
from signup.models import RequestState, SignupRequest
from signup.requesting import REQUEST_KEPT


def find_request(token: str, *, now: datetime) -> SignupRequest | None:
    """Return the request of a link; None for a token that is not ours, and one that is over."""
    pk = tokens.read(CONFIRM, token, secret=settings.SECRET_KEY)
    if pk is None:
        return None
    related = SignupRequest.objects.select_related("form__sender", "workspace", "wording")
    return related.filter(pk=pk, asked_at__gt=now - REQUEST_KEPT).first()


def lists_asked(signup: SignupRequest) -> list[MailingList]:
    """Return the lists of a request that are still there."""
    return list(MailingList.objects.filter(workspace=signup.workspace_id, pk__in=signup.list_ids).order_by("name"))


class Confirmation(Enum):
    """What a link of a confirmation mail comes to."""

    DONE = "done"
    # A complaint or an entry of the 除外リスト came after the mail.
    REFUSED = "refused"
    # Its lists are gone, or the person left since: the link asks for nothing any more.
    OVER = "over"


def confirm(signup: SignupRequest, *, ip: str, now: datetime) -> Confirmation:
    """Put the person of a request onto its lists; a second call changes nothing and tells how it stands."""
    with transaction.atomic():
        open_ones = SignupRequest.objects.filter(pk=signup.pk).exclude(state=RequestState.CONFIRMED)
        if not open_ones.update(state=RequestState.CONFIRMED, confirmed_at=now, due_at=None):
            return standing_of(signup)
        if not (lists := lists_asked(signup)):
            transaction.set_rollback(True)
            return Confirmation.OVER
        person = Person(clean_address(signup.address), signup.name, signup.attributes)
        consent = OwnConsent(at=now, ip=ip, evidence=signup.form.name, text_version=signup.wording.version())
        try:
            join(signup.workspace, person, lists, consent, now=now)
        except MayNotJoin:
            transaction.set_rollback(True)
            return Confirmation.REFUSED
        count(signup.form, "confirmed", now=now)
    return Confirmation.DONE


def standing_of(signup: SignupRequest) -> Confirmation:
    """Say of a request that was confirmed whether the person is still on one of its lists."""
    places = Subscription.objects.filter(
        mailing_list__in=lists_asked(signup),
        subscriber__workspace=signup.workspace_id,
        subscriber__address_key=signup.address_key,
        subscriber__status=SubscriberStatus.ACTIVE,
    )
    return Confirmation.DONE if places.exists() else Confirmation.OVER

"""Confirms what people asked for by a form, by the signed link of a mail (F6)."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from lists.address import clean_address
from lists.editing import Person
from lists.joining import MayNotJoin, OwnConsent, join
from lists.models import MailingList
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


def confirm(signup: SignupRequest, *, ip: str, now: datetime) -> bool:
    """Put the person of a request onto its lists; a second call changes nothing. False where that may not be."""
    with transaction.atomic():
        open_ones = SignupRequest.objects.filter(pk=signup.pk).exclude(state=RequestState.CONFIRMED)
        if not open_ones.update(state=RequestState.CONFIRMED, confirmed_at=now, due_at=None):
            return True
        person = Person(clean_address(signup.address), signup.name, signup.attributes)
        consent = OwnConsent(at=now, ip=ip, evidence=signup.form.name, text_version=signup.wording.version())
        try:
            join(signup.workspace, person, lists_asked(signup), consent, now=now)
        except MayNotJoin:
            # A complaint or an entry of the 除外リスト that came after the mail.
            transaction.set_rollback(True)
            return False
        count(signup.form, "confirmed", now=now)
    return True

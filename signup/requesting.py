"""Takes what people typed into a form. Whatever becomes of it, the answer is the same: nobody learns who is registered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction

from accounts.models import Workspace
from lists.editing import Person
from lists.joining import may_join
from lists.models import MailingList
from signup.figures import count
from signup.limits import inbox_of, network_of
from signup.models import RequestState, SignupForm, SignupRequest, Wording

HOUR: Final = timedelta(hours=1)
# Between two confirmation mails of a workspace to one address.
MAIL_AGAIN: Final = timedelta(days=1)
# How long a request is kept, and how long the link of its mail works.
REQUEST_KEPT: Final = timedelta(days=7)
DELETED_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Visit:
    """From where a request came."""

    ip: str
    user_agent: str = ""


def wording_of(form: SignupForm) -> Wording:
    """Return the text that people agree to now."""
    return form.wordings.latest("number")


def lists_of(form: SignupForm) -> list[MailingList]:
    """Return the lists that a form offers, without those that were deleted."""
    return list(form.mailing_lists.filter(workspace=form.workspace_id, deleted_at=None).order_by("name"))


def take_request(form: SignupForm, person: Person, visit: Visit, *, now: datetime) -> SignupRequest | None:
    """Store a request, to be answered by a mail; None where a limit was reached, and nothing is stored."""
    with transaction.atomic():
        # Two posts at one moment would see the same figures.
        Workspace.objects.select_for_update(no_key=True).get(pk=form.workspace_id)
        if is_crowded(form, visit.ip, now=now):
            count(form, "refused", now=now)
            return None
        lists = [mailing_list.pk for mailing_list in lists_of(form)]
        mail_at = time_of_mail(form.workspace, person.address.key, lists, now=now)
        count(form, "requests", now=now)
        return SignupRequest.objects.create(
            workspace=form.workspace,
            form=form,
            wording=wording_of(form),
            list_ids=lists,
            address=person.address.address,
            address_key=person.address.key,
            name=person.name,
            attributes=dict(person.attributes),
            limit_key=inbox_of(person.address.key),
            ip=visit.ip,
            network=network_of(visit.ip),
            user_agent=visit.user_agent[:100],
            asked_at=now,
            mail_at=mail_at,
            state=RequestState.SILENT if mail_at is None else RequestState.QUEUED,
            due_at=mail_at,
        )


def is_crowded(form: SignupForm, ip: str, *, now: datetime) -> bool:
    """Say whether a network (in all workspaces) or a form asked for as much as it may within an hour."""
    lately = SignupRequest.objects.filter(asked_at__gt=now - HOUR)
    from_there, of_form = lately.filter(network=network_of(ip)).count(), lately.filter(form=form).count()
    return from_there >= int(settings.SIGNUP_PER_IP_HOUR) or of_form >= int(settings.SIGNUP_PER_FORM_HOUR)


def time_of_mail(workspace: Workspace, address_key: str, lists: Sequence[int], *, now: datetime) -> datetime | None:
    """Return when a confirmation mail may go to an address; None for never.

    One goes a day, by whatever forms. A request for lists that no mail of the day named waits for the next day, one at
    most, so that nobody's list is lost and no inbox filled. What was confirmed was wanted, and counts for nothing.
    """
    if not may_join(workspace, address_key, now=now):
        return None
    asked = SignupRequest.objects.filter(workspace=workspace, limit_key=inbox_of(address_key))
    lately = list(asked.filter(mail_at__gt=now - MAIL_AGAIN).exclude(state=RequestState.CONFIRMED))
    if not lately:
        return now
    named = {pk for request in lately if request.address_key == address_key for pk in request.list_ids}
    last = max(request.mail_at for request in lately if request.mail_at)
    return None if last > now or named.issuperset(lists) else last + MAIL_AGAIN


def forget_requests(*, now: datetime) -> int:
    """Delete some of the requests that are older than REQUEST_KEPT; return how many."""
    old = SignupRequest.objects.filter(asked_at__lte=now - REQUEST_KEPT).order_by("asked_at")
    number, _by_model = SignupRequest.objects.filter(
        pk__in=list(old.values_list("pk", flat=True)[:DELETED_AT_ONCE])
    ).delete()
    return number

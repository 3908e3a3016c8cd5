"""Writes to a workspace's managers, once a year, that a DKIM key of theirs is old."""

from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.manager_mails import managers, one_line, send
from senders.dkim_rotation import unreminded_keys
from senders.domain_names import display_domain
from senders.models import DkimKey, SenderDomain


def mail_reminder(domain_id: int, *, now: datetime) -> int:
    """Write to the managers about the old keys of a domain, once for all of them; return how many mails left.

    The keys are marked first: rather no mail than two. A mail that cannot leave is logged, and the mark stands.
    """
    domain = SenderDomain.objects.select_related("workspace").get(pk=domain_id)
    keys = mark_reminded(domain, now=now)
    if not keys:
        return 0
    subject, body = compose(domain, keys)
    mails = [EmailMessage(subject, body, to=[user.email]) for user in managers(domain.workspace)]
    return send(mails, f"keys of sender domain {domain.pk}")


@transaction.atomic
def mark_reminded(domain: SenderDomain, *, now: datetime) -> list[DkimKey]:
    """Mark the keys of a domain that are to be told about, and return them."""
    SenderDomain.objects.select_for_update(no_key=True).get(pk=domain.pk)
    keys = list(domain.dkim_keys.filter(unreminded_keys(now=now)).order_by("pk"))
    DkimKey.objects.filter(pk__in=[key.pk for key in keys]).update(reminded_at=now)
    return keys


def compose(domain: SenderDomain, keys: list[DkimKey]) -> tuple[str, str]:
    """Return subject and text of the mail about old keys."""
    name = display_domain(domain.name)
    context = {
        "name": name,
        "keys": keys,
        "days": settings.KEY_REMIND_DAYS,
        "url": settings.BASE_URL + reverse("key_index", kwargs={"pk": domain.pk}),
    }
    subject = _("[Hypermail] %(workspace)s: %(domain)s の DKIM の鍵の切り替えをお勧めします") % {
        "workspace": one_line(domain.workspace.name),
        "domain": name,
    }
    with domain.workspace.in_zone():
        text = render_to_string("senders/key_mail.txt", context).rstrip() + "\n"
    return subject, text

"""Writes to a workspace's managers where a domain that could send cannot any more, and when it can again."""

from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.manager_mails import managers, one_line, send
from senders.domain_names import display_domain
from senders.models import SenderDomain
from senders.verification import explain_missing

# Domains that one tick asks to be written about; the next one goes on.
BATCH = 20


def domains_to_mail() -> list[int]:
    """Return domains with a change that the managers have not been written to about."""
    return list(SenderDomain.objects.filter(to_mail=True).order_by("pk").values_list("pk", flat=True)[:BATCH])


def mail_change(domain_id: int, *, now: datetime) -> int:
    """Write to the managers that a domain cannot send any more, or can again, once; return how many mails left.

    The change is taken off first: rather no mail than two. A mail that cannot leave is logged, and the change stands.
    """
    domain = SenderDomain.objects.select_related("workspace").prefetch_related("checks").get(pk=domain_id)
    if not SenderDomain.objects.filter(pk=domain.pk, to_mail=True, lost_at=domain.lost_at).update(to_mail=False):
        return 0
    subject, body = compose(domain, now=now)
    mails = [EmailMessage(subject, body, to=[user.email]) for user in managers(domain.workspace)]
    return send(mails, f"sender domain {domain.pk}")


def compose(domain: SenderDomain, *, now: datetime) -> tuple[str, str]:
    """Return subject and text of the mail about a domain as it is now."""
    context = {
        "domain": domain,
        "name": display_domain(domain.name),
        "missing": "" if domain.is_verified() else explain_missing(domain),
        # Why what its addresses proved was taken back.
        "refusal": "".join(check.advice for check in domain.checks.all() if check.refuses_us),
        "now": now,
        "url": settings.BASE_URL + reverse("domain_detail", kwargs={"pk": domain.pk}),
    }
    subject = (
        _("[Hypermail] %(workspace)s: 送信元ドメイン %(domain)s から再び配信できます")
        if domain.is_verified()
        else _("[Hypermail] %(workspace)s: 送信元ドメイン %(domain)s から配信できなくなりました")
    )
    text = render_to_string("senders/domain_mail.txt", context).rstrip() + "\n"
    return subject % {"workspace": one_line(domain.workspace.name), "domain": context["name"]}, text

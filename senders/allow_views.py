"""The public page that tells readers how to let the mails of a domain in."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from senders.allow_guides import GUIDES
from senders.allow_links import find_domain, senders_to_allow
from senders.domain_names import display_domain


@require_safe
def allow_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show what to let in, and how at each mail service; shows nothing of a domain that may not send."""
    domain = find_domain(token)
    senders = senders_to_allow(domain) if domain else []
    if domain is None or not senders:
        return render(request, "senders/allow_unknown.html", status=404)
    context = {
        "domain": domain,
        "readable": display_domain(domain.name),
        "senders": senders,
        "names": list(dict.fromkeys(sender.legal_name for sender in senders)),
        "guides": GUIDES,
    }
    return render(request, "senders/allow.html", context)

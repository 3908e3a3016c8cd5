"""ブラウザーで見る: a mailing as its recipient got it, for mail programs that show it badly. Nothing is counted or changed."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from campaigns.links import WEB_VERSION
from campaigns.models import Delivery
from campaigns.rendering import untracked_content
from mta import tokens

# The mail of somebody else on our host: it runs no script, sends no form and reads nothing of ours.
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data: https: http:; font-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; "
        "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
    ),
    "Referrer-Policy": "no-referrer",
    # It is one person's mail.
    "X-Robots-Tag": "noindex",
}


def find_received(token: str) -> Delivery | None:
    """Return the delivery of a link; None for a token that is not ours, and where the person was erased."""
    pk = tokens.read(WEB_VERSION, token, secret=settings.SECRET_KEY)
    if pk is None:
        return None
    related = Delivery.objects.select_related("campaign__sender__domain", "campaign__workspace")
    return related.filter(pk=pk, subscriber__isnull=False).first()


@never_cache
@require_safe
def web_version(request: HttpRequest, token: str) -> HttpResponse:
    """Show the mail of one recipient: the HTML part alone, or the text where there is no other."""
    delivery = find_received(token)
    if delivery is None:
        return render(request, "campaigns/web_unknown.html", status=404)
    content = untracked_content(delivery)
    if content.html:
        return HttpResponse(content.html, headers=HEADERS)
    response = render(request, "campaigns/web_text.html", {"content": content})
    response["X-Robots-Tag"] = HEADERS["X-Robots-Tag"]
    return response


@require_safe
def web_sample(request: HttpRequest) -> HttpResponse:
    """Explain to the author of a test mail what recipients see here."""
    return render(request, "campaigns/web_sample.html")

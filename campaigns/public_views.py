"""The pages behind the links in a mail. GET shows and changes nothing; POST acts (F6)."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from campaigns.models import Delivery
from campaigns.unsubscribing import find_delivery, unsubscribe


# RFC 8058: a mail provider posts without cookies or a form of ours; the token alone is the permission.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show the confirmation, or stop the subscriber on POST (one-click or by the button)."""
    delivery = find_delivery(token)
    if delivery is None:
        return render(request, "campaigns/unsubscribe_unknown.html", status=404)
    done = request.method == "POST"
    if done:
        unsubscribe(delivery, now=timezone.now())
    stopped = delivery.subscriber is None or delivery.subscriber.is_stopped()
    context = {"delivery": delivery, "masked": mask_address(delivery), "done": done, "stopped": stopped}
    return render(request, "campaigns/unsubscribe.html", context)


@require_safe
def unsubscribe_sample(request: HttpRequest) -> HttpResponse:
    """Explain to the author of a test mail what recipients see here."""
    return render(request, "campaigns/unsubscribe_sample.html")


def mask_address(delivery: Delivery) -> str:
    """Return the address with most of its local part hidden: a forwarded mail should not disclose it."""
    local, _, domain = delivery.address.rpartition("@")
    return f"{local[:2]}***@{domain}"

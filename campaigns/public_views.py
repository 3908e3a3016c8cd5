"""The pages behind the links in a mail. GET shows and changes nothing; POST acts (F6)."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from campaigns.models import Delivery
from campaigns.reason_forms import ReasonForm
from campaigns.unsubscribing import find_delivery, give_reason, unsubscribe
from lists.models import StopReason


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
    return show_stop(request, delivery, token, done=done)


# As above. It is asked for after the stop, and never in its way.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe_reason(request: HttpRequest, token: str) -> HttpResponse:
    """Keep why somebody unsubscribed, and thank them."""
    delivery = find_delivery(token)
    if delivery is None:
        return render(request, "campaigns/unsubscribe_unknown.html", status=404)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        give_reason(delivery, form.reason(), form.cleaned_data["words"])
        return show_stop(request, delivery, token, done=False, is_thanked=True)
    return show_stop(request, delivery, token, done=False, form=form)


def show_stop(
    request: HttpRequest,
    delivery: Delivery,
    token: str,
    *,
    done: bool,
    form: ReasonForm | None = None,
    is_thanked: bool = False,
) -> HttpResponse:
    """Show where the mail to a person stands; who unsubscribed and did not say why is asked."""
    person = delivery.subscriber
    stopped = person is None or person.is_stopped()
    is_asked = person is not None and person.stop_reason == StopReason.UNSUBSCRIBED and not person.stop_note
    context = {
        "delivery": delivery,
        "token": token,
        "masked": mask_address(delivery),
        "done": done,
        "stopped": stopped,
        "form": (form or ReasonForm()) if is_asked and not is_thanked else None,
        "is_thanked": is_thanked,
    }
    return render(request, "campaigns/unsubscribe.html", context)


@require_safe
def unsubscribe_sample(request: HttpRequest) -> HttpResponse:
    """Explain to the author of a test mail what recipients see here."""
    return render(request, "campaigns/unsubscribe_sample.html")


def mask_address(delivery: Delivery) -> str:
    """Return the address with most of its local part hidden: a forwarded mail should not disclose it."""
    local, _, domain = delivery.address.rpartition("@")
    return f"{local[:2]}***@{domain}"

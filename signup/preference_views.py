"""The page on which subscribers choose what they get, by the signed link of a mail. GET changes nothing (F6)."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from accounts.numbers import read_number
from campaigns.public_views import mask_address
from campaigns.unsubscribing import find_delivery
from lists.editing import lists_of
from signup.models import FormLanguage
from signup.preferences import name_rule, public_fields, public_lists, save_preferences
from signup.public_forms import DetailsForm
from signup.public_views import address_of, show
from signup.words import Words, words_in


# The token alone is the permission, as on the page of the stop.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """Show what the recipient of a mail gets; on POST change it."""
    words = words_of(request)
    delivery = find_delivery(token)
    if delivery is None or delivery.subscriber is None:
        return show(request, "signup/preferences_unknown.html", words, None, status=404)
    person, workspace = delivery.subscriber, delivery.workspace
    stored = person.attributes | {"name": person.name}
    rule = name_rule(workspace)
    fields = public_fields(workspace)
    form = DetailsForm(
        request.POST if request.method == "POST" else None, words=words, name_rule=rule, fields=fields, stored=stored
    )
    if form.is_valid() and not person.is_stopped():
        # What the page did not show is left as it is: a mail program's own POST (RFC 8058) changes nothing here.
        chosen = posted(request, "lists") | (set(lists_of(person)) - posted(request, "shown"))
        name = form.cleaned_data["name"] if "name" in request.POST and "name" in form.fields else None
        ip, now = address_of(request), timezone.now()
        save_preferences(person, chosen, name=name, values=form.values(), ip=ip, now=now)
        return redirect(f"{request.path}?saved=1&lang={words.language}")
    own = set(lists_of(person))
    sender = delivery.campaign.sender
    context: dict[str, Any] = {
        "token": token,
        "typed": form,
        "lead": words.settings_lead % {"address": mask_address(delivery)},
        "all_hint": words.settings_all_hint % {"sender": sender.name if sender else workspace.name},
        "lists": [(found, found.pk in own) for found in public_lists(workspace)],
        "is_stopped": person.is_stopped(),
        "is_saved": "saved" in request.GET,
        "other_url": other_url(request, words),
    }
    return show(request, "signup/preferences.html", words, sender, **context)


def posted(request: HttpRequest, name: str) -> set[int]:
    """Return the numbers under a name."""
    return {number for text in request.POST.getlist(name) if (number := read_number(text)) is not None}


def words_of(request: HttpRequest) -> Words:
    """Return the words of the language that the reader chose, Japanese where none was chosen."""
    return words_in(request.GET.get("lang", FormLanguage.JA))


def other_url(request: HttpRequest, words: Words) -> str:
    """Return the same page in the other language."""
    other = FormLanguage.EN if words.language == FormLanguage.JA else FormLanguage.JA
    return f"{request.path}?lang={other}"


@require_safe
def preferences_sample(request: HttpRequest) -> HttpResponse:
    """Explain to the author of a test mail what recipients see here."""
    words = words_of(request)
    return show(request, "signup/preferences_sample.html", words, None, other_url=other_url(request, words))

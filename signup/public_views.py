"""The public pages of 登録フォーム. GET shows and changes nothing; POST acts (F6)."""

from typing import Any

from allauth.account.adapter import get_adapter
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from senders.models import Sender
from signup.confirming import Confirmation, confirm, find_request, lists_asked, standing_of
from signup.figures import count
from signup.models import RequestState, SignupForm, SignupRequest
from signup.public_forms import HONEYPOT, PublicForm, is_too_quick, mark_shown
from signup.requesting import Visit, lists_of, take_request, wording_of
from signup.words import Words, words_in, words_preferred


def address_of(request: HttpRequest) -> str:
    """Return the IP address of who asks, as the proxy tells it where there is one."""
    return str(get_adapter().get_client_ip(request))


def find_form(token: str) -> SignupForm | None:
    """Return the form of a token."""
    return SignupForm.objects.select_related("workspace", "sender").filter(token=token).first()


def show_unknown(request: HttpRequest, template: str) -> HttpResponse:
    """Say that a link leads nowhere, in the reader's language since no form is known."""
    words = words_preferred(request.headers.get("Accept-Language", ""))
    return show(request, template, words, None, status=404)


def show(
    request: HttpRequest, template: str, words: Words, sender: Sender | None, *, status: int = 200, **more: Any
) -> HttpResponse:
    """Return a public page in the language of its words, with whoever it speaks for (F4)."""
    return render(request, template, {"words": words, "sender": sender} | more, status=status)


# A page of anybody posts here, without cookies or a form of ours: nothing is done in anybody's name.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def form_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show a form; on POST take the request and say the same to everybody."""
    form = find_form(token)
    if form is None:
        return show_unknown(request, "signup/closed.html")
    words = words_in(form.language)
    if not form.is_open() or not lists_of(form):
        return show(request, "signup/closed.html", words, form.sender, status=410)
    typed = PublicForm(request.POST if request.method == "POST" else None, form=form, words=words)
    is_early = typed.is_bound and is_too_quick(form, request.POST.get("shown", ""))
    if typed.is_valid() and not is_early:
        now = timezone.now()
        if request.POST.get(HONEYPOT):
            count(form, "refused", now=now)
        else:
            visit = Visit(address_of(request), request.headers.get("User-Agent", ""))
            take_request(form, typed.person(), visit, now=now)
        return redirect("signup_sent", form.token)
    context: dict[str, Any] = {
        "form": form,
        "typed": typed,
        "wording": wording_of(form),
        "honeypot": HONEYPOT,
        "shown": mark_shown(form),
        "is_early": is_early and typed.is_valid(),
    }
    return show(request, "signup/form_page.html", words, form.sender, **context)


@require_safe
def sent_page(request: HttpRequest, token: str) -> HttpResponse:
    """Say what is said after every request."""
    form = find_form(token)
    if form is None:
        return show_unknown(request, "signup/closed.html")
    return show(request, "signup/sent.html", words_in(form.language), form.sender, form=form)


# The token alone is the permission; a reader of mail may open the page without cookies.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show what is asked for; on POST put the person onto the lists."""
    now = timezone.now()
    signup = find_request(token, now=now)
    if signup is None:
        return show_unknown(request, "signup/unknown.html")
    words, form = words_in(signup.form.language), signup.form
    if request.method == "POST":
        return show_standing(request, signup, confirm(signup, ip=address_of(request), now=now))
    if signup.state == RequestState.CONFIRMED or not lists_asked(signup):
        return show_standing(request, signup, standing_of(signup))
    lead = words.confirm_lead % {"address": signup.address}
    lists = lists_asked(signup)
    return show(request, "signup/confirm.html", words, form.sender, signup=signup, lead=lead, lists=lists)


def show_standing(request: HttpRequest, signup: SignupRequest, standing: Confirmation) -> HttpResponse:
    """Say what a link has come to."""
    words = words_in(signup.form.language)
    if standing is Confirmation.OVER:
        return show_unknown(request, "signup/unknown.html")
    if standing is Confirmation.REFUSED:
        return show(request, "signup/refused.html", words, signup.form.sender, status=409)
    return show_done(request, signup, words)


def show_done(request: HttpRequest, signup: SignupRequest, words: Words) -> HttpResponse:
    """Say that the person is on the lists."""
    done = words.done % {"address": signup.address}
    return show(request, "signup/done.html", words, signup.form.sender, form=signup.form, done=done)

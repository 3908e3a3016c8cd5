"""Pages of a workspace's 登録フォーム."""

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import localdate
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from campaigns.links import absolute_url
from senders.errors import SenderError
from senders.verification import require_verified
from signup.editing import save_form, switch_form
from signup.figures import newest_days, totals_of
from signup.forms import SignupFormForm
from signup.models import SignupForm
from signup.public_forms import HONEYPOT, PublicForm
from signup.requesting import REQUEST_KEPT, lists_of, wording_of
from signup.words import words_in


@require_safe
@member_required()
def index(request: WorkspaceRequest) -> HttpResponse:
    """Every form with its figures."""
    forms = list(SignupForm.objects.filter(workspace=request.workspace).select_related("sender").order_by("name", "pk"))
    totals = totals_of([form.pk for form in forms])
    rows = [(form, totals[form.pk]) for form in forms]
    return render(request, "signup/index.html", {"rows": rows})


@require_safe
@member_required()
def detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One form: where it is, how to put it into a page, its figures."""
    form = find_form(request, pk)
    context = {
        "form": form,
        "url": absolute_url(reverse("signup_form", args=[form.token])),
        "snippet": write_snippet(form),
        "totals": totals_of([form.pk])[form.pk],
        "days": newest_days(form, today=localdate()),
        "lists": lists_of(form),
        "fields": form.fields.select_related("attribute").filter(attribute__archived_at=None),
        "wordings": form.wordings.order_by("-number"),
        "problem": explain_problem(form),
        "kept": REQUEST_KEPT.days,
        "per_ip": settings.SIGNUP_PER_IP_HOUR,
        "per_form": settings.SIGNUP_PER_FORM_HOUR,
    }
    return render(request, "signup/detail.html", context)


def find_form(request: WorkspaceRequest, pk: int) -> SignupForm:
    """Return a form of the workspace."""
    forms = SignupForm.objects.select_related("sender__domain", "workspace")
    return get_object_or_404(forms, workspace=request.workspace, pk=pk)


def explain_problem(form: SignupForm) -> str:
    """Return why nobody can register by an open form, "" where everything is well."""
    if not lists_of(form):
        return _("登録先のリストがすべて削除されました。フォームを編集して、リストを選び直してください。")
    if form.sender is None:
        return _("送信元が削除されました。フォームを編集して、送信元を選び直してください。")
    try:
        require_verified(form.sender)
    except SenderError as error:
        return str(error)
    return ""


def write_snippet(form: SignupForm) -> str:
    """Return the HTML by which a form stands in somebody's page. It needs no script and no cookie."""
    words = words_in(form.language)
    typed = PublicForm(None, form=form, words=words)
    # Ids could be those of something else in the page.
    typed.auto_id = False
    context = {
        "url": absolute_url(reverse("signup_form", args=[form.token])),
        "form": form,
        "typed": typed,
        "words": words,
        "wording": wording_of(form),
        "honeypot": HONEYPOT,
    }
    text = render_to_string("signup/snippet.html", context)
    return "\n".join(line for line in text.splitlines() if line.strip())


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def create(request: WorkspaceRequest) -> HttpResponse:
    """Make a form."""
    return take_form(request, SignupForm(workspace=request.workspace, created_by=request.user))


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def edit(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Change a form."""
    return take_form(request, find_form(request, pk))


def take_form(request: WorkspaceRequest, instance: SignupForm) -> HttpResponse:
    """Show the form of a form, and store it."""
    stored = SignupForm.objects.filter(pk=instance.pk).first()
    form = SignupFormForm(request.POST if request.method == "POST" else None, instance=instance)
    if not form.is_valid():
        return render(request, "signup/form.html", {"form": form, "stored": stored})
    with transaction.atomic():
        saved = form.save()
        save_form(saved, form.asked(), form.cleaned_data["wording"], actor=request.user, now=timezone.now())
    messages.success(request, _("登録フォームを保存しました。") if stored else _("登録フォームを作成しました。"))
    return redirect("signup_detail", saved.pk)


@require_POST
@member_required(Role.EDITOR)
def switch(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Stop a form, or let it take requests again."""
    form = find_form(request, pk)
    is_active = request.POST.get("active") == "1"
    if switch_form(form, is_active=is_active, actor=request.user, now=timezone.now()):
        messages.success(request, _("受け付けを再開しました。") if is_active else _("受け付けを止めました。"))
    return redirect("signup_detail", pk)

"""Test mails of a draft and the seeds of a mailing: asked for, and what the servers said."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import member_required
from accounts.models import Role
from accounts.numbers import read_number
from accounts.requests import WorkspaceRequest
from campaigns.audience_views import count_audience
from campaigns.audiences import audience_of
from campaigns.freezing import find_refusal
from campaigns.models import Campaign
from campaigns.preflight.check import check
from campaigns.preflight.findings import Report
from campaigns.preview_views import COUNT, show_preview
from campaigns.sendable import CampaignError
from campaigns.split_words import chosen_variant
from campaigns.test_mails import note_of_report, queue_tests, seeds_context, tests_context
from campaigns.tester_forms import TestMailForm
from campaigns.views import find_campaign
from lists.models import Subscriber


@require_POST
@member_required(Role.EDITOR)
def send_test(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Queue test mails; their results appear on the check page."""
    campaign = find_campaign(request.workspace, pk)
    people = Subscriber.objects.for_workspace(request.workspace)
    form = TestMailForm(request.POST, people=people, workspace=request.workspace)
    if refusal := find_refusal(campaign):
        messages.error(request, refusal)
    elif not form.is_valid():
        return show_preview(request, campaign, test_form=form)
    else:
        queue(request, campaign, form)
    chosen = read_number(request.POST.get("subscriber"))
    shown = "" if chosen is None else f"?subscriber={chosen}"
    return redirect(reverse("campaign_preview", args=[pk]) + shown)


def queue(request: WorkspaceRequest, campaign: Campaign, form: TestMailForm) -> None:
    """Queue what a form asks for, and say so."""
    note = note_of_report(report_of(request, campaign)) if form.cleaned_data["with_report"] else ""
    variant = chosen_variant(request.POST, campaign)
    try:
        queued = queue_tests(
            campaign, form.receivers(), person=form.cleaned_data["subscriber"], variant=variant, note=note
        )
    except CampaignError as error:
        messages.error(request, error.sentence)
        return
    if queued:
        number, first = len(queued), queued[0].name or queued[0].address
        several = _("%(first)sなど%(number)d件へテストメールを送ります。") % {"first": first, "number": number}
        messages.success(request, _("%s へテストメールを送ります。") % first if number == 1 else several)
    else:
        messages.info(request, _("同じテストメールを送っているところです。"))


def report_of(request: WorkspaceRequest, campaign: Campaign) -> Report:
    """Return what 配信前チェック says of a draft now."""
    counted = count_audience(request.workspace, audience_of(campaign), budget=COUNT)
    return check(campaign, now=timezone.now(), counted=counted.get("slice"), actor=request.user)


@require_safe
@member_required()
def test_results(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The newest test mails and what the servers said, asked for while one is on its way."""
    campaign = find_campaign(request.workspace, pk)
    context = tests_context(campaign)
    response = render(request, "campaigns/_test_results.html", {"campaign": campaign, **context})
    if not context["tests_wait"]:
        # 配信前チェック asks for a test mail until there is one.
        response["HX-Trigger"] = "tests-done"
    return response


@require_safe
@member_required()
def preflight_part(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """What 配信前チェック finds, asked for when the test mails are through; the ticks that were made stay."""
    campaign = find_campaign(request.workspace, pk)
    report = report_of(request, campaign) if campaign.is_editable() else None
    context = {"campaign": campaign, "report": report, "ticks": request.GET.getlist("tick")}
    return render(request, "campaigns/_preflight_answer.html", context)


@require_safe
@member_required()
def seed_results(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The seeds of a mailing, asked for while one is on its way."""
    campaign = find_campaign(request.workspace, pk)
    return render(request, "campaigns/_seeds.html", {"campaign": campaign, **seeds_context(campaign)})

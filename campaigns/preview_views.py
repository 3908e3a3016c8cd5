"""The page on which a mailing is checked before it is sent: preview, test mail, schedule."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import member_required
from accounts.models import Role, Workspace
from accounts.requests import WorkspaceRequest
from campaigns import scheduling
from campaigns.audience_views import count_audience
from campaigns.audiences import audience_of, left_out_names
from campaigns.closed_times import opening
from campaigns.forms import ScheduleForm, TestMailForm
from campaigns.freezing import find_refusal
from campaigns.legal import missing_items
from campaigns.models import Campaign, TestMail
from campaigns.quiet_words import moment_words
from campaigns.rendering import preview
from campaigns.scheduling import CampaignError, require_sendable
from campaigns.views import change_state, find_campaign
from lists.audience import Audience, people_of
from lists.models import Subscriber, SubscriberQuerySet
from lists.prefix import starts_with
from lists.segment_counts import first_people
from lists.segments import SegmentRefused

# What a preview of foreign HTML may do: show itself. No script, no form, no frame, no navigation of ours.
# A link opens a page of its own, so that what is behind it can be tried.
PREVIEW_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: https: http:; font-src data:; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)
# How many subscribers the preview offers to choose from; any other one is found by address.
CHOICES = 20
TESTS_AN_HOUR = 100
# Seconds that the page looks for people to show, and counts them; what is left is counted while it is read.
LOOK = 0.05
COUNT = 0.1


def people_to_show(campaign: Campaign, audience: Audience) -> SubscriberQuerySet:
    """Return those whom a draft would go to; nobody where its segments cannot be used, which the page says."""
    if audience.is_empty:
        return Subscriber.objects.none()
    try:
        return people_of(campaign.workspace, audience, now=timezone.now())
    except SegmentRefused:
        return Subscriber.objects.none()


def chosen_person(
    request: WorkspaceRequest, people: SubscriberQuerySet, offered: Sequence[Subscriber]
) -> Subscriber | None:
    """Return the subscriber named by `subscriber` (id) or `q` (beginning of the address), else the first one."""
    if (chosen := request.GET.get("subscriber", "")).isdecimal():
        return get_object_or_404(Subscriber, workspace=request.workspace, pk=int(chosen))
    if query := request.GET.get("q", "").replace("\0", "").strip().lower():
        return people.filter(starts_with("address_key", query)).order_by("address_key").first()
    return next(iter(offered), None)


@require_safe
@member_required()
def preview_campaign(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Check a mailing before it is sent: as a real subscriber gets it, test mail, schedule or send."""
    return show_preview(request, find_campaign(request.workspace, pk))


def show_preview(
    request: WorkspaceRequest,
    campaign: Campaign,
    *,
    schedule_form: ScheduleForm | None = None,
    test_form: TestMailForm | None = None,
) -> HttpResponse:
    """Show the check page; a form that was refused comes back with what was typed and why."""
    audience = audience_of(campaign)
    people = people_to_show(campaign, audience)
    offered, _is_certain = first_people(people, request.workspace, CHOICES, budget=LOOK)
    person = chosen_person(request, people, offered)
    now = timezone.now()
    obstacle = ""
    try:
        require_sendable(campaign)
    except CampaignError as error:
        obstacle = error.sentence
    context: dict[str, Any] = {
        "campaign": campaign,
        "person": person,
        "not_found": bool(request.GET.get("q")) and person is None,
        "query": request.GET.get("q", ""),
        "people": offered,
        "content": preview(campaign, person),
        "audience": count_audience(request.workspace, audience, budget=COUNT),
        "audience_lists": campaign.mailing_lists.all(),
        "audience_segments": audience.segments,
        "left_out": left_out_names(campaign),
        "obstacle": obstacle,
        "opening": moment_words(begin, now) if campaign.is_editable() and (begin := opening(campaign, now)) else "",
        "footer_added": bool(missing_items(campaign.text)),
        "schedule_form": schedule_form or ScheduleForm(),
        "test_form": test_form
        or TestMailForm(people=Subscriber.objects.none(), initial={"address": request.user.email}),
        "test_mails": campaign.test_mails.order_by("-pk")[:5],
    }
    return render(request, "campaigns/preview.html", context)


@require_safe
@member_required()
def preview_frame(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The HTML part alone, for a sandboxed frame under a policy of its own."""
    campaign = find_campaign(request.workspace, pk)
    people = people_to_show(campaign, audience_of(campaign))
    offered, _is_certain = first_people(people, request.workspace, 1, budget=LOOK)
    person = chosen_person(request, people, offered)
    shown = '<base target="_blank">' + preview(campaign, person).html
    return HttpResponse(shown, headers={"Content-Security-Policy": PREVIEW_POLICY})


def too_many_tests(workspace: Workspace) -> str:
    """Return why no more test mails are sent for now, or nothing: a test is for a look, not a way around lists."""
    hour = timezone.now() - timedelta(hours=1)
    if TestMail.objects.filter(campaign__workspace=workspace, created_at__gte=hour).count() < TESTS_AN_HOUR:
        return ""
    return _("テストメールは1時間に%d通までです。時間をおいてお試しください。") % TESTS_AN_HOUR


@require_POST
@member_required(Role.EDITOR)
def send_test(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Queue a test mail; its result appears on the check page."""
    campaign = find_campaign(request.workspace, pk)
    people = Subscriber.objects.for_workspace(request.workspace)
    form = TestMailForm(request.POST, people=people)
    if refusal := find_refusal(campaign) or too_many_tests(request.workspace):
        messages.error(request, refusal)
    elif form.is_valid():
        TestMail.objects.create(
            campaign=campaign, address=form.cleaned_data["address"], subscriber=form.cleaned_data["subscriber"]
        )
        messages.success(
            request, _("%(address)s へテストメールを送ります。") % {"address": form.cleaned_data["address"]}
        )
    else:
        return show_preview(request, campaign, test_form=form)
    chosen = request.POST.get("subscriber", "")
    shown = f"?subscriber={chosen}" if chosen.isdecimal() else ""
    return redirect(reverse("campaign_preview", args=[pk]) + shown)


@require_safe
@member_required()
def test_results(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The newest test mails and what the server said, asked for while one is on its way."""
    campaign = find_campaign(request.workspace, pk)
    context = {"campaign": campaign, "test_mails": campaign.test_mails.order_by("-pk")[:5]}
    return render(request, "campaigns/_test_results.html", context)


@require_POST
@member_required(Role.EDITOR)
def schedule_campaign(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Schedule a draft for the given time."""
    form = ScheduleForm(request.POST)
    if not form.is_valid():
        return show_preview(request, find_campaign(request.workspace, pk), schedule_form=form)
    at, now = form.cleaned_data["at"], timezone.now()
    done = _("%(at)s に配信を予約しました。開始までは取り消せます。")
    answer = change_state(
        request,
        pk,
        lambda campaign: scheduling.schedule(campaign, at, actor=request.user, now=now),
        done % {"at": timezone.localtime(at).strftime("%Y-%m-%d %H:%M")},
    )
    campaign = find_campaign(request.workspace, pk)
    if campaign.scheduled_at == at and (begin := opening(campaign, at)):
        sentence = _("予約の日時は配信禁止時間にあたるため、実際の配信は%sに始まります。")
        messages.warning(request, sentence % moment_words(begin, now))
    return answer

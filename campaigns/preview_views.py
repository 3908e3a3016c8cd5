"""The page on which a mailing is checked before it is sent: preview, schedule."""

import re
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.http import require_POST, require_safe

from accounts.access import member_required
from accounts.models import Role
from accounts.numbers import read_number
from accounts.requests import WorkspaceRequest
from campaigns import scheduling
from campaigns.approval_views import approval_context
from campaigns.audience_views import count_audience
from campaigns.audiences import audience_of, left_out_names
from campaigns.authors import shared_values
from campaigns.closed_times import opening
from campaigns.comment_views import CommentForm, comments_of
from campaigns.content_check_views import asked_context
from campaigns.forms import ScheduleForm
from campaigns.label_forms import LabelsForm
from campaigns.legal import missing_in_text
from campaigns.merge_tags import fill_line
from campaigns.models import Campaign
from campaigns.preflight.check import check
from campaigns.preflight.setting import HOUR_CODES, check_hour
from campaigns.preview_regions import CHOICES as REGION_CHOICES
from campaigns.preview_regions import body_chosen, regions_chosen
from campaigns.quiet_words import moment_words
from campaigns.recurrence_words import plan_context
from campaigns.rendering import person_values, preview
from campaigns.sendable import CampaignError
from campaigns.sender_notes import note_of
from campaigns.split_words import chosen_variant, split_context
from campaigns.test_mails import tests_context
from campaigns.tester_forms import TestMailForm, new_test_form
from campaigns.variants import as_variant
from campaigns.views import find_campaign, is_as_shown
from designs.inbox import inbox_lines
from lists.audience import Audience, people_of
from lists.conditions import SegmentRefused
from lists.models import Subscriber, SubscriberQuerySet
from lists.prefix import starts_with
from lists.segment_counts import first_people

# What a preview of foreign HTML may do: show itself. No script, no form, no frame, no navigation of ours.
# A link opens a page of its own, so that what is behind it can be tried.
PREVIEW_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: https: http:; font-src data:; "
    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
)
# How a draft can be looked at beside the editor: the value, what it is called, its icon.
PREVIEWS = (
    ("wide", _lazy("PC"), "monitor"),
    ("phone", _lazy("スマートフォン"), "smartphone"),
    ("dark", _lazy("ダーク"), "moon"),
    ("text", _lazy("テキスト"), "file-text"),
    ("plain", _lazy("画像なし"), "image-off"),
)
# How many subscribers the preview offers to choose from; any other one is found by address.
CHOICES = 20
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
    if (chosen := read_number(request.GET.get("subscriber"))) is not None:
        return get_object_or_404(Subscriber, workspace=request.workspace, pk=chosen)
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
    now, variant = timezone.now(), chosen_variant(request.GET, campaign)
    shown = as_variant(campaign, variant)
    counted = count_audience(request.workspace, audience, budget=COUNT)
    schedule_form = schedule_form or ScheduleForm(use_required_attribute=False)
    at = schedule_form.cleaned_data.get("at") if schedule_form.is_bound else None
    context: dict[str, Any] = {
        "campaign": campaign,
        "person": person,
        "not_found": bool(request.GET.get("q")) and person is None,
        "query": request.GET.get("q", ""),
        "people": offered,
        "content": preview(shown, person, body_chosen(shown, regions_chosen(request))),
        "regions": regions_chosen(request),
        "region_choices": REGION_CHOICES if campaign.conditions else (),
        "audience": counted,
        "audience_lists": campaign.mailing_lists.all(),
        "audience_segments": audience.segments,
        "left_out": left_out_names(campaign),
        "sender_note": note_of(campaign),
        "report": check(campaign, now=now, counted=counted.get("slice"), actor=request.user)
        if campaign.is_editable()
        else None,
        **planning_context(request, campaign),
        **split_context(campaign, variant),
        "asked": asked_context(campaign, now=now),
        "ticks": request.POST.getlist("tick"),
        "hours_now": list(check_hour(campaign, at=now, now=now)) if campaign.is_editable() else [],
        "hours": list(check_hour(campaign, at=at, now=now)) if at else [],
        "footer_added": bool(missing_in_text(shown.text)),
        "schedule_form": schedule_form,
        "test_form": test_form or new_test_form(campaign, request.user),
        **tests_context(campaign),
    }
    return render(request, "campaigns/preview.html", context)


def planning_context(request: WorkspaceRequest, campaign: Campaign) -> dict[str, Any]:
    """Return what the page shows of approval, 繰り返し, labels and comments."""
    may_edit = request.membership.can_edit()
    return {
        "approval": approval_context(request, campaign),
        "labels_form": LabelsForm(workspace=request.workspace, campaign=campaign) if may_edit else None,
        "comments": comments_of(campaign),
        "comment_form": CommentForm(use_required_attribute=False) if may_edit else None,
        **plan_context(campaign),
    }


def person_shown(request: WorkspaceRequest, campaign: Campaign) -> Subscriber | None:
    """Return as whom a preview is to be seen."""
    return people_offered(request, campaign, 1)[1]


def people_offered(
    request: WorkspaceRequest, campaign: Campaign, number: int
) -> tuple[Sequence[Subscriber], Subscriber | None]:
    """Return some of those whom a draft would go to, and as whom it is to be seen."""
    people = people_to_show(campaign, audience_of(campaign))
    offered, _is_certain = first_people(people, request.workspace, number, budget=LOOK)
    return offered, chosen_person(request, people, offered)


@require_safe
@member_required()
def preview_frame(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One part alone, for a sandboxed frame under a policy of its own; `view` is one of PREVIEWS."""
    campaign = find_campaign(request.workspace, pk)
    person = person_shown(request, campaign)
    shown_as = as_variant(campaign, chosen_variant(request.GET, campaign))
    content = preview(shown_as, person, body_chosen(shown_as, regions_chosen(request)))
    view = request.GET.get("view", "")
    if view == "text" or not content.html:
        shown: str = render_to_string("campaigns/preview_text.html", {"text": content.text})
    else:
        shown = '<base target="_blank">' + (lit(content.html, is_dark=view == "dark") if view else content.html)
    return HttpResponse(shown, headers=policy_of(view))


def lit(page: str, *, is_dark: bool) -> str:
    """Return HTML as it looks where the reader's machine is dark or light, whatever the one of the writer is."""
    for scheme, is_theirs in (("dark", is_dark), ("light", not is_dark)):
        always = "(min-width:1px)" if is_theirs else "(max-width:1px)"
        page = re.sub(rf"\(\s*prefers-color-scheme\s*:\s*{scheme}\s*\)", always, page, flags=re.IGNORECASE)
    return page


def policy_of(view: str) -> dict[str, str]:
    """Return the header with what a frame may do; where pictures are off it loads none."""
    policy = (
        PREVIEW_POLICY.replace("img-src data: https: http:", "img-src 'none'") if view == "plain" else PREVIEW_POLICY
    )
    return {"Content-Security-Policy": policy}


@require_safe
@member_required()
def preview_inbox(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """How the lists of mail programs show a draft, and as whom it can be seen."""
    campaign = find_campaign(request.workspace, pk)
    offered, person = people_offered(request, campaign, CHOICES)
    content, values = preview(campaign, person), person_values(person) | shared_values(campaign)
    preheader = fill_line(campaign.preheader, values) if content.html else ""
    name = campaign.sender.name if campaign.sender else ""
    lines = inbox_lines(name, content.subject, preheader, content.text)
    context = {
        "lines": lines,
        "people": offered,
        "person": person,
        "not_found": bool(request.GET.get("q")) and person is None,
        "regions": regions_chosen(request),
        "region_choices": REGION_CHOICES if campaign.conditions else (),
    }
    return render(request, "campaigns/preview_inbox.html", context)


@require_POST
@member_required(Role.EDITOR)
def schedule_campaign(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Schedule a draft for the given time."""
    form = ScheduleForm(request.POST, use_required_attribute=False)
    campaign = find_campaign(request.workspace, pk)
    if not form.is_valid():
        return show_preview(request, campaign, schedule_form=form)
    at, now = form.cleaned_data["at"], timezone.now()
    try:
        require_shown(request, campaign)
        scheduling.schedule(campaign, at, actor=request.user, now=now, ticks=request.POST.getlist("tick"))
    except CampaignError as error:
        messages.error(request, error.sentence)
        campaign = find_campaign(request.workspace, pk)
        # What was typed and ticked is not lost.
        return show_preview(request, campaign, schedule_form=form) if campaign.is_editable() else to_detail(pk)
    done = _("%(at)s に配信を予約しました。開始までは取り消せます。")
    messages.success(request, done % {"at": date_format(timezone.localtime(at), "Y年n月j日(D) H:i")})
    if begin := opening(campaign, at):
        sentence = _("予約の日時は配信禁止時間にあたるため、実際の配信は%sに始まります。")
        messages.warning(request, sentence % moment_words(begin, now))
    return to_detail(pk)


@require_POST
@member_required(Role.EDITOR)
def reschedule_campaign(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Give a scheduled mailing another time."""
    campaign, form, now = find_campaign(request.workspace, pk), ScheduleForm(request.POST), timezone.now()
    if not form.is_valid():
        messages.error(request, str(form.errors["at"][0]))
        return to_detail(pk)
    at = form.cleaned_data["at"]
    try:
        scheduling.reschedule(campaign, at, actor=request.user, now=now)
    except CampaignError as error:
        messages.error(request, error.sentence)
        return to_detail(pk)
    messages.success(request, _("配信日時を変更しました。"))
    for finding in check_hour(campaign, at=at, now=now):
        messages.warning(request, finding.sentence)
    return to_detail(pk)


def require_shown(request: WorkspaceRequest, campaign: Campaign) -> None:
    """Raise CampaignError where a draft was changed after the page was shown: what is sent is what was looked at."""
    if campaign.is_editable() and not is_as_shown(request, campaign):
        raise CampaignError(
            campaign,
            _(
                "この画面を開いた後に、内容が変更されました(変更した人: %(who)s)。変更後の内容を確かめてから、もう一度操作してください。"
            )
            % {"who": campaign.edited_by or "―"},
        )


def to_detail(pk: int) -> HttpResponse:
    """Go on to the page on which the campaign is followed."""
    return redirect("campaign_detail", pk=pk)


@require_POST
@member_required(Role.EDITOR)
def send_now(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Schedule a draft for this moment. What the dialog says of the hour needs no other tick."""
    campaign, now = find_campaign(request.workspace, pk), timezone.now()
    ticks = [*request.POST.getlist("tick"), *HOUR_CODES]
    try:
        require_shown(request, campaign)
        scheduling.schedule(campaign, now, actor=request.user, now=now, ticks=ticks)
    except CampaignError as error:
        messages.error(request, error.sentence)
        campaign = find_campaign(request.workspace, pk)
        return show_preview(request, campaign) if campaign.is_editable() else to_detail(pk)
    messages.success(request, _("配信を開始しました。"))
    return to_detail(pk)

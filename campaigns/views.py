"""Pages of campaigns once they are written: lists of them, following, and what starts and stops them."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import member_required
from accounts.models import Role, Workspace
from accounts.numbers import FEW, read_number
from accounts.requests import WorkspaceRequest
from campaigns import scheduling
from campaigns.error_gate import gate_of
from campaigns.forms import ScheduleForm
from campaigns.lane_overview import find_troubles, follow_lanes, read_surroundings, waiting_lanes
from campaigns.models import FAILURES, Campaign, CampaignState, Delivery, DeliveryState
from campaigns.paging import ReportPaginator, fetch
from campaigns.progress import WAITING, Progress, apart_from, count_reasons, measure, route_waits
from campaigns.results import describe, results_by_provider
from campaigns.route_usage import limit_of
from campaigns.send_rate import measure_rate
from campaigns.send_window import send_window
from campaigns.sendable import CampaignError
from campaigns.sender_notes import note_of
from campaigns.split_pages import read_split, result_words, undecided_of
from campaigns.tally import figures, normal_percent
from campaigns.test_mails import seeds_context
from campaigns.variants import split_test_of
from tracking.figures import reactions_of

# What Campaign.audience_words reads.
AUDIENCE = ("mailing_lists", "audience_parts__segment", "audience_parts__mailing_list")
# States that the pages show together.
STATE_GROUPS = {"failures": FAILURES, "waiting": WAITING}


def find_campaign(workspace: Workspace, pk: int) -> Campaign:
    """Return a campaign of the workspace or raise Http404."""
    return get_object_or_404(Campaign.objects.for_workspace(workspace).select_related("sender__domain"), pk=pk)


def is_as_shown(request: WorkspaceRequest, campaign: Campaign) -> bool:
    """Say whether the draft is still as the page showed it."""
    return read_number(request.POST.get("revision"), FEW) in (None, campaign.revision)


@require_safe
@member_required()
def campaign_detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Follow one campaign; a draft opens its check page instead."""
    campaign = find_campaign(request.workspace, pk)
    if campaign.state == CampaignState.DRAFT:
        return redirect("campaign_preview", pk=pk)
    context = (
        follow_context(campaign)
        | result_context(campaign)
        | {"sender_note": note_of(campaign)}
        | seeds_context(campaign)
    )
    if campaign.state == CampaignState.SCHEDULED:
        context["schedule_form"] = ScheduleForm(initial={"at": campaign.scheduled_at}, use_required_attribute=False)
    return render(request, "campaigns/detail.html", context)


@require_safe
@member_required()
def campaign_progress(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The live part of the page, asked for every second while the campaign runs."""
    campaign = find_campaign(request.workspace, pk)
    context = follow_context(campaign)
    response = render(request, "campaigns/_progress.html", context)
    # Around the live part, too, much changes with the start and with the end: the links to the report, the result.
    if request.GET.get("seen") == CampaignState.SCHEDULED != campaign.state or not context["live"]:
        response["HX-Refresh"] = "true"
    return response


def follow_context(campaign: Campaign) -> dict[str, Any]:
    """Return what the live part shows."""
    progress: Progress = measure(campaign)
    live = campaign.is_running() or campaign.state == CampaignState.SCHEDULED or progress.settling
    lanes = waiting_lanes(campaign) if campaign.is_running() else []
    around = read_surroundings() if lanes else None
    now = timezone.now()
    waits = route_waits(lanes, now=now)
    undecided = undecided_of(campaign) if campaign.is_running() else 0
    limit = limit_of(apart_from(lanes, waits)) if campaign.state == CampaignState.SENDING else None
    return {
        "campaign": campaign,
        "progress": progress,
        "live": live,
        # Told once for each route, and not again for each provider.
        "route_waits": waits,
        "troubles": find_troubles(apart_from(lanes, waits), around, now=now) if around else [],
        "lane_rows": follow_lanes(campaign, lanes, around, now=now) if around else [],
        # Why a large mailing takes its time, and how long at least.
        "limit": limit,
        "rate": measure_rate(campaign, progress, progress.remaining - undecided, now=now)
        if campaign.state == CampaignState.SENDING
        else None,
        "minutes_at_least": -(-(progress.remaining - undecided + progress.deferred) // limit) if limit else 0,
        # Who gets nothing before an A/Bテスト is decided.
        "undecided": undecided,
        "is_due": campaign.scheduled_at is not None and campaign.scheduled_at <= now,
        "window": send_window(campaign, lanes, now=now),
        "steerable": campaign.is_running() or campaign.state == CampaignState.SCHEDULED,
        "reasons": count_reasons(campaign, progress),
        # Why nothing or little is sent, where the workspace fails too much (A15).
        "gate": gate_of(campaign.workspace) if live else None,
    }


def result_context(campaign: Campaign) -> dict[str, Any]:
    """Return what is said of the result, from the newest 集計."""
    counted = figures([campaign.pk])
    normal = normal_percent(campaign.workspace, apart_from=campaign)
    split = read_split(campaign)
    return {
        "split": split,
        "split_words": result_words(split.test) if split and split.test.winner is not None else "",
        "result": describe(campaign, counted, normal=normal, now=timezone.now()),
        "normal": normal,
        "providers": results_by_provider(counted),
        "holds": campaign.stop_holds.order_by("pk"),
        "reactions": reactions_of(campaign.pk) if campaign.is_tracked else None,
    }


@require_safe
@member_required()
def campaign_deliveries(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The recipients of a campaign, by state or address."""
    campaign = find_campaign(request.workspace, pk)
    state, query = request.GET.get("state", ""), request.GET.get("q", "").replace("\0", "").strip()
    progress = measure(campaign)
    states = STATE_GROUPS.get(state, (state,) if state in DeliveryState.values else ())
    deliveries = search(Delivery.objects.filter(campaign=campaign), states, query)
    # The numbers of the states are known; only the rows can tell how many a text fits.
    found = None if query else (progress.sum(states) if states else progress.total)
    page = ReportPaginator(deliveries.order_by("pk"), found).get_page(request.GET.get("page"))
    context = {
        "campaign": campaign,
        "page": page,
        "rows": fetch(Delivery.objects.defer("attributes"), list(page)),
        "progress": progress,
        "state": state,
        "query": query,
        "has_variants": split_test_of(campaign) is not None,
    }
    return render(request, "campaigns/deliveries.html", context)


def search(deliveries: QuerySet[Delivery], states: Sequence[str], query: str) -> QuerySet[Delivery]:
    """Keep the deliveries in any of the states (none: all) whose address begins with `query` or whose name has it."""
    if states:
        deliveries = deliveries.filter(state__in=states)
    if query:
        deliveries = deliveries.filter(Q(address_key__startswith=query.lower()) | Q(name__icontains=query))
    return deliveries


def change_state(
    request: WorkspaceRequest,
    pk: int,
    change: Callable[[Campaign], object],
    done: str,
    *,
    target: str = "campaign_detail",
) -> HttpResponse:
    """Apply one change to a campaign, say how it went, and show the campaign."""
    campaign = find_campaign(request.workspace, pk)
    try:
        change(campaign)
    except CampaignError as error:
        messages.error(request, error.sentence)
    else:
        messages.success(request, done)
    return redirect(target, pk=pk)


@require_POST
@member_required(Role.EDITOR)
def start_late_campaign(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Start a campaign that waits for a person's word, since its time was too long ago (遅延許容)."""
    return change_state(
        request,
        pk,
        lambda campaign: scheduling.start_late(campaign, actor=request.user, now=timezone.now()),
        _("配信を開始しました。"),
    )


@require_POST
@member_required(Role.EDITOR)
def unschedule_campaign(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Take a scheduled campaign back to a draft."""
    return change_state(
        request,
        pk,
        lambda campaign: scheduling.unschedule(campaign, actor=request.user),
        _("予約を取り消し、下書きに戻しました。"),
    )


@require_POST
@member_required(Role.EDITOR)
def pause_campaign(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Pause a campaign in mid send."""
    return change_state(
        request,
        pk,
        lambda campaign: scheduling.pause(campaign, actor=request.user),
        _("一時停止しました。送信の最終段階にあった数通は届くことがあります。"),
    )


@require_POST
@member_required(Role.EDITOR)
def resume_campaign(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Go on with a paused campaign."""
    return change_state(
        request,
        pk,
        lambda campaign: scheduling.resume(campaign, actor=request.user, now=timezone.now()),
        _("配信を再開しました。"),
    )


@require_POST
@member_required(Role.EDITOR)
def cancel_campaign(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Give up what is not sent yet (残りを中止)."""
    return change_state(
        request,
        pk,
        lambda campaign: scheduling.cancel(campaign, actor=request.user, now=timezone.now()),
        _("残りの配信を中止しました。"),
    )

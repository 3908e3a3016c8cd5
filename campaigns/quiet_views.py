"""Pages of 配信禁止時間: the workspace's settings, and what a chosen time of a mailing would run into."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from campaigns import closed_times
from campaigns.forms import ScheduleForm
from campaigns.preflight.setting import check_hour
from campaigns.quiet_forms import RulesForm
from campaigns.quiet_hours import next_closed
from campaigns.quiet_words import moment_words, rules_words
from campaigns.views import find_campaign


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def quiet_hours(request: WorkspaceRequest) -> HttpResponse:
    """Show or change when the workspace must not send; a change applies at once to the mailings that run (C30)."""
    now = timezone.now()
    rules = closed_times.rules_in(closed_times.workspace_hours(request.workspace.pk).first())
    # An empty form is an answer too: nothing is forbidden.
    form = RulesForm(request.POST if request.method == "POST" else None, rules=rules)
    if request.method == "POST" and form.is_valid():
        concerned = closed_times.save_workspace_rules(request.workspace, form.rules(), actor=request.user, now=now)
        messages.success(request, _("配信禁止時間を保存しました。"))
        if concerned:
            messages.info(
                request, _("予約済みと配信中の%(count)s件に、すぐに適用しました。") % {"count": f"{concerned:,}"}
            )
        return redirect("quiet_hours")
    closed = next_closed(rules, now, request.workspace.zone)
    context = {"form": form, "words": rules_words(rules), "is_closed": closed is not None and closed.begins <= now}
    if closed:
        context |= {"begins": moment_words(closed.begins, now), "ends": moment_words(closed.ends, now)}
    return render(request, "campaigns/quiet_hours.html", context)


@require_safe
@member_required()
def schedule_note(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Say what is to be known of the hour; asked for while the time of a mailing is being chosen."""
    campaign = find_campaign(request.workspace, pk)
    form = ScheduleForm(request.GET)
    is_valid = form.is_valid()
    hours = check_hour(campaign, at=form.cleaned_data["at"], now=timezone.now()) if is_valid else ()
    return render(request, "campaigns/_schedule_note.html", {"campaign": campaign, "hours": list(hours)})

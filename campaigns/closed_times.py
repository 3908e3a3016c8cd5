"""Keeps the closed time of each campaign (closed_from, closed_until) by its 配信禁止時間, and lifetimes apart from it."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.audit import record
from accounts.models import User, Workspace
from campaigns.models import Campaign, CampaignState, QuietHours, QuietMode
from campaigns.quiet_hours import Rules, deadline, first_open, next_closed, oldest_alive
from campaigns.quiet_words import hours_words, weekday_words

# Whose closed time is kept. A paused one gets its own when it is resumed.
KEPT = (CampaignState.SCHEDULED, CampaignState.STARTING, CampaignState.SENDING)
# Mailings with rules of their own that one tick looks at; the next one goes on. Those that keep the rules of a
# workspace are renewed together, so a tick looks at as many workspaces.
BATCH = 100


def zone_of(workspace_id: int) -> ZoneInfo:
    """Return the zone of a workspace, in which its rules are meant, as it is stored at this moment."""
    return Workspace.objects.only("time_zone").get(pk=workspace_id).zone


def workspace_hours(workspace_id: int) -> QuerySet[QuietHours]:
    """Return the row of a workspace's rules, where it has one."""
    return QuietHours.objects.filter(workspace=workspace_id, campaign=None)


def rules_in(stored: QuietHours | None) -> Rules:
    """Return what a row forbids; no row forbids nothing."""
    if stored is None:
        return Rules()
    weekdays = frozenset(int(digit) for digit in stored.weekdays)
    return Rules(stored.begins, stored.ends, weekdays, stored.holidays)


def rules_for(campaign: Campaign) -> Rules:
    """Return the rules that a campaign keeps; one query at most."""
    if campaign.quiet_mode == QuietMode.NONE:
        return Rules()
    if campaign.quiet_mode == QuietMode.OWN:
        return rules_in(QuietHours.objects.filter(campaign=campaign).first())
    return rules_in(workspace_hours(campaign.workspace_id).first())


def columns(rules: Rules, zone: ZoneInfo, *, now: datetime) -> dict[str, datetime | None]:
    """Return the fields of a campaign that say when it is closed: now, or next."""
    stretch = next_closed(rules, now, zone)
    if stretch is None:
        return {"closed_from": None, "closed_until": None}
    return {"closed_from": stretch.begins, "closed_until": stretch.ends}


def renew(campaign_id: int, *, now: datetime) -> None:
    """Write the closed time of one campaign anew, by the rules of this moment."""
    with transaction.atomic():
        # Locked, so that a rule that is being saved is not overtaken by what was read before.
        campaign = Campaign.objects.select_for_update(no_key=True).only("quiet_mode", "workspace").get(pk=campaign_id)
        values = columns(rules_for(campaign), zone_of(campaign.workspace_id), now=now)
        Campaign.objects.filter(pk=campaign.pk).update(**values)


def renew_workspace(workspace_id: int, *, now: datetime) -> int:
    """Write the closed time of all mailings that keep the rules of a workspace; one statement, however many."""
    with transaction.atomic():
        rules = rules_in(workspace_hours(workspace_id).select_for_update().first())
        following = Campaign.objects.filter(workspace=workspace_id, quiet_mode=QuietMode.WORKSPACE, state__in=KEPT)
        return following.update(**columns(rules, zone_of(workspace_id), now=now))


def renew_all(workspace_id: int, *, now: datetime) -> None:
    """Write the closed time of all mailings of a workspace anew, because its clock is another one."""
    renew_workspace(workspace_id, now=now)
    own = Campaign.objects.filter(workspace=workspace_id, quiet_mode=QuietMode.OWN, state__in=KEPT)
    for pk in list(own.order_by("pk").values_list("pk", flat=True)):
        renew(pk, now=now)


def renew_due(*, now: datetime) -> int:
    """Renew the closed times that are over, and those that were never looked for; return how many mailings had one.

    A closed time that is over lets a mailing send, so a second without its next one does no harm.
    """
    due = Campaign.objects.filter(state__in=KEPT).filter(Q(closed_until__lte=now) | unknown())
    following = due.filter(quiet_mode=QuietMode.WORKSPACE).order_by().values_list("workspace", flat=True).distinct()
    renewed = sum(renew_workspace(workspace, now=now) for workspace in list(following[:BATCH]))
    others = list(due.exclude(quiet_mode=QuietMode.WORKSPACE).values_list("pk", flat=True)[:BATCH])
    for pk in others:
        renew(pk, now=now)
    return renewed + len(others)


def unknown() -> Q:
    """Return what finds mailings that have rules and no closed time yet."""
    own = QuietHours.objects.filter(campaign=OuterRef("pk"))
    shared = QuietHours.objects.filter(workspace=OuterRef("workspace"), campaign=None)
    return Q(closed_until=None) & (
        Q(Exists(own), quiet_mode=QuietMode.OWN) | Q(Exists(shared), quiet_mode=QuietMode.WORKSPACE)
    )


def save_workspace_rules(workspace: Workspace, rules: Rules, *, actor: User, now: datetime) -> int:
    """Store the rules of a workspace and apply them at once; return how many mailings they concern."""
    with transaction.atomic():
        if rules.is_empty():
            workspace_hours(workspace.pk).delete()
        else:
            QuietHours.objects.update_or_create(workspace=workspace, campaign=None, defaults=fields_of(rules))
        record(workspace, actor, "workspace.quiet_hours", workspace.name, **told(rules))
        return renew_workspace(workspace.pk, now=now)


def save_own_rules(campaign: Campaign, rules: Rules | None) -> None:
    """Store the rules of one draft; None where it has none of its own."""
    if rules is None:
        QuietHours.objects.filter(campaign=campaign).delete()
    else:
        defaults = {"workspace": campaign.workspace} | fields_of(rules)
        QuietHours.objects.update_or_create(campaign=campaign, defaults=defaults)


def copy_own_rules(source: Campaign, copy: Campaign) -> None:
    """Give a copy the rules of its source, where that has its own."""
    if source.quiet_mode == QuietMode.OWN:
        save_own_rules(copy, rules_for(source))


def fields_of(rules: Rules) -> dict[str, Any]:
    """Return the fields of a row that holds the rules."""
    weekdays = "".join(str(day) for day in sorted(rules.weekdays))
    return {"begins": rules.begins, "ends": rules.ends, "weekdays": weekdays, "holidays": rules.holidays}


def told(rules: Rules) -> dict[str, Any]:
    """Return what the audit log keeps of rules."""
    return {
        "quiet_hours": hours_words(rules),
        "quiet_weekdays": weekday_words(rules),
        "quiet_holidays": rules.holidays,
    }


def opening(campaign: Campaign, at: datetime) -> datetime | None:
    """Return when a start at `at` really begins to send; None where nothing is closed then."""
    begin = first_open(rules_for(campaign), at, campaign.workspace.zone)
    return begin if begin > at else None


def lifetime_ends(campaign: Campaign, began: datetime, lifetime: timedelta) -> datetime:
    """Return when a lifetime is over that began then: it does not run in the closed times of the campaign."""
    if campaign.closed_until is None:
        return began + lifetime
    return deadline(rules_for(campaign), began, lifetime, campaign.workspace.zone)


def oldest_beginning(campaign: Campaign, lifetime: timedelta, *, now: datetime) -> datetime:
    """Return the latest beginning of a lifetime that is over by now."""
    if campaign.closed_until is None:
        return now - lifetime
    return oldest_alive(rules_for(campaign), now, lifetime, campaign.workspace.zone)

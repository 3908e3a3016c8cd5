"""What the database knows of the addresses of a file: asked for many at once, nothing is written."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import Workspace
from cleaning.flaws import Flaw
from lists.erasing import find_erased
from lists.exclusions import find_excluded
from lists.models import RECIPIENTS_WILL, Exclusion, StopReason, Subscriber, SubscriberStatus

# Flaw → what is to be said beside its name.
Facts = dict[Flaw, str]


def find_facts(workspace: Workspace, keys: Collection[str], *, now: datetime) -> dict[str, Facts]:
    """Return what speaks against each of the addresses (as they are compared); those without anything are left out."""
    found: dict[str, Facts] = {}
    # Most addresses of a list are those of people to whom nothing has happened.
    remarkable = Q(status=SubscriberStatus.STOPPED) | Q(error_count__gt=0)
    own = Subscriber.objects.for_workspace(workspace).filter(remarkable, address_key__in=keys)
    for subscriber in own.only("address_key", "status", "stop_reason", "stopped_at", "error_count"):
        if facts := facts_of(subscriber):
            found[subscriber.address_key] = facts
    for key, exclusion in find_excluded(workspace.pk, keys, now=now).items():
        found.setdefault(key, {})[Flaw.EXCLUDED] = describe_exclusion(exclusion)
    for key in find_erased(workspace, keys):
        found.setdefault(key, {})[Flaw.ERASED] = ""
    return found


def facts_of(subscriber: Subscriber) -> Facts:
    """Return what a subscriber's row says against sending."""
    if subscriber.is_stopped():
        flaw = Flaw.UNSUBSCRIBED if subscriber.stop_reason in RECIPIENTS_WILL else Flaw.STOPPED
        return {flaw: describe_stop(StopReason(subscriber.stop_reason), subscriber.stopped_at)}
    return {Flaw.PAST_ERRORS: _("エラー%d回") % subscriber.error_count} if subscriber.error_count else {}


def describe_stop(reason: StopReason, at: datetime | None) -> str:
    """Return why and when a subscriber was stopped, in a few words."""
    day = date_format(timezone.localtime(at), "Y/m/d") if at else ""
    return f"{reason.label} {day}".strip()


def describe_exclusion(exclusion: Exclusion) -> str:
    """Return which entry it was and why it was made."""
    # Why the operator excludes somebody from all workspaces is the operator's own note.
    if exclusion.workspace_id is None:
        return _("%s(システム全体の除外リスト)") % exclusion.value
    return f"{exclusion.value} {exclusion.reason}".strip()

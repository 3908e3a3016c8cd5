"""The workspace's settings: saving them, what they would stop, and applying them to the errors that are there (A7)."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from accounts.audit import record
from accounts.models import User, Workspace
from campaigns.clock_changes import follow_clock
from campaigns.recoveries import find_proofs
from hypermail.forms import RuleForm, WorkspaceForm
from lists.limits import Rule, apply_limits, mark_errors, mark_limits, preview_rule


def save_settings(form: WorkspaceForm, *, actor: User, now: datetime) -> int:
    """Save a valid form and return how many subscribers the new rule has stopped at once."""
    rule, clock = stored_rule(form), stored_zone(form)
    with transaction.atomic():
        workspace: Workspace = form.save()
        if form.changed_data:
            changed = {name: form.cleaned_data[name] for name in form.changed_data if name != "name"}
            record(workspace, actor, "workspace.settings", workspace.name, **changed)
        if workspace.zone != clock:
            follow_clock(workspace, clock, now=now)
        # Marked together with the rule, so that the tick goes on whatever happens to this request.
        if rule.counts_like(Rule.of(workspace)):
            mark_limits(workspace, now=now)
        else:
            mark_errors(workspace, now=now)
    return apply_limits(workspace, now=now, prove=lambda ids: find_proofs(ids, now=now))


def preview_settings(form: RuleForm, *, now: datetime) -> int:
    """Return how many subscribers a valid form would stop, were it saved."""
    workspace = Workspace.objects.get(pk=form.instance.pk)
    return preview_rule(workspace, Rule.of(form.instance), now=now)


def stored_zone(form: WorkspaceForm) -> ZoneInfo:
    """Return the zone that a form is about to change."""
    return Workspace.objects.only("time_zone").get(pk=form.instance.pk).zone


def stored_rule(form: WorkspaceForm) -> Rule:
    """Return the rule that a form is about to change."""
    return Rule.of(Workspace.objects.get(pk=form.instance.pk))

"""Saves what a workspace measures."""

from django.db import transaction

from accounts.audit import record
from accounts.models import User, Workspace
from tracking.links import rules_of
from tracking.models import TrackingRules

FIELDS = ("opens", "clicks", "texts")


def save_rules(workspace: Workspace, rules: dict[str, bool], *, actor: User) -> bool:
    """Store the rules, for the mailings that begin from now on; return whether they are others than before."""
    before = rules_of(workspace)
    changed = {name: rules[name] for name in FIELDS if getattr(before, name) != rules[name]}
    if not changed:
        return False
    with transaction.atomic():
        TrackingRules.objects.update_or_create(workspace=workspace, defaults={name: rules[name] for name in FIELDS})
        record(workspace, actor, "workspace.tracking", workspace.name, **changed)
    return True

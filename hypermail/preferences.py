"""The workspace's settings: saving them and applying a lowered limit at once (A7)."""

from datetime import datetime

from django.db import transaction

from accounts.audit import record
from accounts.models import User, Workspace
from hypermail.forms import WorkspaceForm
from lists.errors import apply_limits


@transaction.atomic
def save_settings(form: WorkspaceForm, *, actor: User, now: datetime) -> int:
    """Save a valid form and return how many subscribers a lowered limit has stopped."""
    workspace: Workspace = form.save()
    changed = {name: form.cleaned_data[name] for name in form.changed_data if name != "name"}
    if form.changed_data:
        record(workspace, actor, "workspace.settings", workspace.name, **changed)
    if "error_limit" not in changed or changed["error_limit"] >= form.initial["error_limit"]:
        return 0
    stopped = apply_limits(workspace, now=now)
    if stopped:
        record(workspace, None, "workspace.limit_applied", workspace.name, stopped=stopped)
    return stopped

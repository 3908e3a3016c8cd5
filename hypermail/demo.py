"""The demonstration: a workspace that shows every screen with content. Only `manage.py up --demo` asks for it."""

from accounts.models import Workspace

WORKSPACE_NAME = "デモ用ワークスペース"


def seed() -> Workspace:
    """Return the demonstration workspace, made at the first call; may be called at every start."""
    workspace, _ = Workspace.objects.get_or_create(is_demo=True, defaults={"name": WORKSPACE_NAME})
    return workspace

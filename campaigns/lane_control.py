"""What people say of a provider of their workspace: pause, resume, exclude, include (A13)."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from accounts import audit
from accounts.models import User, Workspace
from campaigns.lanes import find_lane
from campaigns.models import Delivery, Lane
from mta.providers import PROVIDER_LABELS
from mta.routes import RELAY


def lanes_of(workspace: Workspace, provider: str) -> QuerySet[Lane]:
    """Return all lanes of a provider: over every route, and those of its capped domains."""
    return Lane.objects.filter(workspace=workspace, provider=provider)


def count_waiting(workspace: Workspace, provider: str) -> int:
    """Return how many deliveries wait for a provider, exactly."""
    lanes = list(lanes_of(workspace, provider).values_list("pk", flat=True))
    return Delivery.objects.filter(lane__in=lanes).waiting().count()


def pause_provider(workspace: Workspace, provider: str, *, actor: User, now: datetime) -> bool:
    """Hold a provider's mails back; False where that is so, or it is excluded."""
    return change(workspace, provider, "lane.pause", actor, {"paused_at": None, "excluded_at": None}, paused_at=now)


def resume_provider(workspace: Workspace, provider: str, *, actor: User) -> bool:
    """Send to a provider again; False where nobody held it back."""
    return change(workspace, provider, "lane.resume", actor, {"paused_at__isnull": False}, paused_at=None)


def exclude_provider(workspace: Workspace, provider: str, *, actor: User, now: datetime) -> bool:
    """Have a provider's waiting rows become 送信除外, and those to come; False where that is so.

    A pause ends with it: nothing would ever claim the rows of a paused lane.
    """
    fields = {"excluded_at": now, "paused_at": None}
    return change(workspace, provider, "lane.exclude", actor, {"excluded_at": None}, **fields)


def include_provider(workspace: Workspace, provider: str, *, actor: User) -> bool:
    """Send to a provider again; what became 送信除外 stays so. False where it was not excluded."""
    return change(workspace, provider, "lane.include", actor, {"excluded_at__isnull": False}, excluded_at=None)


def change(
    workspace: Workspace,
    provider: str,
    action: str,
    actor: User,
    before: dict[str, object],
    **after: datetime | None,
) -> bool:
    """Change all lanes of a provider together, where at least one is as it was `before`; say so in the audit log."""
    with transaction.atomic():
        # Something has to hold what was said, also before the first mail.
        if not lanes_of(workspace, provider).exists():
            find_lane(workspace, route=RELAY, provider=provider)
        if not lanes_of(workspace, provider).filter(**before).update(**after):
            return False
        audit.record(workspace, actor, action, PROVIDER_LABELS[provider])
    return True

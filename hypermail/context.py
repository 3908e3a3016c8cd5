"""Template context that every page shares."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Return what the base layout needs: whether the sandbox page is there."""
    return {"sandbox_enabled": settings.SANDBOX}

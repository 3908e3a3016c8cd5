"""Keeps links of one workspace from going by the host of another: who reads the name in a link shall be able to trust it."""

from __future__ import annotations

from functools import lru_cache
from time import monotonic
from typing import Final

from tracking.models import LinkHost, TrackedMailing

# Seconds that a process goes by the hosts it read; there are few, and they change seldom.
FRESH: Final = 30


def is_strange(campaign: int, host: str) -> bool:
    """Say whether a link of a mailing came in by a host of another workspace; `host` as it was asked for, "" for ours."""
    if not host:
        return False
    owner = owners(int(monotonic() // FRESH)).get(host.partition(":")[0].lower())
    return owner is not None and owner != workspace_of(campaign)


@lru_cache(maxsize=2)
def owners(_moment: int) -> dict[str, int]:
    """Return the workspace of each host, as of a moment."""
    return dict(LinkHost.objects.values_list("name", "workspace"))


@lru_cache(maxsize=10_000)
def workspace_of(campaign: int) -> int | None:
    """Return whose a measured mailing is, None for none."""
    return TrackedMailing.objects.values_list("workspace", flat=True).filter(pk=campaign).first()

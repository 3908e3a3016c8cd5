"""The last look before a 繰り返し begins: when it would send, and what stands against that as of now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from campaigns.models import Campaign
from campaigns.preflight.check import check
from campaigns.preflight.findings import Finding, Level
from campaigns.preflight.setting import check_hour
from campaigns.recurrence_dates import Plan, following
from campaigns.recurrence_words import plan_words

# Times to come that are shown.
TIMES: Final = 3


@dataclass(frozen=True, slots=True)
class Look:
    """What a person sees of a plan before it is stored; `seen` comes back with the word to store it.

    It names the plan and the content with its audience, so that neither is another one by then.
    """

    seen: str
    words: str
    times: list[datetime]
    reds: list[Finding]
    hours: list[Finding]


def look_at(campaign: Campaign, plan: Plan, *, now: datetime) -> Look:
    """Return a plan as it would go on from now; no times where it never sends."""
    times = list(islice(times_behind(campaign, plan, now), TIMES))
    # That approval is missing is told when the plan is stored: it begins paused then.
    found = check(campaign, now=now).reds if campaign.is_editable() else []
    reds = [finding for finding in found if finding.code != "not_approved"]
    hours = list(check_hour(campaign, at=times[0], now=now)) if times else []
    words = plan_words(plan)
    return Look(
        f"{campaign.revision} {words}",
        words,
        times,
        reds,
        [finding for finding in hours if finding.level == Level.YELLOW],
    )


def times_behind(campaign: Campaign, plan: Plan, now: datetime) -> Iterator[datetime]:
    """Yield when a plan sends."""
    at = following(plan, now, campaign.workspace.zone)
    while at is not None:
        yield at
        at = following(plan, at, campaign.workspace.zone)

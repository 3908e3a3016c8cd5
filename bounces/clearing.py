"""Clears out raw notices after the time they are kept (C16)."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from bounces.models import Bounce, NoticeState, RawNotice

# Rows a call, so that no transaction grows long. The tick calls every second: that is 43 million a day.
CHUNK = 500


def clear_old_notices(*, now: datetime) -> int:
    """Delete notices older than NOTICE_KEEP_DAYS, unread ones excepted; return how many rows went, at most CHUNK.

    What they said stays with the deliveries and the errors of the subscribers.
    """
    old = RawNotice.objects.filter(received_at__lt=now - timedelta(days=settings.NOTICE_KEEP_DAYS))
    chosen = list(old.exclude(state=NoticeState.NEW).order_by("received_at").values_list("pk", flat=True)[:CHUNK])
    if chosen:
        with transaction.atomic():
            Bounce.objects.filter(notice__in=chosen).delete()
            # Only the number: Django reads the rows that it deletes, and their contents may be large.
            RawNotice.objects.filter(pk__in=chosen).only("pk").delete()
    return len(chosen)

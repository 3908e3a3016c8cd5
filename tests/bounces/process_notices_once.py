"""Processes waiting notices in a process of its own, for a test that kills it: DATABASE_URL is given."""

import django
from django.utils import timezone

if __name__ == "__main__":
    django.setup()
    from bounces.batches import process_batch
    from bounces.models import RawNotice

    ids = list(RawNotice.objects.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), 10):
        process_batch(ids[start : start + 10], now=timezone.now())

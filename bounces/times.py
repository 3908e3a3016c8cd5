"""Times in downloads as people here read them."""

from datetime import datetime

from django.utils import timezone


def write_time(at: datetime | None) -> str:
    """Write a time in local notation ("2026/11/22 10:05:00"), "" for none."""
    return f"{timezone.localtime(at):%Y/%m/%d %H:%M:%S}" if at else ""

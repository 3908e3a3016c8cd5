"""Times in downloads as people here read them, and the days that a form takes."""

from datetime import date, datetime

from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone

# Local midnight at both ends of the calendar, and the day after the last one, are no times that can be computed.
COMPUTABLE_DAYS = (MinValueValidator(date(1900, 1, 1)), MaxValueValidator(date(2999, 12, 31)))


def write_time(at: datetime | None) -> str:
    """Write a time in local notation ("2026/11/22 10:05:00"), "" for none."""
    return f"{timezone.localtime(at):%Y/%m/%d %H:%M:%S}" if at else ""

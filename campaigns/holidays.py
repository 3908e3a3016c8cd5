"""Japanese holidays: the one place that knows which package tells them."""

from datetime import date

import jpholiday


def is_holiday(day: date) -> bool:
    """Say whether a day is a 国民の祝日 or a 休日 (振替休日, 国民の休日) by 国民の祝日に関する法律 section 3.

    The package works by the law that it was released under, and works out the two equinoxes astronomically: the
    government names those each February for the following year only. A later change of the law needs a newer package.
    """
    return jpholiday.is_holiday(day)


def holiday_name(day: date) -> str:
    """Return the name of a holiday, such as 勤労感謝の日; empty on any other day."""
    return jpholiday.is_holiday_name(day) or ""

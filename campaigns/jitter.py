"""Keeps starts off the full hour, when everybody sends."""

from datetime import datetime, timedelta

from campaigns.models import Campaign


def start_offset(provider: str, campaign: Campaign, now: datetime) -> timedelta:
    """Return how long after the start the first mail to a provider is due."""
    return timedelta(0)

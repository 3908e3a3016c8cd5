"""停止の保留: stops for 宛先不明 wait for a person where one provider's jump in a mailing (B16)."""

from datetime import datetime

from campaigns.models import Campaign


def look_for_jumps(campaign: Campaign, *, now: datetime) -> int:
    """Open a hold for each provider whose 宛先不明 jumped in the campaign, read from its tally; return how many."""
    return 0

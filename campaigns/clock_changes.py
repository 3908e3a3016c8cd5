"""What becomes of mailings where the zone of their workspace changes."""

from datetime import datetime
from zoneinfo import ZoneInfo

from accounts.models import Workspace
from campaigns.closed_times import renew_all
from campaigns.recurrences import follow_zone


def follow_clock(workspace: Workspace, before: ZoneInfo, *, now: datetime) -> None:
    """Let 配信禁止時間 and 繰り返し go by the new clock, in the transaction that stores it.

    What is scheduled for one moment stays there: nobody wanted it to leave earlier or later.
    """
    renew_all(workspace.pk, now=now)
    follow_zone(workspace, before, now=now)

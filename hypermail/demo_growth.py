"""Days of the demonstration's past: how its lists grew to what they are."""

from datetime import datetime, timedelta
from typing import Final

from accounts.models import Workspace
from lists.headcounts import count_all
from lists.models import DayCount, MailingList

DAYS: Final = 80
# Who came and who left on the days of a week, the newest first.
JOINED: Final = (1, 0, 2, 0, 1, 3, 0)
LEFT: Final = (0, 0, 0, 1, 0, 0, 0)


def grow(workspace: Workspace, *, now: datetime) -> None:
    """Write the days before `now`, from the numbers of today backwards."""
    today = now.astimezone(workspace.zone).date()
    places = [None, *MailingList.objects.filter(workspace=workspace)]
    for mailing_list in places:
        total, stopped = count_all(workspace.pk, mailing_list.pk if mailing_list else None)
        rows = []
        for ago in range(DAYS):
            joined, left = JOINED[ago % 7], LEFT[ago % 7]
            date = today - timedelta(days=ago + 1)
            counts = {"total": total, "stopped": stopped, "joined": joined, "left": left}
            rows.append(DayCount(workspace=workspace, mailing_list=mailing_list, date=date, **counts))
            total, stopped = max(total - joined, 0), max(stopped - left, 0)
        DayCount.objects.bulk_create(rows)

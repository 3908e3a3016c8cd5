"""What tests of バックナンバー share: an archive that is open to everybody, and mailings that ended."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from archive.models import Archive
from campaigns.models import Audience, Campaign
from lists.models import MailingList
from tests.factories import make_campaign, make_list


def make_archive(mailing_list: MailingList | None = None, **fields: Any) -> Archive:
    """Make an archive that was opened a day ago and shows what was sent since."""
    opened = timezone.now() - timedelta(days=1)
    defaults = {"title": "みほん商店だより", "published_at": opened, "adds_since": opened}
    return Archive.objects.create(mailing_list=mailing_list or make_list(), **defaults | fields)


def make_sent(archive: Archive, *, ago: timedelta = timedelta(hours=1), **fields: Any) -> Campaign:
    """Make a mailing to the list of an archive whose sending ended normally."""
    defaults = {"state": "done", "started_at": timezone.now() - ago}
    return make_campaign(archive.mailing_list, **defaults | fields)


def make_many_sent(archive: Archive, number: int, **fields: Any) -> Campaign:
    """Make so many of them at once; return the first."""
    first = make_sent(archive, **fields)
    own = {"workspace": first.workspace, "sender": first.sender, "state": "done", "started_at": first.started_at}
    others = [Campaign(subject=f"第{at}号", text="本文", html=first.html, **own) for at in range(1, number)]
    Audience.objects.bulk_create(
        Audience(campaign=one, mailing_list=archive.mailing_list) for one in Campaign.objects.bulk_create(others)
    )
    return first

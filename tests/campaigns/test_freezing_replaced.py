"""A list that is replaced by a file while a mailing's recipients are frozen: its old people or its new ones, never both."""

from itertools import count
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from campaigns.freezing import AIM, freeze_in_chunks, freeze_recipients
from campaigns.models import Campaign, CampaignState, Delivery
from lists.csv_import import Choice, create_import, format_of, queue_import
from lists.models import CsvImport, ImportMode, ImportState, MailingList
from tests.factories import make_campaign, make_list, make_subscriber, make_user
from tests.lists.importing import apply_import

pytestmark = pytest.mark.django_db
OLD = ["a@example.jp", "b@example.jp", "c@example.jp", "d@example.jp"]
NEW = ["c@example.jp", "d@example.jp", "e@example.jp"]


def replace_people(mailing_list: MailingList, addresses: list[str]) -> None:
    """Replace a list by a file of these addresses."""
    content = "email,name\n" + "".join(f"{address},新\n" for address in addresses)
    user = make_user(mailing_list.workspace)
    csv_import = create_import(mailing_list, ContentFile(content.encode(), name="a.csv"), user)
    assert queue_import(csv_import, Choice(format_of(csv_import), csv_import.columns, ImportMode.REPLACE), user)
    assert apply_import(csv_import.pk, now=timezone.now())
    assert CsvImport.objects.get().state == ImportState.DONE


def frozen(campaign: Campaign) -> list[str]:
    return sorted(Delivery.objects.filter(campaign=campaign).values_list("address", flat=True))


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4])
def test_a_list_that_a_file_replaces_between_two_chunks_is_frozen_anew(rows: int, settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    mailing_list = make_list()
    for address in OLD:
        make_subscriber(mailing_list, address)
    campaign = make_campaign(mailing_list, state=CampaignState.STARTING)
    now = timezone.now()
    steps = freeze_in_chunks(campaign.pk, now=now, chunk=1, clock=count(0, AIM).__next__)
    while len(frozen(campaign)) < rows:
        next(steps)
    assert frozen(campaign) == OLD[:rows]
    replace_people(mailing_list, NEW)
    # The process goes on that froze the first of them.
    list(steps)
    campaign.refresh_from_db()
    if campaign.state == CampaignState.STARTING:
        assert freeze_recipients(campaign.pk, now=now)
        campaign.refresh_from_db()
    assert (campaign.state, frozen(campaign), campaign.recipient_count) == (CampaignState.SENDING, NEW, len(NEW))

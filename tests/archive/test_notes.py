"""What the pages of a mailing say of バックナンバー."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role
from archive.models import Choice
from campaigns.models import AudiencePart, Campaign, Part
from tests.archive.making import make_archive, make_sent
from tests.factories import make_campaign, make_list, make_user

pytestmark = pytest.mark.django_db
WILL, IS = "自動で載り、だれでも読めるようになります", "だれでも読めます"


@pytest.fixture
def archive(workspace):
    return make_archive(make_list(workspace))


@pytest.fixture
def page(workspace, client_for):
    """Return the text of a mailing's page."""
    client = client_for(make_user(workspace, Role.EDITOR))
    return lambda campaign: client.get(reverse("campaign_detail", args=[campaign.pk]), follow=True).content.decode()


def test_who_sends_knows_that_everybody_will_read_it(archive, page):
    draft = make_campaign(archive.mailing_list)
    assert WILL in page(draft)
    assert reverse("archive_detail", args=[archive.mailing_list_id]) in page(draft)
    Campaign.objects.update(state="scheduled", scheduled_at=timezone.now() + timedelta(days=1))
    assert WILL in page(draft)
    # What is for a part of the list alone waits for a word.
    AudiencePart.objects.create(
        campaign=draft, part=Part.EXCLUDE_LIST, mailing_list=make_list(archive.mailing_list.workspace)
    )
    assert WILL not in page(draft)


def test_a_mailing_that_was_sent_says_where_it_stands(archive, page):
    sent = make_sent(archive)
    assert IS in page(sent)
    Choice.objects.create(archive=archive, campaign=sent, is_shown=False)
    assert IS not in page(sent)
    type(archive).objects.update(published_at=None, adds_since=None)
    assert WILL not in page(make_campaign(archive.mailing_list))

"""Drafts are deleted, and nothing that somebody else needs at that moment."""

from functools import partial

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role
from campaigns.draft_deleting import delete_draft
from campaigns.models import Campaign, CampaignState, Recurrence
from campaigns.sendable import CampaignError
from tests.campaigns.meanwhile import meanwhile
from tests.factories import make_campaign, make_list, make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(workspace):
    return make_campaign(make_list(workspace))


def still(campaign):
    return Campaign.objects.filter(pk=campaign.pk)


def schedule(campaign):
    drafts = still(campaign).filter(state=CampaignState.DRAFT)
    return drafts.update(state=CampaignState.SCHEDULED, scheduled_at=timezone.now())


def test_a_draft_is_deleted_once(campaign):
    delete_draft(campaign)
    assert not still(campaign).exists()
    with pytest.raises(CampaignError, match="下書きではない"):
        delete_draft(campaign)


def test_what_is_scheduled_or_repeated_stays(campaign):
    repeated = Recurrence.objects.create(
        workspace=campaign.workspace, master=campaign, rhythm="monthly", month_day=1, at="10:00"
    )
    with pytest.raises(CampaignError, match="繰り返しの元"):
        delete_draft(campaign)
    repeated.delete()
    schedule(campaign)
    with pytest.raises(CampaignError, match="下書きではない"):
        delete_draft(campaign)
    assert still(campaign).exists()


def test_only_editors_of_the_workspace_delete(campaign, client_for):
    url = reverse("campaign_delete", args=[campaign.pk])
    viewer = client_for(make_user(campaign.workspace, Role.VIEWER))
    stranger = client_for(make_user(make_workspace(), Role.EDITOR))
    assert (viewer.post(url).status_code, stranger.post(url).status_code) == (403, 404)
    assert still(campaign).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("words", ['FROM "campaigns_delivery"', "DELETE FROM"])
def test_who_schedules_it_at_that_moment_loses_no_mailing(campaign, client_for, words):
    editor = client_for(make_user(campaign.workspace, Role.EDITOR))
    with meanwhile(partial(schedule, campaign), words) as done:
        editor.post(reverse("campaign_delete", args=[campaign.pk]))
    assert done[0].result() == still(campaign).count()

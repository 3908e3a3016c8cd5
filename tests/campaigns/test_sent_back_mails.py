"""A scheduled mailing that cannot start is a draft again, and everybody who should know does."""

from datetime import time, timedelta

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role
from campaigns import recurrences, sent_back_mails, tasks
from campaigns.freezing import freeze_recipients
from campaigns.models import Campaign, CampaignState, Rhythm
from campaigns.recurrence_dates import Plan
from hypermail.troubles import find_troubles
from senders.models import SenderDomain
from tests.campaigns.turns import drain
from tests.factories import make_campaign, make_list, make_subscriber, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign():
    mailing_list = make_list()
    make_subscriber(mailing_list)
    now = timezone.now()
    return make_campaign(
        mailing_list, subject="秋の便り", state=CampaignState.STARTING, scheduled_at=now, started_at=now
    )


def fall_back(campaign):
    """Let the mailing's domain lose its proof between the schedule and the start."""
    SenderDomain.objects.update(verified_at=None)
    freeze_recipients(campaign.pk, now=timezone.now())
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.DRAFT


def test_the_managers_are_written_to_once(campaign, settings):
    manager = make_user(campaign.workspace)
    make_user(campaign.workspace, role=Role.VIEWER)
    assert sent_back_mails.to_mail() == []
    fall_back(campaign)
    drain()
    tasks.hint_sent_back_mails(now=timezone.now())
    assert drain() == [("campaigns.tasks.mail_sent_back", (campaign.pk,))]
    assert [sent_back_mails.mail_sent_back(campaign.pk) for _ in range(2)] == [1, 0]
    assert sent_back_mails.to_mail() == []
    [letter] = mail.outbox
    assert letter.to == [manager.email]
    assert "始められませんでした" in letter.subject
    for words in ("秋の便り", campaign.problem, settings.BASE_URL + reverse("campaign_preview", args=[campaign.pk])):
        assert words in letter.body


def test_home_and_the_list_tell_of_it_until_it_is_scheduled_again(campaign, client_for):
    client = client_for(make_user(campaign.workspace))
    fall_back(campaign)
    [trouble] = [one for one in find_troubles(campaign.workspace) if "秋の便り" in one.sentence]
    assert (trouble.tone, trouble.url) == ("bad", reverse("campaign_preview", args=[campaign.pk]))
    assert "配信を始められませんでした" in client.get(reverse("campaign_index")).content.decode()
    Campaign.objects.update(updated_at=timezone.now() - timedelta(days=8))
    assert not [one for one in find_troubles(campaign.workspace) if "秋の便り" in one.sentence]
    SenderDomain.objects.update(verified_at=timezone.now())
    ticks = {"tick": ["test_mail"], "revision": campaign.revision}
    client.post(reverse("campaign_send_now", args=[campaign.pk]), ticks)
    assert "配信を始められませんでした" not in client.get(reverse("campaign_index")).content.decode()


def test_a_sender_of_a_repeated_mail_stays_in_use(client_for):
    campaign = make_campaign(subject="毎週の便り")
    actor = make_user(campaign.workspace)
    plan = Plan(Rhythm.WEEKLY, time(10), frozenset({1}))
    recurrence = recurrences.start(campaign, plan, actor=actor, now=timezone.now())
    client, url = client_for(actor), reverse("sender_archive", args=[campaign.sender_id])
    assert "繰り返しの「毎週の便り」" in client.post(url, follow=True).content.decode()
    recurrences.stop(recurrence, actor=actor, now=timezone.now())
    client.post(url)
    campaign.sender.refresh_from_db()
    assert campaign.sender.archived_at is not None

"""シード: copies that leave with a mailing, once, and count nowhere."""

import email
import email.policy
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role
from campaigns import models, tasks, test_mails
from campaigns.freezing import freeze_recipients
from campaigns.models import CampaignState, DeliveryState, Variant
from campaigns.tally import refresh
from campaigns.test_mails import queue_seeds
from tests.campaigns.turns import drain, relay_url, work_off
from tests.factories import make_campaign, make_list, make_subscriber, make_user, make_workspace

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def relay(smtp_sink, settings):
    settings.RELAY_URL = relay_url(smtp_sink.port)
    return smtp_sink


@pytest.fixture
def campaign(workspace):
    mailing_list = make_list(workspace)
    make_subscriber(mailing_list, "hanako@example.jp")
    return make_campaign(mailing_list, state=CampaignState.STARTING, html="<p>こんにちは。</p>")


@pytest.fixture
def seed(workspace):
    return models.Tester.objects.create(workspace=workspace, name="Gmail", address="seed@example.jp", is_seed=True)


def begin(campaign):
    freeze_recipients(campaign.pk, now=timezone.now())
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.SENDING


def work():
    drain()
    for _ in range(3):
        tasks.tick()
        work_off(drain())


def mails(relay):
    return [email.message_from_bytes(mail.content, policy=email.policy.default) for mail in relay.messages]


def test_each_seed_gets_what_the_recipients_get(relay, campaign, seed):
    models.Tester.objects.create(workspace=campaign.workspace, name="部長", address="boss@example.jp")
    begin(campaign)
    work()
    by_address = {mail["To"].addresses[0].addr_spec: mail for mail in mails(relay)}
    assert set(by_address) == {"hanako@example.jp", "seed@example.jp"}
    copy, one = by_address["seed@example.jp"], by_address["hanako@example.jp"]
    assert copy["Subject"] == one["Subject"] == "秋のお知らせ"
    assert copy["List-Id"] == one["List-Id"]
    assert copy["List-Unsubscribe"]
    assert copy["List-Unsubscribe"] != one["List-Unsubscribe"]
    assert models.TestMail.objects.get().state == models.TestMailState.SENT


def test_seeds_count_nowhere(relay, campaign, seed):
    begin(campaign)
    work()
    refresh(campaign, now=timezone.now())
    campaign.refresh_from_db()
    assert campaign.recipient_count == 1
    assert list(campaign.deliveries.values_list("address", "state")) == [("hanako@example.jp", DeliveryState.SENT)]


def test_a_start_that_is_repeated_sends_no_copy_twice(relay, campaign, seed):
    begin(campaign)
    queue_seeds(campaign)
    work()
    queue_seeds(campaign)
    work()
    assert [str(mail["To"]) for mail in mails(relay)].count("seed@example.jp") == 1


def test_every_variant_has_its_copy(campaign, seed):
    Variant.objects.create(campaign=campaign, number=1, subject="案B")
    queue_seeds(campaign)
    assert sorted(mail.letter() for mail in models.TestMail.objects.all()) == ["A", "B"]


def test_a_mailing_may_do_without(campaign, seed):
    campaign.wants_seeds = False
    campaign.save()
    begin(campaign)
    assert not models.TestMail.objects.exists()


def test_seeds_of_another_customer_get_nothing(campaign):
    other = make_workspace()
    models.Tester.objects.create(workspace=other, name="他人", address="other@example.jp", is_seed=True)
    begin(campaign)
    assert not models.TestMail.objects.exists()


def test_seeds_wait_as_long_as_their_mailing(campaign, seed):
    now = timezone.now()
    begin(campaign)
    number = models.TestMail.objects.get().pk
    look = models.TestMail.objects.create(campaign=campaign, address="look@example.jp")

    def hinted(**fields):
        type(campaign).objects.filter(pk=campaign.pk).update(**fields)
        return test_mails.tests_to_hint(now=now)

    assert hinted() == [number, look.pk]
    assert hinted(state=CampaignState.PAUSED) == [look.pk]
    assert hinted(state=CampaignState.SENDING) == [number, look.pk]
    hour = timedelta(hours=1)
    assert hinted(closed_from=now - hour, closed_until=now + hour) == [look.pk]
    assert hinted(closed_from=now - 2 * hour, closed_until=now - hour) == [number, look.pk]


def test_a_copy_that_was_asked_for_waits_where_its_mailing_rests_by_now(relay, campaign, seed):
    """A tick may have asked for it some seconds ago."""
    begin(campaign)
    number = models.TestMail.objects.get().pk
    now, hour = timezone.now(), timedelta(hours=1)
    rests = (
        {"state": CampaignState.PAUSED},
        {"state": CampaignState.SENDING, "closed_from": now - hour, "closed_until": now + hour},
    )
    for fields in rests:
        type(campaign).objects.filter(pk=campaign.pk).update(**fields)
        tasks.send_test_mail(number)
        assert models.TestMail.objects.get().state == models.TestMailState.QUEUED
    assert relay.messages == []
    type(campaign).objects.filter(pk=campaign.pk).update(closed_until=now - hour)
    for _twice in range(2):
        tasks.send_test_mail(number)
    assert models.TestMail.objects.get().state == models.TestMailState.SENT
    assert len(relay.messages) == 1


def test_a_cancelled_mailing_sends_no_copy(relay, campaign, seed):
    begin(campaign)
    type(campaign).objects.update(state=CampaignState.CANCELLED)
    tasks.send_test_mail(models.TestMail.objects.get().pk)
    mail = models.TestMail.objects.get()
    assert (mail.state, mail.text) == (models.TestMailState.FAILED, "配信が中止されたため、送りませんでした。")
    assert relay.messages == []


def test_the_page_of_a_mailing_shows_its_seeds_and_asks_until_all_are_through(campaign, seed, client_for):
    viewer = client_for(make_user(campaign.workspace, Role.VIEWER))
    begin(campaign)
    part = reverse("campaign_seeds", args=[campaign.pk])
    detail = reverse("campaign_detail", args=[campaign.pk])
    assert part in viewer.get(detail).content.decode()
    models.TestMail.objects.update(state=models.TestMailState.SENT)
    page = viewer.get(part).content.decode()
    assert "seed@example.jp" in page
    assert part not in page


def test_a_mailing_without_seeds_has_no_such_part(campaign, client_for):
    viewer = client_for(make_user(campaign.workspace, Role.VIEWER))
    begin(campaign)
    assert 'id="seeds"' not in viewer.get(reverse("campaign_detail", args=[campaign.pk])).content.decode()

"""Consents and the mails after them: kept until a month after the last one (F4)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns.consent_keeping import find_last_mailed, purge_consents
from campaigns.models import Campaign
from campaigns.tasks import SLOW_STEPS
from lists.models import Consent, Subscriber
from tests.factories import make_campaign, make_delivery, make_list, make_subscriber

pytestmark = pytest.mark.django_db
NOW = timezone.now()
DAY = timedelta(days=1)


@pytest.fixture
def subscriber() -> Subscriber:
    """Somebody whose place on the list ended two months ago."""
    mailing_list = make_list()
    person = make_subscriber(mailing_list)
    Consent.objects.create(
        subscriber=person, mailing_list=mailing_list, source="csv", at=NOW - 90 * DAY, ended_at=NOW - 60 * DAY
    )
    return person


@pytest.fixture
def campaign(subscriber: Subscriber) -> Campaign:
    """A mailing to the list."""
    return make_campaign(Consent.objects.get().mailing_list)


def test_the_last_mail_is_the_newest_that_was_or_will_be_sent(subscriber: Subscriber, campaign: Campaign) -> None:
    make_delivery(campaign, subscriber, state="sent", settled_at=NOW - 9 * DAY)
    older = make_campaign(campaign.mailing_lists.get())
    make_delivery(older, subscriber, state="bounced", settled_at=NOW - 20 * DAY)
    left_out = make_campaign(campaign.mailing_lists.get())
    make_delivery(left_out, subscriber, state="excluded", settled_at=NOW)
    stranger = make_subscriber(campaign.mailing_lists.get())
    assert find_last_mailed([subscriber.pk, stranger.pk], now=NOW) == {subscriber.pk: NOW - 9 * DAY}
    waiting = make_campaign(campaign.mailing_lists.get())
    make_delivery(waiting, subscriber, due_at=NOW - 50 * DAY)
    assert find_last_mailed([subscriber.pk], now=NOW) == {subscriber.pk: NOW}


def test_a_consent_stays_a_month_after_the_last_mail_f4(subscriber: Subscriber, campaign: Campaign) -> None:
    make_delivery(campaign, subscriber, state="sent", settled_at=NOW - 30 * DAY)
    assert purge_consents(now=NOW) == 0
    assert purge_consents(now=NOW + 2 * DAY) == 1
    assert Subscriber.objects.filter(pk=subscriber.pk).exists()


@pytest.mark.usefixtures("subscriber")
def test_a_consent_goes_where_nobody_was_mailed() -> None:
    assert purge_consents(now=NOW) == 1


def test_the_tick_sees_to_it() -> None:
    assert purge_consents in SLOW_STEPS

"""Test mails over real SMTP."""

import socket
from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns import models, tasks, test_mails
from senders.models import SenderDomain
from tests.campaigns.turns import drain, relay_url, work_off
from tests.factories import make_campaign

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def relay(smtp_sink, settings):
    settings.RELAY_URL = relay_url(smtp_sink.port)
    return smtp_sink


def test_a_test_mail_is_sent_and_shows_the_servers_answer(relay):
    drain()
    campaign = make_campaign()
    test_mail = models.TestMail.objects.create(campaign=campaign, address="me@example.com")
    tasks.tick()
    work_off(drain() * 2)
    test_mail.refresh_from_db()
    assert (test_mail.state, test_mail.text) == (models.TestMailState.SENT, "250 2.0.0 OK")
    assert len(relay.messages) == 1


def test_a_test_mail_of_an_unproved_sender_does_not_leave(relay):
    """A1."""
    campaign = make_campaign()
    SenderDomain.objects.update(verified_at=None)
    test_mail = models.TestMail.objects.create(campaign=campaign, address="me@example.com")
    tasks.send_test_mail(test_mail.pk)
    test_mail.refresh_from_db()
    assert test_mail.state == models.TestMailState.FAILED
    assert relay.messages == []


def test_a_test_mail_that_cannot_leave_says_why(settings):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings.RELAY_URL = relay_url(closed.getsockname()[1])
        test_mail = models.TestMail.objects.create(campaign=make_campaign(), address="me@example.com")
        tasks.send_test_mail(test_mail.pk)
    test_mail.refresh_from_db()
    assert test_mail.state == models.TestMailState.FAILED
    assert test_mail.text


def test_a_test_mail_whose_process_died_is_given_up():
    test_mail = models.TestMail.objects.create(
        campaign=make_campaign(), address="me@example.com", state=models.TestMailState.SENDING
    )
    assert test_mails.give_up_test_mails(now=timezone.now()) == 0
    assert test_mails.give_up_test_mails(now=timezone.now() + timedelta(minutes=6)) == 1
    test_mail.refresh_from_db()
    assert test_mail.state == models.TestMailState.FAILED


def test_a_server_that_hangs_keeps_a_process_for_less_than_the_page_waits():
    """At every step, and at the final dot after them."""
    timeouts = test_mails.TIMEOUTS
    longest = timedelta(seconds=test_mails.DEADLINE + timeouts.late + timeouts.dot)
    assert longest < test_mails.TEST_MAIL_LIMIT

"""Test mails over real SMTP."""

import email
import email.policy
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role
from campaigns import models, tasks, test_mails
from campaigns.rendering import Content
from campaigns.sendable import CampaignError
from senders.models import SenderDomain
from tests.campaigns.meanwhile import meanwhile
from tests.campaigns.turns import drain, relay_url, work_off
from tests.factories import make_campaign, make_list, make_subscriber, make_user, make_workspace

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


def test_a_test_mail_of_a_variant_that_was_removed_says_so_at_once(relay):
    test_mail = models.TestMail.objects.create(campaign=make_campaign(), address="me@example.com", variant=1)
    tasks.send_test_mail(test_mail.pk)
    test_mail.refresh_from_db()
    assert (test_mail.state, test_mail.text) == (
        models.TestMailState.FAILED,
        "B案は削除されたため、送りませんでした。",
    )
    assert relay.messages == []


def test_two_processes_send_a_test_mail_once(relay):
    test_mail = models.TestMail.objects.create(campaign=make_campaign(), address="me@example.com")
    with meanwhile(lambda: tasks.send_test_mail(test_mail.pk), "UPDATE"):
        tasks.send_test_mail(test_mail.pk)
    assert len(relay.messages) == 1


def test_a_test_mail_whose_process_died_is_given_up():
    test_mail = models.TestMail.objects.create(
        campaign=make_campaign(), address="me@example.com", state=models.TestMailState.SENDING, begun_at=timezone.now()
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


@pytest.fixture
def campaign(workspace):
    return make_campaign(make_list(workspace), html="<html><body class='a'><p>こんにちは。</p></body></html>")


@pytest.fixture
def editor(workspace, client_for):
    return client_for(make_user(workspace, Role.EDITOR, email="me@example.com"))


def make_tester(workspace, name, address, **fields):
    return models.Tester.objects.create(workspace=workspace, name=name, address=address, **fields)


def ask(client, campaign, **fields):
    response = client.post(reverse("campaign_test", args=[campaign.pk]), fields, follow=True)
    return response.content.decode()


def queued():
    return set(models.TestMail.objects.values_list("address", "name"))


def queue(campaign, *addresses):
    receivers = dict.fromkeys(addresses, "")
    return test_mails.queue_tests(campaign, receivers, person=None, variant=0, note="")


def parts_of(relay):
    message = email.message_from_bytes(relay.messages[-1].content, policy=email.policy.default)
    return [part.get_content() for part in message.walk() if not part.is_multipart()]


def test_a_test_goes_to_the_ticked_testers_and_to_the_typed_address(workspace, campaign, editor):
    boss = make_tester(workspace, "部長", "boss@example.jp")
    legal = make_tester(workspace, "法務", "legal@example.jp")
    make_tester(workspace, "店長", "shop@example.jp")
    page = ask(editor, campaign, testers=[boss.pk, legal.pk], address="more@example.jp")
    assert "など3件へテストメールを送ります。" in page
    assert queued() == {("boss@example.jp", "部長"), ("legal@example.jp", "法務"), ("more@example.jp", "")}


def test_who_is_ticked_and_typed_gets_one(workspace, campaign, editor):
    boss = make_tester(workspace, "部長", "boss@example.jp")
    ask(editor, campaign, testers=[boss.pk], address="boss@example.jp")
    assert queued() == {("boss@example.jp", "部長")}


def test_a_tester_of_another_customer_cannot_be_chosen(campaign, editor):
    stranger = make_tester(make_workspace(), "他人", "other@example.jp")
    make_tester(campaign.workspace, "部長", "boss@example.jp")
    assert "選べないテスト配信先が含まれています" in ask(editor, campaign, testers=[stranger.pk])
    assert queued() == set()


def test_a_test_to_nobody_is_told(campaign, editor):
    assert "テストメールを送るアドレスを入力するか、テスト配信先を選んでください。" in ask(editor, campaign)
    assert queued() == set()


def test_who_got_the_last_test_is_ticked_for_the_next(workspace, campaign, editor):
    boss = make_tester(workspace, "部長", "boss@example.jp")
    make_tester(workspace, "店長", "shop@example.jp")
    ask(editor, campaign, testers=[boss.pk])
    page = editor.get(reverse("campaign_preview", args=[campaign.pk]))
    form = page.context["test_form"]
    assert set(form["testers"].value()) == {boss.pk}


def test_a_second_click_sends_nothing_twice(campaign, editor):
    ask(editor, campaign, address="me@example.jp")
    assert "同じテストメールを送っているところです。" in ask(editor, campaign, address="me@example.jp")
    assert queued() == {("me@example.jp", "")}
    models.TestMail.objects.update(state=models.TestMailState.SENT)
    ask(editor, campaign, address="me@example.jp")
    assert models.TestMail.objects.count() == 2


def test_clicks_at_the_same_moment_send_one(campaign):
    barrier = Barrier(3)
    made = []

    def click():
        barrier.wait()
        try:
            made.extend(queue(campaign, "me@example.jp"))
        finally:
            connection.close()

    threads = [Thread(target=click) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == models.TestMail.objects.count() == 1


def test_there_are_no_more_than_so_many_tests_an_hour(campaign, editor):
    queue(campaign, *(f"p{number}@example.jp" for number in range(test_mails.TESTS_AN_HOUR - 1)))
    with pytest.raises(CampaignError, match="1時間に100通まで"):
        queue(campaign, "a@example.jp", "b@example.jp")
    queue(campaign, "a@example.jp")
    assert "1時間に100通まで" in ask(editor, campaign, address="b@example.jp")
    models.TestMail.objects.update(created_at=timezone.now() - timedelta(hours=1, seconds=1))
    queue(campaign, "b@example.jp")


def test_the_limit_holds_for_drafts_that_are_tested_at_the_same_moment(campaign):
    other = make_campaign(campaign.mailing_lists.get(), sender=campaign.sender)
    queue(campaign, *(f"p{number}@example.jp" for number in range(test_mails.TESTS_AN_HOUR - 1)))
    barrier = Barrier(2)

    def click(draft):
        barrier.wait()
        try:
            return len(queue(draft, "me@example.jp"))
        except CampaignError:
            return 0
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(click, (campaign, other))) == [0, 1]


def test_the_result_of_the_check_stands_before_both_parts(relay, campaign, editor):
    ask(editor, campaign, address="me@example.jp", with_report="on")
    tasks.send_test_mail(models.TestMail.objects.get().pk)
    text, html = parts_of(relay)
    assert text.startswith("【配信前チェックの結果】配信できない理由 ")
    # Found in this draft: its list is empty. That it was not tested yet is no news in a test.
    assert "・" in text.split("─")[0]
    assert "テストメール" not in text.split("─")[0]
    assert "こんにちは" in text
    before, after = html.split("<body class='a'>")
    assert "【配信前チェックの結果】" not in before
    assert after.startswith("<div")
    assert after.index("【配信前チェックの結果】") < after.index("<p>こんにちは。</p>")


def test_without_the_tick_it_is_what_recipients_get(relay, campaign, editor):
    ask(editor, campaign, address="me@example.jp")
    tasks.send_test_mail(models.TestMail.objects.get().pk)
    assert not any("配信前チェックの結果" in part for part in parts_of(relay))


@pytest.mark.parametrize(
    ("page", "result"),
    [("", ""), ("<p>あ</p>", "<i></i><p>あ</p>"), ("<html><BODY\nid=a><p>", "<html><BODY\nid=a><i></i><p>")],
)
def test_an_element_is_put_first(page, result):
    assert test_mails.put_first(page, "<i></i>") == result


def test_what_a_note_says_is_no_markup():
    content = test_mails.mark_test(Content("件名", "本文", "<p>本文</p>"), "「<b>」と&")
    assert "「&lt;b&gt;」と&amp;" in content.html
    assert "「<b>」と&" in content.text


def test_the_results_say_when_the_check_may_be_asked_again(campaign, editor):
    ask(editor, campaign, address="me@example.jp")
    results = reverse("campaign_test_results", args=[campaign.pk])
    assert "HX-Trigger" not in editor.get(results)
    models.TestMail.objects.update(state=models.TestMailState.SENT)
    assert editor.get(results)["HX-Trigger"] == "tests-done"


def test_the_check_alone_keeps_the_ticks_that_were_made(campaign, editor):
    make_subscriber(campaign.mailing_lists.get())
    part = reverse("campaign_preflight", args=[campaign.pk])
    report = editor.get(part).context["report"]
    code = report.yellows[0].code
    page = editor.get(part, {"tick": [code]}).content.decode()
    assert page.count(" checked") == 1
    assert "先に、配信前チェック" in page
    assert f'value="{code}"' in page

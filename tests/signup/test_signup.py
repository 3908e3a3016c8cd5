"""登録フォーム: from the form by the mail to the subscriber, over real SMTP."""

from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from lists.erasing import erase
from lists.models import AttributeDefinition, Consent, Exclusion, Subscriber, Subscription
from signup import limits, mailing, requesting, tasks
from signup.models import FormDay, RequestState, SignupRequest
from tests.campaigns.turns import drain, relay_url
from tests.factories import make_subscriber, make_workspace
from tests.signup.making import AGREED, link_in, make_form, post, text_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def relay(smtp_sink, settings):
    settings.RELAY_URL = relay_url(smtp_sink.port)
    return smtp_sink


def send_due(now=None):
    for pk in mailing.mails_due(now=now or timezone.now()):
        mailing.send_mail(pk, now=now or timezone.now())


def test_a_person_registers_by_form_and_mail(relay, client):
    """A4, F4, F6: the embedded form, the signed mail, a GET that changes nothing, the POST, and the consent."""
    workspace = make_workspace()
    hobby = AttributeDefinition.objects.create(workspace=workspace, name="趣味", label="趣味")
    form = make_form(workspace, hobby, continue_url="https://shop.example/welcome", thanks="ありがとうございます。")
    answer = post(form, "Hana..suzuki@docomo.ne.jp", name="鈴木 花", **{f"a{hobby.pk}": "登山"})
    assert (answer.status_code, answer["Location"]) == (302, reverse("signup_sent", args=[form.token]))
    drain()
    tasks.tick()
    assert ("signup.tasks.send_confirmation", (SignupRequest.objects.get().pk,)) in drain()
    send_due()
    [mail] = relay.messages
    assert mail.rcpt_to == ["Hana..suzuki@docomo.ne.jp"]
    for item in ("みほん商店株式会社", "東京都千代田区千代田1-1", "https://shop.example/contact", AGREED, "季節の便り"):
        assert item in text_of(mail)
    assert b"List-Unsubscribe" not in mail.content
    page = client.get(link_in(mail))
    assert "登録する" in page.content.decode()
    assert not Subscriber.objects.exists()
    for _click in range(2):
        page = Client(enforce_csrf_checks=True).post(link_in(mail), REMOTE_ADDR="192.0.2.9")
        assert "登録が完了しました" in page.content.decode()
        assert "https://shop.example/welcome" in page.content.decode()
    subscriber = Subscriber.objects.get()
    assert (subscriber.name, subscriber.attributes) == ("鈴木 花", {"趣味": "登山"})
    consent = Consent.objects.get()
    assert (consent.subscriber, consent.source, consent.evidence) == (subscriber, "form", "トップページ")
    assert (consent.ip, consent.text_version) == ("192.0.2.9", form.wordings.get().version())
    day = FormDay.objects.get()
    assert (day.requests, day.confirmed) == (1, 1)
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["subscriber.created", "subscriber.listed"]
    assert len(SignupRequest.objects.get().user_agent) == 100


def test_nobody_learns_who_is_registered_and_only_some_are_mailed(relay):
    """The answer is one and the same; complaints, stops by hand and the 除外リスト stay."""
    form = make_form()
    workspace, mailing_list = form.workspace, form.mailing_lists.get()
    Exclusion.objects.create(workspace=None, kind="domain", value="blocked.example")
    for reason in ("complaint", "manual", "unsubscribed", "errors"):
        make_subscriber(mailing_list, f"{reason}@example.jp", status="stopped", stop_reason=reason)
    gone = make_subscriber(workspace=workspace, address="erased@example.jp")
    erase([gone.pk], workspace=workspace, actor=None, now=timezone.now())
    names = ["new", "complaint", "manual", "unsubscribed", "errors", "erased"]
    answers = [post(form, f"{name}@example.jp") for name in names] + [post(form, "me@sub.blocked.example")]
    answers += [post(form, "new@example.jp"), post(form, "bot@example.jp", website="https://spam.example")]
    assert len({(answer.status_code, answer["Location"], answer.content) for answer in answers}) == 1
    send_due()
    mailed = [mail.rcpt_to[0].partition("@")[0] for mail in relay.messages]
    assert sorted(mailed) == ["erased", "errors", "new", "unsubscribed"]
    for mail in relay.messages:
        Client().post(link_in(mail))
    states = dict(Subscriber.objects.values_list("address", "status"))
    assert states["unsubscribed@example.jp"] == states["errors@example.jp"] == states["erased@example.jp"] == "active"
    assert states["complaint@example.jp"] == states["manual@example.jp"] == "stopped"
    assert Consent.objects.filter(source="form").count() == 4


def test_a_complaint_after_the_mail_is_not_lifted(relay, client):
    form = make_form()
    post(form, "late@example.jp")
    send_due()
    make_subscriber(workspace=form.workspace, address="late@example.jp", status="stopped", stop_reason="complaint")
    answer = client.post(link_in(relay.messages[0]))
    assert answer.status_code == 409
    assert not Subscription.objects.exists()
    assert SignupRequest.objects.get().state == RequestState.SENT


def test_limits_keep_anybody_from_bombing_with_mail(relay, settings):
    """One mail an address and day whatever the form; so many an IP address and a form in an hour."""
    settings.SIGNUP_PER_IP_HOUR, settings.SIGNUP_PER_FORM_HOUR = 3, 5
    form = make_form()
    other = make_form(form.workspace)
    post(form, "victim@example.jp")
    post(other, "VICTIM@example.jp", ip="192.0.2.8")
    for number in range(4):
        post(form, f"v{number}@example.jp")
    send_due()
    assert len(relay.messages) == 3
    for number in range(4):
        post(form, f"w{number}@example.jp", ip=f"192.0.2.{100 + number}")
    send_due()
    assert len(relay.messages) == 5
    assert FormDay.objects.get(form=form).refused == 4
    # The next day it may be asked for again.
    tomorrow = timezone.now() - timedelta(hours=25)
    SignupRequest.objects.update(asked_at=tomorrow, mail_at=tomorrow)
    post(form, "victim@example.jp")
    send_due()
    assert len(relay.messages) == 6


def test_a_network_and_an_inbox_are_one_whatever_they_are_called(relay, settings):
    """Whoever has one IPv6 address has thousands, and an inbox many names."""
    settings.SIGNUP_PER_IP_HOUR = 3
    form = make_form()
    for number in range(5):
        post(form, f"v{number}@example.jp", ip=f"2001:db8:1:2::{number}")
    assert SignupRequest.objects.count() == 3
    post(form, "v5@example.jp", ip="2001:db8:1:3::1")
    assert SignupRequest.objects.count() == 4
    for address in ("hana.ko+1@gmail.com", "hanako@gmail.com", "h.anako+2@googlemail.com"):
        post(form, address, ip="192.0.2.9")
    send_due()
    assert [mail.rcpt_to for mail in relay.messages if "gmail" in mail.rcpt_to[0]] == [["hana.ko+1@gmail.com"]]


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::1", "::"),
    ],
)
def test_networks(ip, network):
    assert limits.network_of(ip) == network


def test_the_list_of_a_second_form_comes_the_next_day_and_no_third_mail(relay, client):
    """One mail an address and day, and nothing that was asked for is lost."""
    form = make_form()
    others = [make_form(form.workspace) for _number in range(2)]
    for asked in (form, form, *others):
        post(asked, "hana@example.jp")
    send_due()
    assert len(relay.messages) == 1
    client.post(link_in(relay.messages[0]))
    now = timezone.now()
    send_due(now + timedelta(hours=23))
    assert len(relay.messages) == 1
    send_due(now + timedelta(hours=25))
    assert len(relay.messages) == 2
    client.post(link_in(relay.messages[1]))
    found = set(Subscription.objects.values_list("mailing_list", flat=True))
    assert found == {form.mailing_lists.get().pk, others[0].mailing_lists.get().pk}
    send_due(now + timedelta(hours=72))
    assert len(relay.messages) == 2


def test_a_mail_that_waited_for_its_day_does_not_go_to_who_complained_meanwhile(relay):
    form = make_form()
    other = make_form(form.workspace)
    for asked in (form, other):
        post(asked, "hana@example.jp")
    Exclusion.objects.create(workspace=None, kind="address", value="hana@example.jp")
    send_due(timezone.now() + timedelta(hours=25))
    assert relay.messages == []
    assert not SignupRequest.objects.exclude(state=RequestState.SILENT).exists()


def test_who_left_can_come_back_at_once_and_the_old_link_says_how_it_stands(relay, client):
    form = make_form()
    post(form, "hana@example.jp")
    send_due()
    link = link_in(relay.messages[0])
    client.post(link)
    Subscriber.objects.update(status="stopped", stop_reason="unsubscribed", stopped_at=timezone.now())
    for answer in (client.get(link), client.post(link)):
        assert answer.status_code == 404
        assert "登録の後に配信が停止されています" in answer.content.decode()
    post(form, "hana@example.jp")
    send_due()
    assert len(relay.messages) == 2
    assert "登録が完了しました" in client.post(link_in(relay.messages[1])).content.decode()
    assert not Subscriber.objects.get().is_stopped()


def test_of_lists_that_are_gone_nothing_is_made(relay, client):
    """A4: nobody without a list and a consent."""
    form = make_form()
    post(form, "hana@example.jp")
    send_due()
    form.mailing_lists.get().delete()
    link = link_in(relay.messages[0])
    assert client.get(link).status_code == client.post(link).status_code == 404
    assert not Subscriber.objects.exists()
    assert SignupRequest.objects.get().state == RequestState.SENT


def test_a_stranger_brings_no_words_of_his_own_to_anybody(relay):
    form = make_form(name_rule="optional")
    post(form, "victim@example.jp", name="当選です https://evil.example/")
    send_due()
    assert "evil.example" not in str(message_from_bytes(relay.messages[0].content, policy=policy.default)["To"])


def test_a_request_that_nobody_confirms_is_forgotten(relay, client):
    form = make_form()
    post(form, "slow@example.jp")
    send_due()
    link = link_in(relay.messages[0])
    now = timezone.now()
    assert requesting.forget_requests(now=now + timedelta(days=6)) == 0
    SignupRequest.objects.update(asked_at=now - timedelta(days=7, minutes=1))
    assert client.get(link).status_code == client.post(link).status_code == 404
    assert "期限" in client.get(link).content.decode()
    english = client.get(link, headers={"Accept-Language": "fr-FR, en-GB;q=0.8, ja;q=0.5"}).content.decode()
    assert 'lang="en"' in english
    assert "too old" in english
    assert requesting.forget_requests(now=now) == 1
    assert not Subscriber.objects.exists()


def test_a_greylisting_server_is_asked_again_and_a_refusal_is_kept(relay):
    form = make_form()
    relay.replies |= {"grey@example.jp": "451 4.7.1 later", "gone@example.jp": "550 5.1.1 unknown"}
    post(form, "grey@example.jp")
    post(form, "gone@example.jp")
    send_due()
    grey, gone = SignupRequest.objects.order_by("pk")
    assert (grey.state, gone.state) == (RequestState.QUEUED, RequestState.FAILED)
    del relay.replies["grey@example.jp"]
    send_due()
    assert relay.messages == []
    send_due(now=timezone.now() + timedelta(minutes=3))
    assert [mail.rcpt_to for mail in relay.messages] == [["grey@example.jp"]]
    grey.refresh_from_db()
    assert grey.state == RequestState.SENT


def test_no_mail_of_a_sender_that_is_not_proved(relay):
    """A1."""
    form = make_form()
    form.sender.domain.verified_at = None
    form.sender.domain.save()
    post(form, "reader@example.jp")
    send_due()
    assert relay.messages == []


def test_the_page_in_english_asks_once_more_where_it_was_sent_too_quickly(client):
    form = make_form(language="en", heading="News")
    path = reverse("signup_form", args=[form.token])
    page = client.get(path)
    html = page.content.decode()
    assert '<html lang="en"' in html
    for word in ("本文", "必須", "登録"):
        assert word not in html
    shown = page.context["shown"]
    answer = client.post(path, {"address": "quick@example.jp", "shown": shown})
    assert "once more" in answer.content.decode()
    assert not SignupRequest.objects.exists()
    answer = client.post(path, {"address": "no address"})
    assert "Please check the email address." in answer.content.decode()


def test_a_stopped_form_takes_nothing(client):
    form = make_form(stopped_at=timezone.now())
    assert post(form, "late@example.jp").status_code == 410
    assert client.get(reverse("signup_form", args=["unknown"])).status_code == 404
    assert not SignupRequest.objects.exists()

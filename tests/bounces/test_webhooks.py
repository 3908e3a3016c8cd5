"""Webhooks: who may post, what is stored, what is answered, and the pages around them."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, Role, Workspace
from bounces import tasks
from bounces.errors import WebhookRefused
from bounces.models import Door, NoticeState, RawNotice, Service, Webhook
from bounces.webhook_signatures import is_sns_url
from bounces.webhooks import (
    MAX_BODY,
    MAX_EVENTS,
    Post,
    change_webhook,
    create_webhook,
    fetch_certificate,
    fetch_https,
    receive,
    secret_of,
)
from campaigns.models import DeliveryState
from tests.bounces.hooks import (
    CERTIFICATE_URL,
    MAILGUN_KEY,
    TOPIC,
    mailgun_signature,
    make_certificate,
    make_sns,
    sendgrid_headers,
    sendgrid_public_key,
    ses_bounce,
    ses_mail,
)
from tests.bounces.notices import message_id
from tests.factories import make_campaign, make_delivery, make_list, make_subscriber, make_user, make_workspace

pytestmark = pytest.mark.django_db
SECRETS = {Service.SENDGRID: sendgrid_public_key(), Service.MAILGUN: MAILGUN_KEY, Service.POSTMARK: "hiyoko"}


@pytest.fixture(autouse=True)
def certificate() -> Iterator[None]:
    """The certificate of SNS as it was fetched before, so that nobody asks the network."""
    cache.clear()
    fetch_certificate(CERTIFICATE_URL, lambda url: make_certificate())
    yield
    cache.clear()


def make_webhook(service: Service, workspace: Workspace | None = None) -> Webhook:
    workspace = workspace or make_workspace()
    webhook = create_webhook(workspace, service, make_user(workspace))
    topics = [TOPIC] if service == Service.SES else []
    change_webhook(webhook, make_user(workspace), secret=SECRETS.get(service, ""), topics=topics, is_active=True)
    webhook.refresh_from_db()
    return webhook


def post(webhook: Webhook, body: Any, **headers: str) -> int:
    """Post to the public address and return the status of the answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    client = Client(enforce_csrf_checks=True)
    answer = client.post(
        reverse("hook", args=[webhook.token]), content, content_type="application/json", headers=headers
    )
    return answer.status_code


def post_sendgrid(webhook: Webhook, body: Any, *, age: timedelta = timedelta()) -> int:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return post(webhook, content, **sendgrid_headers(content, at=timezone.now() - age))


def mailgun_body(*, age: timedelta = timedelta(), **event: Any) -> dict[str, Any]:
    told = {"event": "failed", "severity": "permanent", "recipient": "reader@dest.example"} | event
    return {"signature": mailgun_signature("token-1", at=timezone.now() - age), "event-data": told}


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()


POSTMARK = {
    "RecordType": "Bounce",
    "Type": "HardBounce",
    "Email": "reader@dest.example",
    "Details": "550 5.1.1 unknown",
}
BOUNCED = {"event": "bounce", "email": "reader@dest.example", "reason": "550 5.1.1 unknown user"}


# First the plain successes.


@pytest.mark.parametrize("version", ["1", "2"])
def test_ses_event_is_stored_and_counted(version: str) -> None:
    """The Message-ID that SES returns leads to the delivery."""
    mailing_list = make_list()
    delivery = make_delivery(
        make_campaign(mailing_list), make_subscriber(mailing_list, "reader@dest.example"), state=DeliveryState.SENT
    )
    event = ses_bounce()
    event["mail"] = ses_mail(headers=[{"name": "Message-ID", "value": message_id(delivery)}])
    webhook = make_webhook(Service.SES, mailing_list.workspace)
    assert post(webhook, make_sns(event, version=version)) == 200
    notice = RawNotice.objects.get()
    assert (notice.door, notice.source, notice.workspace) == (Door.WEBHOOK, "ses", webhook.workspace)
    assert json.loads(zlib.decompress(notice.content)) == event
    tasks.process_notices([notice.pk])
    delivery.refresh_from_db()
    notice.refresh_from_db()
    assert (delivery.state, notice.state) == (DeliveryState.BOUNCED, NoticeState.PROCESSED)
    webhook.refresh_from_db()
    assert webhook.received_at is not None


def test_sendgrid_batch_is_a_row_for_each_event() -> None:
    webhook = make_webhook(Service.SENDGRID)
    opened = {"event": "open", "email": "reader@dest.example"}
    assert post_sendgrid(webhook, [BOUNCED, BOUNCED | {"email": "other@dest.example"}, opened]) == 200
    # Opened mails are no news here.
    assert RawNotice.objects.count() == 2


def test_mailgun_event_is_stored() -> None:
    assert post(make_webhook(Service.MAILGUN), mailgun_body()) == 200
    assert json.loads(zlib.decompress(RawNotice.objects.get().content))["event"] == "failed"


def test_postmark_event_is_stored() -> None:
    assert post(make_webhook(Service.POSTMARK), POSTMARK, Authorization=basic("hiyoko")) == 200
    assert RawNotice.objects.get().source == "postmark"


def test_what_comes_again_is_one_row() -> None:
    ses, sendgrid, mailgun = (make_webhook(service) for service in (Service.SES, Service.SENDGRID, Service.MAILGUN))
    for number in range(2):
        # SNS repeats with another id, SendGrid with another time, Mailgun with the same token.
        assert post(ses, make_sns(ses_bounce(), MessageId=f"id-{number}")) == 200
        assert post_sendgrid(sendgrid, [BOUNCED], age=timedelta(hours=number)) == 200
        assert post(mailgun, mailgun_body()) == 200
    assert RawNotice.objects.count() == 3


def test_a_replayed_token_of_mailgun_carries_no_other_event() -> None:
    """Mailgun signs only the token: with one that was seen nothing new can be told."""
    webhook = make_webhook(Service.MAILGUN)
    body = mailgun_body()
    assert post(webhook, body) == 200
    body["event-data"]["recipient"] = "victim@dest.example"
    assert post(webhook, body) == 200
    assert b"victim" not in zlib.decompress(RawNotice.objects.get().content)


# Then who may not.


def test_forged_signatures_are_refused() -> None:
    ses, sendgrid, mailgun = (make_webhook(service) for service in (Service.SES, Service.SENDGRID, Service.MAILGUN))
    changed = make_sns(ses_bounce()) | {"Message": json.dumps(ses_bounce(bounceType="Transient"))}
    assert post(ses, changed) == 403
    unsigned = make_sns(ses_bounce()) | {"Signature": ""}
    assert post(ses, unsigned) == 403
    assert post(ses, make_sns(ses_bounce()) | {"SignatureVersion": "3"}) == 403
    body = json.dumps([BOUNCED]).encode()
    headers = sendgrid_headers(body, at=timezone.now())
    assert post(sendgrid, body + b" ", **headers) == 403
    assert post(sendgrid, body) == 403
    assert post(sendgrid, body, **headers | {"X-Twilio-Email-Event-Webhook-Signature": "ä"}) == 403
    forged = mailgun_body()
    forged["signature"]["signature"] = "0" * 64
    assert post(mailgun, forged) == 403
    assert post(mailgun, {"event-data": {}}) == 403
    postmark = make_webhook(Service.POSTMARK)
    assert post(postmark, POSTMARK) == 403
    assert post(postmark, POSTMARK, Authorization=basic("wrong")) == 403
    assert not RawNotice.objects.exists()
    postmark.refresh_from_db()
    assert "パスワードが違います" in postmark.problem
    assert post(postmark, POSTMARK, Authorization=basic("hiyoko")) == 200
    postmark.refresh_from_db()
    assert postmark.problem == ""


def test_what_is_too_old_or_from_the_future_is_refused() -> None:
    sendgrid, mailgun = make_webhook(Service.SENDGRID), make_webhook(Service.MAILGUN)
    for age in (timedelta(hours=26), -timedelta(minutes=10)):
        assert post_sendgrid(sendgrid, [BOUNCED], age=age) == 403
        assert post(mailgun, mailgun_body(age=age)) == 403
    # What the service repeats after an outage of ours is taken.
    assert post_sendgrid(sendgrid, [BOUNCED], age=timedelta(hours=23)) == 200
    assert post(mailgun, mailgun_body(age=timedelta(hours=8))) == 200


def test_a_topic_that_was_not_allowed_is_refused() -> None:
    """Anybody with an account at Amazon can sign messages: the topic says whose they are."""
    webhook = make_webhook(Service.SES)
    assert post(webhook, make_sns(ses_bounce(), TopicArn=TOPIC.replace("1111", "9999"))) == 403
    change_webhook(webhook, make_user(), secret="", topics=[], is_active=True)
    assert post(webhook, make_sns(ses_bounce())) == 403


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.ap-northeast-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.ap-northeast-1.amazonaws.com/a.pem",
        "https://sns.ap-northeast-1.amazonaws.com@evil.example/a.pem",
        "https://user@sns.ap-northeast-1.amazonaws.com/a.pem",
        "http://sns.ap-northeast-1.amazonaws.com/a.pem",
        "https://sns.ap-northeast-1.amazonaws.com:8443/a.pem",
        "https://sns.ap-northeast-1.amazonaws.com:no/a.pem",
        "https://s3.ap-northeast-1.amazonaws.com/a.pem",
        "https://bucket.sns.ap-northeast-1.amazonaws.com/a.pem",
        # Two of S3's names for whoever has a bucket called "sns".
        "https://sns.s3-ap-northeast-1.amazonaws.com/a.pem",
        "https://sns.s3-accelerate.amazonaws.com/a.pem",
        "https://sns.ap-northeast-1.amazonaws.com\n.evil.example/a.pem",
        "https://[::1/a.pem",
        "",
    ],
)
def test_certificates_come_from_sns_only(url: str) -> None:
    assert not is_sns_url(url)
    webhook, asked = make_webhook(Service.SES), list[str]()
    with pytest.raises(WebhookRefused):
        receive_sns(webhook, make_sns(ses_bounce()) | {"SigningCertURL": url}, asked)
    assert asked == []


def test_sns_has_several_hosts() -> None:
    assert is_sns_url("https://sns.us-east-1.amazonaws.com/x.pem")
    assert is_sns_url("https://sns.us-gov-west-1.amazonaws.com/x.pem")
    assert is_sns_url("https://sns.cn-north-1.amazonaws.com.cn/x.pem")


@pytest.mark.parametrize(
    "pem",
    [
        b"nonsense",
        make_certificate(days=-1),
        make_certificate(ec.generate_private_key(ec.SECP256R1())),
        make_certificate(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
    ],
    ids=["nonsense", "over", "of another kind", "of somebody else"],
)
def test_a_wrong_certificate_proves_nothing(pem: bytes) -> None:
    cache.clear()
    fetch_certificate(CERTIFICATE_URL, lambda url: pem)
    assert post(make_webhook(Service.SES), make_sns(ses_bounce())) == 403


def confirmation(**fields: str) -> dict[str, Any]:
    url = f"https://sns.ap-northeast-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={quote(TOPIC)}&Token=abc"
    return make_sns(
        "Do you want it?", kind="SubscriptionConfirmation", **{"Token": "abc", "SubscribeURL": url} | fields
    )


def receive_sns(webhook: Webhook, message: dict[str, Any], asked: list[str], *, fails: bool = False) -> int:
    def fetch(url: str) -> bytes:
        asked.append(url)
        if fails:
            raise OSError("no route")
        return b""

    return receive(webhook, Post(json.dumps(message).encode(), {}, timezone.now(), fetch))


def test_a_subscription_of_an_allowed_topic_is_confirmed() -> None:
    webhook, asked = make_webhook(Service.SES), list[str]()
    assert receive_sns(webhook, confirmation(), asked) == 0
    assert [url.partition("&")[0] for url in asked] == [
        "https://sns.ap-northeast-1.amazonaws.com/?Action=ConfirmSubscription"
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"TopicArn": TOPIC + "-else"},
        {"SubscribeURL": "https://evil.example/?Action=ConfirmSubscription"},
        {"SubscribeURL": "https://sns.ap-northeast-1.amazonaws.com/?Action=DeleteTopic&TopicArn=" + quote(TOPIC)},
        {"SubscribeURL": "https://sns.ap-northeast-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=other"},
    ],
)
def test_no_other_address_is_visited(fields: dict[str, str]) -> None:
    webhook, asked = make_webhook(Service.SES), list[str]()
    with pytest.raises(WebhookRefused) as refused:
        receive_sns(webhook, confirmation(**fields), asked)
    assert (refused.value.status, asked) == (403, [])


def test_amazon_is_asked_to_come_again_when_it_cannot_be_reached() -> None:
    webhook, asked = make_webhook(Service.SES), list[str]()
    with pytest.raises(WebhookRefused) as refused:
        receive_sns(webhook, confirmation(), asked, fails=True)
    assert refused.value.status == 503
    cache.clear()
    with pytest.raises(WebhookRefused) as refused:
        receive_sns(webhook, make_sns(ses_bounce()), asked, fails=True)
    assert refused.value.status == 503


def test_the_end_of_a_subscription_is_noted() -> None:
    webhook = make_webhook(Service.SES)
    ended = make_sns("gone", kind="UnsubscribeConfirmation", **{"Token": "abc", "SubscribeURL": "https://x"})
    assert post(webhook, ended) == 200
    webhook.refresh_from_db()
    assert "購読が解除されました" in webhook.problem


def test_sentences_of_ses_are_no_events() -> None:
    webhook = make_webhook(Service.SES)
    for sentence in ("Successfully validated SNS topic for Amazon SES event publishing.", "[1]", "[" * 50_000):
        assert post(webhook, make_sns(sentence)) == 200
    assert not RawNotice.objects.exists()


# Then nonsense and faults.


@pytest.mark.parametrize("service", list(Service))
def test_nonsense_is_answered_with_400_or_403(service: Service) -> None:
    webhook = make_webhook(service)
    for body in (b"", b"nonsense", b"[1]", b"null", b"{}", b"[" * 50_000):
        headers = sendgrid_headers(body, at=timezone.now()) if service == Service.SENDGRID else {}
        answer = post(webhook, body, **headers | {"Authorization": basic("hiyoko")})
        expected = 200 if (service, body) == (Service.POSTMARK, b"{}") else (400, 403)
        assert answer == expected or answer in (expected if isinstance(expected, tuple) else ())
    assert not RawNotice.objects.exists()


def test_mailgun_without_an_event_is_nonsense() -> None:
    assert post(make_webhook(Service.MAILGUN), mailgun_body() | {"event-data": []}) == 400


def test_what_is_too_large_is_answered_with_413() -> None:
    webhook = make_webhook(Service.SENDGRID)
    assert post_sendgrid(webhook, b" " * (MAX_BODY + 1)) == 413
    assert post_sendgrid(webhook, [{}] * (MAX_EVENTS + 1)) == 413


def test_unknown_and_closed_addresses_are_not_found() -> None:
    webhook = make_webhook(Service.POSTMARK)
    path = reverse("hook", args=[webhook.token])
    assert Client().get(path).status_code == 405
    change_webhook(webhook, make_user(), secret="", topics=[], is_active=False)
    assert post(webhook, POSTMARK, Authorization=basic("hiyoko")) == 404
    assert Client().post("/hooks/unknown/", b"{}", content_type="application/json").status_code == 404


def test_without_a_key_nothing_is_taken() -> None:
    workspace = make_workspace()
    for service in (Service.SENDGRID, Service.MAILGUN):
        webhook = create_webhook(workspace, service, make_user(workspace))
        assert not webhook.is_ready()
        assert post(webhook, [] if service == Service.SENDGRID else {}) == 403
        webhook.refresh_from_db()
        assert "登録されていません" in webhook.problem


@contextmanager
def moved(table: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table}_away RENAME TO {table}")


@pytest.mark.django_db(transaction=True)
def test_an_outage_asks_the_service_to_come_again() -> None:
    webhook = make_webhook(Service.POSTMARK)
    for table in (RawNotice._meta.db_table, Webhook._meta.db_table):
        with moved(table):
            assert post(webhook, POSTMARK, Authorization=basic("hiyoko")) == 503
    assert post(webhook, POSTMARK, Authorization=basic("hiyoko")) == 200
    assert RawNotice.objects.count() == 1


def test_a_lost_key_of_the_installation_asks_to_come_again(settings: Any) -> None:
    webhook = make_webhook(Service.MAILGUN)
    settings.ENCRYPTION_KEYS = []
    assert post(webhook, mailgun_body()) == 503


def test_fetching_has_its_own_errors() -> None:
    with pytest.raises(OSError, match=r"127\.0\.0\.1|refused"):
        fetch_https("https://127.0.0.1/")


# The pages.


def as_member(workspace: Workspace, role: Role = Role.ADMIN) -> Client:
    client = Client()
    client.force_login(make_user(workspace, role=role))
    return client


def test_an_administrator_makes_changes_and_deletes_a_webhook() -> None:
    workspace = make_workspace()
    client = as_member(workspace)
    page = client.post(reverse("webhook_index"), {"service": "mailgun"}, follow=True).content.decode()
    webhook = Webhook.objects.get()
    detail = reverse("webhook_detail", args=[webhook.pk])
    assert f"http://testserver/hooks/{webhook.token}/" in page
    assert "設定が必要" in page
    saved = client.post(detail, {"secret": MAILGUN_KEY, "is_active": "on"}, follow=True).content.decode()
    assert "受け付け中" in saved
    assert MAILGUN_KEY not in saved
    webhook.refresh_from_db()
    assert MAILGUN_KEY not in webhook.secret
    # An empty field keeps the key.
    client.post(detail, {"secret": ""})
    webhook.refresh_from_db()
    assert (secret_of(webhook), webhook.is_active) == (MAILGUN_KEY, False)
    assert "停止中" in client.get(reverse("webhook_index")).content.decode()
    client.post(reverse("webhook_delete", args=[webhook.pk]))
    assert not Webhook.objects.exists()
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["webhook.create", "webhook.update", "webhook.update", "webhook.delete"]


def test_topics_are_checked() -> None:
    webhook = make_webhook(Service.SES)
    client, detail = as_member(webhook.workspace), reverse("webhook_detail", args=[webhook.pk])
    assert "ARNではありません" in client.post(detail, {"topics": "bounces"}).content.decode()
    many = "\n".join(f"{TOPIC}-{number}" for number in range(21))
    assert "20個まで" in client.post(detail, {"topics": many}).content.decode()
    client.post(detail, {"topics": f"{TOPIC}\r\n{TOPIC}\n{TOPIC}-2", "is_active": "on"})
    webhook.refresh_from_db()
    assert webhook.topics == f"{TOPIC}\n{TOPIC}-2"


def test_a_key_of_sendgrid_is_checked() -> None:
    workspace = make_workspace()
    webhook = create_webhook(workspace, Service.SENDGRID, make_user(workspace))
    client, detail = as_member(workspace), reverse("webhook_detail", args=[webhook.pk])
    for wrong in ("", "nonsense", MAILGUN_KEY):
        assert "field-errors" in client.post(detail, {"secret": wrong}).content.decode()
    pem = f"-----BEGIN PUBLIC KEY-----\n{sendgrid_public_key()}\n-----END PUBLIC KEY-----"
    assert client.post(detail, {"secret": pem}).status_code == 302


def test_postmark_needs_no_password() -> None:
    workspace = make_workspace()
    webhook = create_webhook(workspace, Service.POSTMARK, make_user(workspace))
    assert webhook.is_ready()
    assert (
        as_member(workspace).post(reverse("webhook_detail", args=[webhook.pk]), {"is_active": "on"}).status_code == 302
    )
    assert post(webhook, POSTMARK) == 200


def test_pages_belong_to_administrators_of_the_workspace() -> None:
    webhook = make_webhook(Service.POSTMARK)
    detail, delete = (reverse(name, args=[webhook.pk]) for name in ("webhook_detail", "webhook_delete"))
    editor, stranger = as_member(webhook.workspace, Role.EDITOR), as_member(make_workspace())
    assert [editor.get(path).status_code for path in (reverse("webhook_index"), detail)] == [403, 403]
    assert [stranger.get(detail).status_code, stranger.post(delete).status_code] == [404, 404]
    assert (
        webhook.get_service_display()
        not in stranger.get(reverse("webhook_index")).content.decode().partition("<form")[0]
    )
    assert Webhook.objects.exists()


def test_a_missing_key_of_the_installation_is_said(settings: Any) -> None:
    webhook = make_webhook(Service.POSTMARK)
    settings.ENCRYPTION_KEYS = []
    detail = reverse("webhook_detail", args=[webhook.pk])
    page = as_member(webhook.workspace).post(detail, {"secret": "new"}).content.decode()
    assert "ENCRYPTION_KEYS" in page

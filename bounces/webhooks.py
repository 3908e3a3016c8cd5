"""Takes what sending services post to a webhook: proves the sender, stores each event, confirms subscriptions."""

from __future__ import annotations

import hashlib
import http.client
import json
import secrets
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User, Workspace
from bounces.errors import WebhookRefused
from bounces.intake import store_raw
from bounces.mime_reading import UnreadableNotice
from bounces.models import Door, Service, Webhook
from bounces.parsed import NoticeKind
from bounces.webhook_events import parse_event
from bounces.webhook_signatures import (
    Fetch,
    has_password,
    is_confirmation,
    is_signed_by_mailgun,
    is_signed_by_sendgrid,
    is_signed_by_sns,
    load_sendgrid_key,
)
from senders.secrets import decrypt, encrypt

# SendGrid posts batches of at most 768 KB.
MAX_BODY = 1024 * 1024
MAX_EVENTS = 5000
MAX_FETCHED = 64 * 1024
FETCH_SECONDS = 5.0
CERTIFICATE_SECONDS = 24 * 60 * 60
# The time of the newest post is written at most so often.
SEEN_EVERY = timedelta(seconds=5)

BAD_REQUEST, FORBIDDEN, TOO_LARGE, UNAVAILABLE = 400, 403, 413, 503


@dataclass(frozen=True, slots=True)
class Post:
    """What came over HTTP; `headers` are asked without regard to case."""

    body: bytes
    headers: Mapping[str, str]
    now: datetime
    fetch: Fetch


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it is stored; `identity` names it where its content is not signed."""

    content: bytes
    identity: bytes = b""


def create_webhook(workspace: Workspace, service: Service, user: User) -> Webhook:
    """Make a webhook with an address that nobody can guess."""
    with transaction.atomic():
        webhook = Webhook.objects.create(workspace=workspace, service=service, token=secrets.token_urlsafe(32))
        audit.record(workspace, user, "webhook.create", webhook.get_service_display())
    return webhook


def change_webhook(webhook: Webhook, user: User, *, secret: str, topics: Sequence[str], is_active: bool) -> None:
    """Change what a webhook takes; an empty `secret` keeps the one there is. Raises SenderError without keys."""
    fields = {"topics": "\n".join(topics), "is_active": is_active, "problem": ""}
    if secret:
        fields["secret"] = encrypt(secret.encode()).decode()
    with transaction.atomic():
        Webhook.objects.filter(pk=webhook.pk).update(**fields)
        audit.record(webhook.workspace, user, "webhook.update", webhook.get_service_display(), active=is_active)


def delete_webhook(webhook: Webhook, user: User) -> None:
    """Close a webhook for good."""
    with transaction.atomic():
        webhook.delete()
        audit.record(webhook.workspace, user, "webhook.delete", webhook.get_service_display())


def url_of(webhook: Webhook) -> str:
    """Return the address that is pasted into the service."""
    return f"{settings.BASE_URL}{reverse('hook', args=[webhook.token])}"


def receive(webhook: Webhook, post: Post) -> int:
    """Store the events of a post, all or none, and return how many tell of deliveries.

    Raises WebhookRefused with the answer to give. The newest problem is kept for the page of the webhooks.
    """
    try:
        events = [event for event in OPENERS[Service(webhook.service)](webhook, post) if is_telling(event, webhook)]
    except WebhookRefused as refused:
        when = post.now.astimezone(webhook.workspace.zone).strftime("%Y/%m/%d %H:%M")
        Webhook.objects.filter(pk=webhook.pk).update(problem=f"{when} {refused.sentence}"[:500])
        raise
    with transaction.atomic():
        for event in events:
            store_raw(
                event.content,
                envelope_to="",
                door=Door.WEBHOOK,
                workspace=webhook.workspace,
                source=webhook.service,
                identity=event.identity,
            )
        seen = Webhook.objects.filter(pk=webhook.pk).exclude(received_at__gt=post.now - SEEN_EVERY, problem="")
        seen.update(received_at=post.now, problem="")
    return len(events)


def is_telling(event: Event, webhook: Webhook) -> bool:
    """Say whether an event is worth a row: opened and clicked mails, which services tell of by the million, are not."""
    try:
        return parse_event(event.content, webhook.service).kind != NoticeKind.ORDINARY
    except UnreadableNotice:
        # The processing sets it aside, where a person sees it.
        return True


def read_object(body: bytes) -> dict[str, Any]:
    """Return a posted JSON object; raises WebhookRefused."""
    value = read_json(body)
    if not isinstance(value, dict):
        raise WebhookRefused(BAD_REQUEST, _("JSONの形が違います。サービスの種類が合っているか確かめてください。"))
    return value


def read_json(body: bytes) -> Any:
    """Return posted JSON; raises WebhookRefused."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WebhookRefused(BAD_REQUEST, _("JSONとして読めないデータが届きました。")) from error


def make_event(value: Mapping[str, Any], identity: str = "") -> Event:
    """Return an event in one form, so that a repetition is the same bytes; raises WebhookRefused."""
    try:
        content = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    except RecursionError as error:
        raise WebhookRefused(BAD_REQUEST, _("JSONとして読めないデータが届きました。")) from error
    return Event(content.encode("utf-8", "surrogatepass"), identity.encode("utf-8", "replace"))


def secret_of(webhook: Webhook) -> str:
    """Return the secret of a webhook, "" where none was entered."""
    return decrypt(webhook.secret.encode()).decode() if webhook.secret else ""


def require(is_right: object, sentence: str) -> None:
    """Refuse what is not proven; raises WebhookRefused."""
    if not is_right:
        raise WebhookRefused(FORBIDDEN, sentence)


def open_ses(webhook: Webhook, post: Post) -> list[Event]:
    """Open a message of Amazon SNS: an event of SES, or the question whether the topic may post here."""
    message = read_object(post.body)
    topic, kind = message.get("TopicArn"), message.get("Type")
    # Asked first: the topic is what a person allowed, and costs no certificate to be fetched.
    require(isinstance(topic, str) and topic in webhook.topics.split(), _("許可していないSNSトピックから届きました。"))
    try:
        proven = is_signed_by_sns(message, lambda url: fetch_certificate(url, post.fetch), now=post.now)
        require(proven, _("Amazon SNSの署名が正しくありません。"))
        if kind == "SubscriptionConfirmation":
            url = str(message.get("SubscribeURL", ""))
            require(is_confirmation(url, str(topic)), _("SNSの確認用URLが正しくありません。"))
            post.fetch(url)
    except OSError as error:
        raise WebhookRefused(
            UNAVAILABLE, _("Amazon SNSに接続できませんでした。SNSからの再送を待っています。")
        ) from error
    if kind == "UnsubscribeConfirmation":
        raise WebhookRefused(200, _("SNSトピックの購読が解除されました。続けて受け取るには、購読し直してください。"))
    return ses_events(str(message.get("Message", ""))) if kind == "Notification" else []


def ses_events(text: str) -> list[Event]:
    """Return the event of a notification; a plain sentence, with which SES tries out a topic, is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [make_event(value)] if isinstance(value, dict) else []


def open_sendgrid(webhook: Webhook, post: Post) -> list[Event]:
    """Open a batch of SendGrid."""
    key = load_sendgrid_key(secret_of(webhook))
    if key is None:
        raise WebhookRefused(FORBIDDEN, _("SendGridの公開鍵が登録されていません。"))
    signature = post.headers.get("X-Twilio-Email-Event-Webhook-Signature", "")
    timestamp = post.headers.get("X-Twilio-Email-Event-Webhook-Timestamp", "")
    proven = is_signed_by_sendgrid(post.body, key, signature=signature, timestamp=timestamp, now=post.now)
    require(proven, _("SendGridの署名が正しくないか、古すぎます。公開鍵を確かめてください。"))
    batch = read_json(post.body)
    if not isinstance(batch, list) or not all(isinstance(item, dict) for item in batch):
        raise WebhookRefused(BAD_REQUEST, _("JSONの形が違います。サービスの種類が合っているか確かめてください。"))
    if len(batch) > MAX_EVENTS:
        raise WebhookRefused(TOO_LARGE, _("一度に届いたイベントが多すぎます。"))
    return [make_event(item) for item in batch]


def open_mailgun(webhook: Webhook, post: Post) -> list[Event]:
    """Open an event of Mailgun. Its signature covers only the token, so whatever comes with one token is one event."""
    key, message = secret_of(webhook), read_object(post.body)
    require(key, _("MailgunのHTTP webhook signing keyが登録されていません。"))
    signature, event = message.get("signature"), message.get("event-data")
    proven = isinstance(signature, dict) and is_signed_by_mailgun(signature, key, now=post.now)
    require(proven, _("Mailgunの署名が正しくないか、古すぎます。HTTP webhook signing keyを確かめてください。"))
    if not isinstance(event, dict) or not isinstance(signature, dict):
        raise WebhookRefused(BAD_REQUEST, _("JSONの形が違います。サービスの種類が合っているか確かめてください。"))
    return [make_event(event, f"mailgun:{signature['token']}")]


def open_postmark(webhook: Webhook, post: Post) -> list[Event]:
    """Open an event of Postmark, which signs nothing: the address is secret, and a password may be asked for."""
    password = secret_of(webhook)
    proven = not password or has_password(post.headers.get("Authorization", ""), password)
    require(proven, _("Postmarkから届いたパスワードが違います。"))
    return [make_event(read_object(post.body))]


OPENERS: dict[Service, Callable[[Webhook, Post], list[Event]]] = {
    Service.SES: open_ses,
    Service.SENDGRID: open_sendgrid,
    Service.MAILGUN: open_mailgun,
    Service.POSTMARK: open_postmark,
}


def fetch_certificate(url: str, fetch: Fetch) -> bytes:
    """Return a certificate of SNS, fetched once a day."""
    key = f"sns-certificate:{hashlib.sha256(url.encode('utf-8', 'replace')).hexdigest()}"
    known: bytes | None = cache.get(key)
    if known is not None:
        return known
    pem = fetch(url)
    cache.set(key, pem, CERTIFICATE_SECONDS)
    return pem


def fetch_https(url: str) -> bytes:
    """Return the first bytes at an https URL, without following redirections. Raises OSError."""
    parts = urlsplit(url)
    connection = http.client.HTTPSConnection(
        parts.hostname or "", timeout=FETCH_SECONDS, context=ssl.create_default_context()
    )
    try:
        connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path)
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise OSError(f"{parts.hostname} answered {answer.status}")
        return answer.read(MAX_FETCHED)
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"{parts.hostname}: {error}") from error
    finally:
        connection.close()

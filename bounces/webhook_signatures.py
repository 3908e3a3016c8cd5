"""Proves who sent what came to a webhook: Amazon SNS, SendGrid, Mailgun, Postmark. Pure but for the given fetcher."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

# Returns what stands at an https URL. Raises OSError where it cannot be had.
Fetch = Callable[[str], bytes]

# With the name of a region in it ("ap-northeast-1"): sns.s3-us-west-2.amazonaws.com would be somebody's bucket on S3.
SNS_HOST = re.compile(r"sns\.[a-z]{2,10}(?:-[a-z]{2,20}){1,3}-[0-9]{1,2}\.amazonaws\.com(?:\.cn)?")
# "Verifying the signatures of Amazon SNS messages": the fields that are signed, in this order.
SNS_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
SNS_HASHES: dict[str, type[hashes.HashAlgorithm]] = {"1": hashes.SHA1, "2": hashes.SHA256}
# SendGrid repeats what was not taken for 24 hours, Mailgun for 8. A repetition changes nothing, because an event is
# stored once; so the window is as long as that, and an outage of ours loses nothing.
SENDGRID_WINDOW = timedelta(hours=25)
MAILGUN_WINDOW = timedelta(hours=9)
CLOCK_DIFFERENCE = timedelta(minutes=5)


def is_sns_url(url: str) -> bool:
    """Say whether a URL leads to Amazon SNS itself. Anything else could be anybody's certificate."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    own = parts.scheme == "https" and port in (None, 443) and parts.username is None
    return own and SNS_HOST.fullmatch(parts.hostname or "") is not None


def is_confirmation(url: str, topic: str) -> bool:
    """Say whether a URL confirms the subscription to a topic and does nothing else."""
    query = parse_qs(urlsplit(url).query)
    return is_sns_url(url) and query.get("Action") == ["ConfirmSubscription"] and query.get("TopicArn") == [topic]


def is_signed_by_sns(message: Mapping[str, Any], fetch: Fetch, *, now: datetime) -> bool:
    """Check the signature of an SNS message. The certificate is fetched only from SNS itself.

    Raises OSError where it cannot be fetched: then nothing is known of the signature.
    """
    url, algorithm = str(message.get("SigningCertURL", "")), SNS_HASHES.get(str(message.get("SignatureVersion", "")))
    text, signature = sns_text(message), decode_base64(message.get("Signature"))
    if not is_sns_url(url) or not urlsplit(url).path.endswith(".pem") or algorithm is None or not text or not signature:
        return False
    key = load_certificate(fetch(url), now=now)
    if key is None:
        return False
    try:
        key.verify(signature, text, padding.PKCS1v15(), algorithm())
    except InvalidSignature:
        return False
    return True


def sns_text(message: Mapping[str, Any]) -> bytes:
    """Return what SNS signs: names and values, a line each; a Subject only where there is one. b"" for nonsense."""
    names = SNS_SIGNED.get(str(message.get("Type", "")), ())
    values = {name: message.get(name) for name in names if name != "Subject" or message.get(name) is not None}
    if not all(isinstance(value, str) for value in values.values()):
        return b""
    return "".join(f"{name}\n{value}\n" for name, value in values.items()).encode("utf-8", "replace")


def load_certificate(pem: bytes, *, now: datetime) -> rsa.RSAPublicKey | None:
    """Return the key of a certificate that is valid now."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    is_valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    return key if is_valid and isinstance(key, rsa.RSAPublicKey) else None


def load_sendgrid_key(text: str) -> ec.EllipticCurvePublicKey | None:
    """Return the verification key that SendGrid shows (base64 of the DER form), None where it is none."""
    try:
        key = serialization.load_der_public_key(decode_base64(re.sub(r"-----[A-Z ]+-----|\s", "", text)))
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) else None


def is_signed_by_sendgrid(
    body: bytes, key: ec.EllipticCurvePublicKey, *, signature: str, timestamp: str, now: datetime
) -> bool:
    """Check the ECDSA signature over time and body ("Event Webhook Security Features")."""
    if not is_recent(timestamp, SENDGRID_WINDOW, now=now):
        return False
    try:
        key.verify(decode_base64(signature), timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def is_signed_by_mailgun(signature: Mapping[str, Any], key: str, *, now: datetime) -> bool:
    """Check the HMAC over time and token ("Securing webhooks"). It does not cover the event, so a token counts once."""
    timestamp, token = str(signature.get("timestamp", "")), str(signature.get("token", ""))
    if not token or not is_recent(timestamp, MAILGUN_WINDOW, now=now):
        return False
    expected = hmac.new(key.encode(), f"{timestamp}{token}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()
    return same(str(signature.get("signature", "")), expected)


def has_password(authorization: str, password: str) -> bool:
    """Check the password of HTTP basic authentication (RFC 7617), with any user name."""
    scheme, _, credentials = authorization.partition(" ")
    given = decode_base64(credentials).partition(b":")[2]
    return scheme.lower() == "basic" and hmac.compare_digest(given, password.encode())


def is_recent(timestamp: str, window: timedelta, *, now: datetime) -> bool:
    """Say whether a Unix time lies within a window before now."""
    if not re.fullmatch(r"[0-9]{1,11}", timestamp):
        return False
    age = now - datetime.fromtimestamp(int(timestamp), UTC)
    return -CLOCK_DIFFERENCE <= age <= window


def same(given: str, expected: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def decode_base64(text: object) -> bytes:
    """Return what a base64 text stands for, b"" where it is none."""
    try:
        return base64.b64decode(str(text).encode("ascii", "replace"), validate=True)
    except binascii.Error:
        return b""

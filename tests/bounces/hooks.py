"""Posts as the sending services make them, with keys and certificates of our own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

TOPIC = "arn:aws:sns:ap-northeast-1:111122223333:bounces"
CERTIFICATE_URL = "https://sns.ap-northeast-1.amazonaws.com/SimpleNotificationService-0.pem"
SNS_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SENDGRID_KEY = ec.generate_private_key(ec.SECP256R1())
MAILGUN_KEY = "key-of-the-tests"
# The fields that Amazon documents as signed, in its order.
SIGNED = {
    "Notification": ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
    "SubscriptionConfirmation": ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
    "UnsubscribeConfirmation": ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
}


def make_certificate(key: Any = SNS_KEY, *, days: int = 30) -> bytes:
    """Return a certificate that began yesterday and ends after `days`."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def make_sns(message: Any, *, kind: str = "Notification", version: str = "1", **fields: str) -> dict[str, Any]:
    """Return a signed message of Amazon SNS."""
    post = {
        "Type": kind,
        "MessageId": "0c1e7a52-0000-4000-8000-000000000000",
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": "2026-01-05T01:00:00.000Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
    } | fields
    text = "".join(f"{name}\n{post[name]}\n" for name in SIGNED[kind] if name in post)
    # Version 1 of Amazon's signatures uses SHA-1.
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303
    signature = SNS_KEY.sign(text.encode(), padding.PKCS1v15(), algorithm)
    return post | {"Signature": base64.b64encode(signature).decode()}


def sendgrid_public_key() -> str:
    """Return the key as SendGrid shows it."""
    der = SENDGRID_KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()


def sendgrid_headers(body: bytes, *, at: datetime) -> dict[str, str]:
    """Return the headers that SendGrid signs a body with."""
    timestamp = str(int(at.timestamp()))
    signature = SENDGRID_KEY.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
    }


def mailgun_signature(token: str, *, at: datetime, key: str = MAILGUN_KEY) -> dict[str, str]:
    """Return the signature that Mailgun puts beside an event."""
    timestamp = str(int(at.timestamp()))
    digest = hmac.new(key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {"timestamp": timestamp, "token": token, "signature": digest}


def ses_mail(**fields: Any) -> dict[str, Any]:
    """Return what SES tells of the mail itself."""
    return {
        "messageId": "an-id-of-ses",
        "source": "b-1-x@bounce.example.com",
        "destination": ["reader@dest.example"],
        "headers": [{"name": "Message-ID", "value": "<d-own@shop.example>"}],
    } | fields


def ses_bounce(**fields: Any) -> dict[str, Any]:
    """Return a bounce as SES publishes it."""
    told = {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {
                "emailAddress": "reader@dest.example",
                "action": "failed",
                "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 user unknown",
            }
        ],
    } | fields
    return {"eventType": "Bounce", "bounce": told, "mail": ses_mail()}

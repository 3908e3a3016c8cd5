"""Notices for the tests: the mails of tests/emails, addressed to deliveries that exist."""

from pathlib import Path

from django.conf import settings

from bounces.intake import store_raw
from bounces.models import Door, RawNotice
from campaigns.links import MESSAGE_ID
from campaigns.models import Delivery
from mta import return_path, tokens

EMAILS = Path(__file__).parent.parent / "emails"


def read_email(name: str) -> bytes:
    return (EMAILS / f"{name}.eml").read_bytes()


def signed_path(delivery: Delivery) -> str:
    return return_path.encode(delivery.pk, secret=settings.SECRET_KEY, domain=settings.RETURN_DOMAIN)


def message_id(delivery: Delivery) -> str:
    return f"<d-{tokens.make(MESSAGE_ID, delivery.pk, secret=settings.SECRET_KEY)}@shop.example>"


def make_notice(
    name: str = "postfix-user-unknown", *, to: str = "lost@bounce.example.com", **replaced: str
) -> RawNotice:
    """Store a mail of tests/emails for an envelope recipient; `replaced` are texts to put in for others."""
    content = read_email(name)
    for old, new in replaced.items():
        content = content.replace(old.encode(), new.encode())
    return store_raw(content, envelope_to=to, door=Door.LMTP)

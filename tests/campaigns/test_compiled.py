"""A compiled campaign gives the bytes of the plain renderer, on random templates and recipients."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Workspace
from campaigns.models import Campaign, Delivery
from campaigns.rendering import Renderer
from mta.courier import stuff_body
from mta.dkim import SigningKey
from mta.mime import MimeError
from mta.outcomes import Outgoing
from senders.models import Sender, SenderDomain
from tests.mta.dkim_oracle import verifies

RSA_KEY = SigningKey("shop.example", "rsa", generate_private_key(65537, 2048))
ED25519_KEY = SigningKey("shop.example", "ed", Ed25519PrivateKey.generate())
KEYS = ((), (RSA_KEY,), (ED25519_KEY,), (RSA_KEY, ED25519_KEY))
TAGS = ("name", "address", "都市", "会員番号", "sender_name", "legal_name", "contact", "unsubscribe_url", "なし")
LETTERS = st.characters(exclude_categories=["Cs"])
WORDS = st.text(LETTERS, max_size=60) | st.text(st.sampled_from('a.=<>&" \t\r\n-あ{}|'), max_size=60)
# PostgreSQL keeps no NUL, and a value that could end a header line is refused by both ways alike.
VALUE = st.text(LETTERS, max_size=40) | st.text(st.sampled_from('ab \t\r\n<&"あ'), max_size=20)
TAG = st.builds("{{{{{}{}}}}}".format, st.sampled_from(TAGS), st.sampled_from(["", "|", "|お客様", "| A & B ", "|{"]))
TEMPLATE = st.lists(WORDS | TAG, max_size=8).map("".join)
DATE = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)


def make_delivery(subject: str, text: str, html: str, name: str, attributes: dict[str, str], pk: int) -> Delivery:
    workspace = Workspace(pk=3, name="みほん")
    domain = SenderDomain(pk=4, workspace=workspace, name="shop.example")
    sender = Sender(
        workspace=workspace,
        domain=domain,
        name="みほん商店",
        address="news@shop.example",
        reply_to="help@shop.example" if pk % 2 else "",
        legal_name="みほん商店 & Co.",
        postal_address="東京都千代田区千代田1-1",
        contact="https://shop.example/",
    )
    campaign = Campaign(pk=5, workspace=workspace, subject=subject, text=text, html=html, sender=sender)
    return Delivery(
        pk=pk,
        workspace=workspace,
        campaign=campaign,
        address="a..b@docomo.ne.jp" if pk % 3 else "taro@example.jp",
        name=name,
        attributes=attributes,
        mail_date=DATE,
        due_at=DATE,
    )


def renderer_with(*keys: SigningKey) -> Renderer:
    renderer = Renderer()
    renderer.keys[4] = keys
    return renderer


def outcome_of(render: Callable[[Delivery], Outgoing], delivery: Delivery) -> Outgoing | str:
    try:
        outgoing = render(delivery)
        if outgoing.is_wire_ready:
            # What the compiled form claims holds.
            assert stuff_body(outgoing.data) + b"\r\n" == outgoing.data
        return replace(outgoing, is_wire_ready=False)
    except MimeError as error:
        return str(error)


@given(
    subject=TEMPLATE,
    text=TEMPLATE,
    html=TEMPLATE | st.just(""),
    people=st.lists(st.tuples(VALUE, VALUE, VALUE, st.integers(1, 10**12)), min_size=1, max_size=4),
    keys=st.sampled_from(KEYS),
)
def test_gives_what_the_plain_way_gives(subject, text, html, people, keys):
    deliveries = [
        make_delivery(subject, text, html, name, {"都市": city, "会員番号": number}, pk)
        for name, city, number, pk in people
    ]
    renderer = renderer_with(*keys)
    for delivery in deliveries:
        delivery.campaign = deliveries[0].campaign
        assert outcome_of(renderer.render, delivery) == outcome_of(renderer.render_plainly, delivery)


@pytest.mark.parametrize("keys", KEYS[1:], ids=["rsa", "ed25519", "both"])
def test_the_signatures_are_accepted(keys):
    delivery = make_delivery("{{name}}様", "{{name}}様\n本文" * 50, "<p>{{都市}}</p>", "花子", {"都市": "京都"}, 7)
    outgoing = renderer_with(*keys).compile(delivery.campaign).render(delivery)
    assert verifies(outgoing.data, *keys)


def test_a_value_with_a_line_end_goes_the_plain_way():
    delivery = make_delivery("題", "住所:\n{{都市}}\n", "", "花子", {"都市": "京都\n下京区"}, 7)
    renderer = renderer_with()
    assert renderer.compile(delivery.campaign).render(delivery) is None
    assert outcome_of(renderer.render, delivery) == renderer.render_plainly(delivery)


def test_a_text_cut_in_a_line_end_goes_the_plain_way():
    delivery = make_delivery("題", "一行目\r{{name}}\n二行目", "", "", {}, 7)
    renderer = renderer_with()
    assert renderer.compile(delivery.campaign) is None
    assert outcome_of(renderer.render, delivery) == renderer.render_plainly(delivery)


def test_the_same_moment_in_another_zone_is_written_as_it_is():
    renderer = renderer_with()
    for zone in (UTC, timezone(timedelta(hours=9))):
        delivery = make_delivery("題", "本文", "", "", {}, 7)
        delivery.mail_date = DATE.astimezone(zone)
        assert outcome_of(renderer.render, delivery) == renderer.render_plainly(delivery)

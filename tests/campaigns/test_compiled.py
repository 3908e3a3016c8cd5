"""A compiled campaign gives the bytes of the plain renderer, on random templates and recipients."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Workspace
from campaigns.authors import author_of
from campaigns.bodies import Edition, write_body
from campaigns.models import Campaign, Delivery
from campaigns.rendering import MOST_EDITIONS, Renderer
from designs.regions import cut_html, cut_text
from mta.courier import stuff_body
from mta.dkim import SigningKey
from mta.mime import MimeError
from mta.outcomes import Outgoing
from senders.models import Sender, SenderDomain
from tests.mta.dkim_oracle import verifies
from tracking.links import Body, Links, picture_url
from tracking.rewriting import add_picture, rewrite_html, rewrite_text

RSA_KEY = SigningKey("shop.example", "rsa", generate_private_key(65537, 2048))
ED25519_KEY = SigningKey("shop.example", "ed", Ed25519PrivateKey.generate())
KEYS = ((), (RSA_KEY,), (ED25519_KEY,), (RSA_KEY, ED25519_KEY))
TAGS = (
    "name",
    "address",
    "都市",
    "会員番号",
    "sender_name",
    "legal_name",
    "contact",
    "unsubscribe_url",
    "allow_url",
    "なし",
    "会員番号:円",
    "都市:和暦",
    "legal_name:月日",
    "なし:円",
)
LETTERS = st.characters(exclude_categories=["Cs"])
WORDS = st.text(LETTERS, max_size=60) | st.text(st.sampled_from('a.=<>&" \t\r\n-あ{}|'), max_size=60)
# PostgreSQL keeps no NUL, and a value that could end a header line is refused by both ways alike.
VALUE = st.text(LETTERS, max_size=40) | st.text(st.sampled_from('ab .=\t\r\n<&"あ'), max_size=20)
TAG = st.builds("{{{{{}{}}}}}".format, st.sampled_from(TAGS), st.sampled_from(["", "|", "|お客様", "| A & B ", "|{"]))
# Of these quoted-printable is made: what it encodes, at the starts and ends of lines and at the 76th column.
LINES = st.sampled_from([".", "=", "a \n", "\n.a", "\r\n", "From ", "  <td>", "é"]) | st.builds(
    "{}\n".format, st.integers(60, 80).map("x".__mul__)
)
TEMPLATE = st.lists(WORDS | TAG, max_size=8).map("".join) | st.lists(LINES | TAG, max_size=16).map("".join)
DATE = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)


def make_delivery(subject: str, text: str, html: str, name: str, attributes: dict[str, str], pk: int) -> Delivery:
    workspace = Workspace(pk=3, name="みほん")
    domain = SenderDomain(pk=4, workspace=workspace, name="shop.example")
    sender = Sender(
        pk=6,
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
    renderer.keys[6, 5] = keys
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
    # None = not frozen, or frozen before there was a choice.
    return_domain=st.sampled_from([None, "", "bounce.shop.example"]),
)
def test_gives_what_the_plain_way_gives(subject, text, html, people, keys, return_domain):
    deliveries = [
        make_delivery(subject, text, html, name, {"都市": city, "会員番号": number}, pk)
        for name, city, number, pk in people
    ]
    campaign = deliveries[0].campaign
    if return_domain is not None:
        campaign.author = asdict(replace(author_of(campaign), return_domain=return_domain))
    renderer = renderer_with(*keys)
    for delivery in deliveries:
        delivery.campaign = campaign
        assert outcome_of(renderer.render, delivery) == outcome_of(renderer.render_plainly, delivery)


REGION_MARKS = {
    is_text: st.builds(
        ("\n{{{{{}{}}}}}\n" if is_text else "<!--{}{}-->").format, st.sampled_from("?/"), st.integers(1, 3)
    )
    for is_text in (True, False)
}


@given(
    text=st.lists(WORDS | TAG | REGION_MARKS[True], max_size=12).map("".join),
    html=st.lists(WORDS | TAG | REGION_MARKS[False], max_size=12).map("".join),
    people=st.lists(st.tuples(VALUE, VALUE, st.integers(0, 7), st.integers(1, 10**12)), min_size=1, max_size=4),
    keys=st.sampled_from(KEYS),
)
def test_gives_what_the_plain_way_gives_to_those_who_are_shown_other_regions(text, html, people, keys):
    """Each gets what a mailing of the parts that were cut for him would give; no value is a mark."""
    renderer = renderer_with(*keys)
    campaign = make_delivery("題{{name}}", text, html, "", {}, 7).campaign
    campaign.conditions = [{}, {}, {}]
    whole = write_body(campaign)
    for name, city, shown, pk in people:
        attributes = {"都市": city + "<!--?1-->{{?1}}"}
        delivery = make_delivery("", "", "", name, attributes, pk)
        delivery.campaign, delivery.shown = campaign, shown
        sent = outcome_of(renderer.render, delivery)
        assert sent == outcome_of(renderer.render_plainly, delivery)
        cut = Body(cut_text(whole.text, shown), cut_html(whole.html, shown))
        plain = make_delivery(campaign.subject, cut.text, cut.html, name, attributes, pk)
        plain.campaign.sender = campaign.sender
        other = renderer_with(*keys)
        other.bodies[campaign.pk, 0] = cut
        assert sent == outcome_of(other.render_plainly, plain)


def test_no_more_editions_are_kept_than_are_used():
    renderer = renderer_with()
    delivery = make_delivery("題", "".join(f"{{{{?{n}}}}}\n{n}\n{{{{/{n}}}}}\n" for n in range(1, 8)), "", "", {}, 7)
    delivery.campaign.conditions = [{}] * 7
    first = renderer.compile(delivery.campaign, Edition(0, 1))
    for shown in range(2, 2 * MOST_EDITIONS):
        assert renderer.compile(delivery.campaign, Edition(0, 1)) is first
        renderer.compile(delivery.campaign, Edition(0, shown))
        assert len(renderer.compiled) <= MOST_EDITIONS


URLS = st.sampled_from(
    [
        "https://shop.example/",
        "https://shop.example/?id={{会員番号}}",
        "http://a.example/x?a=1&amp;b=2",
        "https://a.example/?id={{会員番号}}&section=2&copy=1",
        "mailto:a@b.example",
        "{{unsubscribe_url}}",
        "#top",
        "https://{{都市}}.example/",
    ]
)
ANCHOR = st.builds('<a class="b" href={1}{0}{1}>'.format, URLS, st.sampled_from(['"', "'"]))


# The first example may wait for what is loaded on a busy machine.
@given(
    text=TEMPLATE,
    html=st.lists(WORDS | TAG | ANCHOR, max_size=12).map("".join),
    people=st.lists(st.tuples(VALUE, VALUE, VALUE, st.integers(1, 10**12)), min_size=1, max_size=3),
    keys=st.sampled_from(KEYS),
)
def test_gives_what_the_plain_way_gives_with_measured_links(text, html, people, keys):
    deliveries = [
        make_delivery("題", text, html, name, {"都市": city, "会員番号": number}, pk)
        for name, city, number, pk in people
    ]
    campaign = deliveries[0].campaign
    renderer = renderer_with(*keys)
    body, links = write_body(campaign), Links(campaign.pk, "http://testserver")
    tracked = (
        add_picture(rewrite_html(body.html, links.replace), picture_url("http://testserver", campaign.pk))
        if body.html
        else ""
    )
    renderer.bodies[campaign.pk, 0] = Body(rewrite_text(body.text, links.replace), tracked)
    for delivery in deliveries:
        delivery.campaign = campaign
        assert outcome_of(renderer.render, delivery) == outcome_of(renderer.render_plainly, delivery)


@pytest.mark.parametrize("keys", KEYS[1:], ids=["rsa", "ed25519", "both"])
def test_the_signatures_are_accepted(keys):
    delivery = make_delivery("{{name}}様", "{{name}}様\n本文" * 50, "<p>{{都市}}</p>", "花子", {"都市": "京都"}, 7)
    outgoing = renderer_with(*keys).compile(delivery.campaign, Edition()).render(delivery)
    assert verifies(outgoing.data, *keys)


def test_a_value_with_a_line_end_goes_the_plain_way():
    delivery = make_delivery("題", "住所:\n{{都市}}\n", "", "花子", {"都市": "京都\n下京区"}, 7)
    renderer = renderer_with()
    assert renderer.compile(delivery.campaign, Edition()).render(delivery) is None
    assert outcome_of(renderer.render, delivery) == renderer.render_plainly(delivery)


def test_a_text_cut_in_a_line_end_goes_the_plain_way():
    delivery = make_delivery("題", "一行目\r{{name}}\n二行目", "", "", {}, 7)
    renderer = renderer_with()
    assert renderer.compile(delivery.campaign, Edition()) is None
    assert outcome_of(renderer.render, delivery) == renderer.render_plainly(delivery)


def test_the_same_moment_in_another_zone_is_written_as_it_is():
    renderer = renderer_with()
    for zone in (UTC, timezone(timedelta(hours=9))):
        delivery = make_delivery("題", "本文", "", "", {}, 7)
        delivery.mail_date = DATE.astimezone(zone)
        assert outcome_of(renderer.render, delivery) == renderer.render_plainly(delivery)

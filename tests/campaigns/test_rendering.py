"""From a delivery to the bytes that are sent."""

import email
import email.policy
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dkim
import pytest
from django.conf import settings

from campaigns import models
from campaigns.freezing import freeze_recipients
from campaigns.links import unsubscribe_url
from campaigns.models import CampaignState, Delivery
from campaigns.rendering import Renderer, preview
from campaigns.test_mails import render_test
from mta import return_path, tokens
from senders.allow_links import allow_url
from senders.dkim_keys import generate_key
from senders.models import DkimKey, DnsCheck, Sender, SenderDomain
from tests.factories import make_campaign, make_delivery, make_list, make_sender, make_subscriber

pytestmark = pytest.mark.django_db
DATE = datetime(2026, 11, 21, 1, 2, 3, tzinfo=UTC)


def delivery_of(**fields):
    campaign = make_campaign(**fields)
    delivery = make_delivery(campaign, make_subscriber(campaign.mailing_lists.get(), name="花子"), mail_date=DATE)
    return Delivery.objects.select_related("campaign__sender__domain").get(pk=delivery.pk)


def render(delivery):
    outgoing = Renderer().render(delivery)
    return outgoing, email.message_from_bytes(outgoing.data, policy=email.policy.default)


def body(message, kind):
    return message.get_body((kind,)).get_content()


def test_fills_the_parts_for_the_recipient():
    delivery = delivery_of(subject="{{name|お客様}}様へ", html="<p>{{name|お客様}}</p>")
    outgoing, message = render(delivery)
    assert outgoing.rcpt_to == delivery.address
    assert message["Subject"] == "花子様へ"
    assert body(message, "plain").startswith("花子")
    assert "<p>花子</p>" in body(message, "html")
    assert message["From"].addresses[0].display_name == delivery.campaign.sender.name
    assert message["Message-ID"].startswith("<d-")


def test_both_parts_name_sender_address_contact_and_refusal_link():
    """F4."""
    delivery = delivery_of(html="<p>本文</p>")
    _outgoing, message = render(delivery)
    sender = delivery.campaign.sender
    for kind in ("plain", "html"):
        for item in (sender.legal_name, sender.postal_address, sender.contact, unsubscribe_url(delivery.pk)):
            assert item in body(message, kind)


def test_a_retry_is_byte_identical():
    delivery = delivery_of(html="<p>{{name}}</p>")
    generate_key(delivery.campaign.sender.domain)
    first = Renderer().render(delivery)
    delivery.attempts += 1
    assert Renderer().render(delivery) == first


def test_a_retry_is_byte_identical_across_a_switch_of_keys():
    delivery = delivery_of(html="<p>{{name}}</p>", started_at=DATE)
    old, new = (generate_key(delivery.campaign.sender.domain) for _turn in range(2))
    DkimKey.objects.filter(pk=old.pk).update(activated_at=DATE - timedelta(days=1))
    first = Renderer().render(delivery)
    assert f"s={old.selector};".encode() in first.data
    DkimKey.objects.filter(pk=old.pk).update(superseded_at=DATE + timedelta(hours=1))
    DkimKey.objects.filter(pk=new.pk).update(activated_at=DATE + timedelta(hours=1))
    assert Renderer().render(delivery) == first
    assert replace(first, is_wire_ready=False) == Renderer().render_plainly(delivery)
    # The private part of the old key is destroyed: rather the present one than none.
    DkimKey.objects.filter(pk=old.pk).update(retired_at=DATE + timedelta(days=15), private_key=b"")
    assert f"s={new.selector};".encode() in Renderer().render(delivery).data


def test_a_sender_that_is_edited_in_mid_send_changes_no_mail():
    mailing_list = make_list()
    make_subscriber(mailing_list)
    campaign = make_campaign(mailing_list, state=CampaignState.STARTING)
    freeze_recipients(campaign.pk, now=DATE)

    def rendered():
        row = Delivery.objects.select_related("campaign__sender__domain").get()
        row.mail_date = DATE
        return Renderer().render(row)

    first = rendered()
    Sender.objects.update(name="別の名前", legal_name="別の会社", postal_address="別の住所")
    assert rendered() == first


def test_one_click_headers_point_to_the_recipients_own_link():
    """F5, RFC 8058."""
    delivery = delivery_of()
    _outgoing, message = render(delivery)
    assert message["List-Unsubscribe"] == f"<{unsubscribe_url(delivery.pk)}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_return_path_and_message_id_lead_back_to_the_delivery():
    """C4."""
    delivery = delivery_of()
    outgoing, message = render(delivery)
    assert return_path.decode(outgoing.mail_from, secret=settings.SECRET_KEY) == delivery.pk
    token = message["Message-ID"].removeprefix("<d-").partition("@")[0]
    assert tokens.read("message-id", token, secret=settings.SECRET_KEY) == delivery.pk


def test_signed_where_the_domain_has_a_key_and_dkimpy_agrees():
    """B2: d= is the From domain."""
    delivery = delivery_of(html="<p>本文</p>")
    key = generate_key(delivery.campaign.sender.domain)
    outgoing = Renderer().render(delivery)
    record = f"v=DKIM1; k=rsa; p={key.public_key}".encode()
    assert dkim.verify(outgoing.data, dnsfunc=lambda name, timeout=5: record)
    assert b"d=" + delivery.campaign.sender.domain.name.encode() in outgoing.data


def test_unsigned_where_the_domain_has_none():
    outgoing, _message = render(delivery_of())
    assert b"DKIM-Signature" not in outgoing.data


def test_the_page_for_readers_is_linked_by_a_tag():
    """F5"""
    delivery = delivery_of(text="設定: {{allow_url}}", html='<a href="{{allow_url}}">設定</a>')
    url = allow_url(delivery.campaign.sender.domain_id)
    outgoing, message = render(delivery)
    assert f"設定: {url}" in body(message, "plain")
    assert f'href="{url}"' in body(message, "html")
    assert replace(outgoing, is_wire_ready=False) == Renderer().render_plainly(delivery)
    assert url in preview(delivery.campaign, None).text


def test_a_sender_whose_address_alone_is_proved_signs_only_by_a_key_that_was_found():
    """E10: what nobody can verify is worse than no signature."""
    delivery = delivery_of()
    sender = delivery.campaign.sender
    generate_key(sender.domain)
    SenderDomain.objects.update(verified_at=None)
    Sender.objects.update(address_verified_at=DATE)

    def is_signed():
        row = Delivery.objects.select_related("campaign__sender__domain").get()
        sent = [Renderer().render(row), Renderer().render_plainly(row)]
        sent.append(
            render_test(Renderer(), models.TestMail(pk=1, campaign=row.campaign, address="a@example.jp"), now=DATE)
        )
        return {b"DKIM-Signature" in outgoing.data for outgoing in sent}

    assert is_signed() == {False}
    check = DnsCheck.objects.create(domain=sender.domain, kind="dkim", result="missing", checked_at=DATE)
    assert is_signed() == {False}
    check.result = "ok"
    check.save()
    assert is_signed() == {True}
    # A mailing that runs on after its domain was lost is signed as it was.
    check.delete()
    Sender.objects.update(address_verified_at=None)
    assert is_signed() == {True}


def test_a_name_cannot_add_a_header():
    campaign = make_campaign(subject="{{name}}様")
    evil = make_subscriber(campaign.mailing_lists.get(), name="x\r\nBcc: victim@example.com")
    delivery = make_delivery(campaign, evil, mail_date=DATE, name="safe")
    delivery = Delivery.objects.select_related("campaign__sender__domain").get(pk=delivery.pk)
    delivery.attributes = {"name": evil.name}
    delivery.name = ""
    _outgoing, message = render(delivery)
    assert message["Bcc"] is None


def test_preview_shows_what_a_subscriber_gets_and_its_link_changes_nothing():
    campaign = make_campaign(html="<p>{{name|お客様}}</p>")
    person = make_subscriber(campaign.mailing_lists.get(), name="次郎")
    assert preview(campaign, person).text.startswith("次郎")
    assert "<p>お客様</p>" in preview(campaign, None).html
    assert "/u/sample/" in preview(campaign, person).text


def test_a_test_mail_is_marked_and_returns_to_the_sender():
    sender = make_sender()
    campaign = make_campaign(make_list(sender.workspace), sender=sender)
    outgoing = render_test(Renderer(), models.TestMail(pk=1, campaign=campaign, address="me@example.com"), now=DATE)
    message = email.message_from_bytes(outgoing.data, policy=email.policy.default)
    assert message["Subject"] == "[テスト] 秋のお知らせ"
    assert outgoing.mail_from == sender.address
    assert message["List-Unsubscribe"] is None

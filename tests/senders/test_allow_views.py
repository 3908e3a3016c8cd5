"""受信設定のお願い: the page by which readers let mails in."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Workspace
from mta import tokens
from senders.allow_guides import GUIDES
from senders.allow_links import allow_url, find_domain
from senders.models import Sender, SenderDomain
from tests.factories import make_sender, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender() -> Sender:
    return make_sender(make_workspace(), "news@shop.example", legal_name="みほん商店株式会社")


def page(client: Client, sender: Sender, status: int = 200) -> str:
    response = client.get(allow_url(sender.domain_id))
    assert response.status_code == status
    return response.content.decode()


def test_f5_tells_what_to_let_in_and_how(client: Client, sender: Sender) -> None:
    """F5"""
    shown = page(client, sender)
    for words in (
        "shop.example",
        "news@shop.example",
        "みほん商店株式会社",
        "docomo.ne.jp",
        "受信許可リスト",
        "noindex",
    ):
        assert words in shown
    for guide in GUIDES:
        assert f'id="{guide.key}"' in shown
        assert guide.source.how_known() in shown
        assert str(guide.source.note) in shown
    assert "ドコモのページではなく" in shown
    assert "パソコン版 Outlook" in shown
    assert 'data-copy="allow-domain"' in shown


def test_every_service_has_steps_a_page_and_a_source() -> None:
    assert [guide.key for guide in GUIDES] == ["docomo", "au", "softbank", "gmail", "outlook", "icloud"]
    for guide in GUIDES:
        assert len(guide.steps) >= 2
        assert guide.page.startswith("https://")
        assert guide.source.url.startswith("https://")
        assert guide.source.read


def test_shows_the_addresses_in_use_alone(client: Client, sender: Sender) -> None:
    make_sender(sender.workspace, "old@shop.example", archived_at=timezone.now())
    make_sender(sender.workspace, "info@shop.example", contact="090-0000-0000")
    shown = page(client, sender)
    assert "info@shop.example" in shown
    assert "old@shop.example" not in shown
    assert "090-0000-0000" not in shown
    assert sender.workspace.name not in shown


def test_a_punycode_domain_is_shown_in_both_forms(client: Client) -> None:
    shown = page(client, make_sender(make_workspace(), "news@xn--wgv71a119e.jp"))
    assert "日本語.jp (xn--wgv71a119e.jp)" in shown


def test_asks_for_no_mail_of_a_domain_that_may_not_send(client: Client, sender: Sender) -> None:
    SenderDomain.objects.update(verified_at=None)
    assert "shop.example" not in page(client, sender, 404)


def test_a_domain_that_is_lost_for_a_while_keeps_its_page(client: Client, sender: Sender) -> None:
    SenderDomain.objects.update(verified_at=None, lost_at=timezone.now())
    assert "news@shop.example" in page(client, sender)


def test_of_a_domain_whose_addresses_are_proved_shows_these(client: Client, sender: Sender) -> None:
    make_sender(sender.workspace, "other@shop.example", address_verified_at=timezone.now())
    SenderDomain.objects.update(verified_at=None)
    shown = page(client, sender)
    assert "other@shop.example" in shown
    assert "news@shop.example" not in shown


def test_a_token_of_ones_own_making_finds_nothing(client: Client, sender: Sender, settings: Settings) -> None:
    for token in (str(sender.domain_id), f"{sender.domain_id}-aaaaaaaaaaaaaaaaaaaaaaaaaa", "x"):
        assert find_domain(token) is None
        assert client.get(reverse("allow_page", args=[token])).status_code == 404
    other = tokens.make("address-proof", sender.domain_id, secret=settings.SECRET_KEY)
    assert find_domain(other) is None


def test_the_page_of_the_domain_offers_the_link(editor: Client, workspace: Workspace) -> None:
    sender = make_sender(workspace, "news@shop.example")
    shown = editor.get(reverse("domain_detail", args=[sender.domain_id])).content.decode()
    assert allow_url(sender.domain_id) in shown
    SenderDomain.objects.update(verified_at=None)
    shown = editor.get(reverse("domain_detail", args=[sender.domain_id])).content.decode()
    assert "/allow/" not in shown

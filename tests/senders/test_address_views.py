"""The pages of address proofs: the button, the page behind the link, and who may do what."""

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Workspace
from senders.address_proofs import token_of
from senders.models import AddressProof, Sender
from senders.registry import SenderDetails, create_sender
from tests.conftest import ClientFor
from tests.factories import make_user, make_workspace
from tests.senders.dns_server import ZoneServer

pytestmark = pytest.mark.django_db
DETAILS = SenderDetails("みほん商店", "", "みほん商店株式会社", "東京都", "03-0000-0000")


@pytest.fixture
def sender(workspace: Workspace, zones: ZoneServer) -> Sender:
    zones.publish("noc.example", "unrelated")
    return create_sender(workspace, "news@noc.example", DETAILS)


@pytest.fixture
def proof(sender: Sender) -> AddressProof:
    now = timezone.now()
    return AddressProof.objects.create(sender=sender, asked_at=now, expires_at=now + timedelta(hours=1))


def link(proof: AddressProof) -> str:
    return reverse("address_proof", args=[token_of(proof)])


def text(client: Client, url: str) -> str:
    return client.get(url).content.decode()


def is_proved(sender: Sender) -> bool:
    sender.refresh_from_db()
    return sender.address_verified_at is not None


class TestTheButton:
    def test_asks_for_a_link_that_a_task_mails(self, editor: Client, sender: Sender) -> None:
        domain_page = reverse("domain_detail", args=[sender.domain_id])
        shown = text(editor, domain_page)
        assert reverse("sender_prove", args=[sender.pk]) in shown
        assert "〜経由" in shown
        response = editor.post(reverse("sender_prove", args=[sender.pk]))
        assert response.headers["Location"] == f"{domain_page}#address"
        assert AddressProof.objects.get().mailed_at is None
        assert mail.outbox == []
        assert "確認待ち" in text(editor, domain_page)

    def test_says_why_not(self, editor: Client, sender: Sender, zones: ZoneServer) -> None:
        zones.publish("_dmarc.noc.example", "v=DMARC1; p=reject")
        response = editor.post(reverse("sender_prove", args=[sender.pk]))
        assert "p=reject" in " ".join(map(str, get_messages(response.wsgi_request)))

    def test_is_for_editors(self, viewer: Client, sender: Sender, client_for: ClientFor) -> None:
        url = reverse("sender_prove", args=[sender.pk])
        assert viewer.post(url).status_code == 403
        assert url not in text(viewer, reverse("domain_detail", args=[sender.domain_id]))
        assert client_for(make_user(make_workspace())).post(url).status_code == 404
        assert not AddressProof.objects.exists()

    def test_is_hidden_by_the_setting_and_in_the_sandbox(
        self, editor: Client, sender: Sender, settings: Settings
    ) -> None:
        url, page = reverse("sender_prove", args=[sender.pk]), reverse("domain_detail", args=[sender.domain_id])
        settings.ADDRESS_VERIFICATION = False
        assert url not in text(editor, page)
        editor.post(url)
        assert not AddressProof.objects.exists()
        settings.ADDRESS_VERIFICATION, settings.REQUIRE_VERIFIED_SENDERS = True, False
        assert url not in text(editor, page)


class TestTheLink:
    def test_e11_get_shows_and_post_confirms(self, client: Client, sender: Sender, proof: AddressProof) -> None:
        """E11 F6"""
        for _twice in range(2):
            shown = text(client, link(proof))
            assert "news@noc.example" in shown
            assert sender.workspace.name in shown
            assert "〜経由" in shown
            assert "切り替えて" not in shown
        assert not is_proved(sender)
        assert "確認しました" in client.post(link(proof)).content.decode()
        assert is_proved(sender)

    def test_the_used_the_expired_and_the_wrong_one_give_the_same_page(
        self, client: Client, sender: Sender, proof: AddressProof
    ) -> None:
        wrong = client.get("/prove/1-aaaaaaaaaaaaaaaaaaaaaaaaaa/")
        AddressProof.objects.update(expires_at=timezone.now())
        expired = client.get(link(proof))
        posted = client.post(link(proof))
        AddressProof.objects.update(expires_at=timezone.now() + timedelta(hours=1))
        client.post(link(proof))
        used = client.get(link(proof))
        answers = (wrong, expired, posted, used)
        assert {answer.status_code for answer in answers} == {404}
        assert all("このリンクは使えません" in answer.content.decode() for answer in answers)
        assert not any("noc.example" in answer.content.decode() for answer in answers)

    def test_is_kept_out_of_caches_and_searches(self, client: Client, proof: AddressProof) -> None:
        response = client.get(link(proof))
        assert "no-store" in response.headers["Cache-Control"]
        assert "noindex" in response.content.decode()

    def test_e10_the_list_of_senders_warns(self, editor: Client, client: Client, proof: AddressProof) -> None:
        """E10"""
        client.post(link(proof))
        shown = text(editor, reverse("sender_index"))
        assert "アドレスの確認のみ" in shown
        assert "〜経由" in shown

"""Adding, changing and archiving senders; registering their domains."""

import threading

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEntry, Workspace
from senders.dkim_keys import active_key
from senders.domains import register_domain
from senders.errors import AddressRefused, SenderError
from senders.models import DkimKey, Sender, SenderDomain
from senders.registry import SenderDetails, archive_sender, create_sender, restore_sender, update_sender
from tests.factories import make_sender, make_user, make_workspace

DETAILS = SenderDetails(
    name="みほん商店",
    reply_to="",
    legal_name="みほん商店株式会社",
    postal_address="東京都千代田区千代田1-1",
    contact="03-0000-0000",
)


@pytest.mark.django_db
class TestRegistry:
    def test_a_new_sender_brings_its_domain_and_a_key(self) -> None:
        workspace = make_workspace()
        user = make_user(workspace)
        sender = create_sender(workspace, "News@Shop.example", DETAILS, actor=user)
        assert sender.address == "News@shop.example"
        assert sender.domain.name == "shop.example"
        assert not sender.domain.is_verified()
        assert active_key(sender.domain) is not None
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.actor, entry.target) == ("sender.create", user, "News@shop.example")

    def test_a_second_address_shares_domain_and_key(self) -> None:
        workspace = make_workspace()
        first = create_sender(workspace, "a@shop.example", DETAILS)
        second = create_sender(workspace, "b@SHOP.example", DETAILS)
        assert first.domain == second.domain
        assert DkimKey.objects.count() == 1

    @pytest.mark.parametrize(
        "address", ["me@gmail.com", "me@docomo.ne.jp", "me@sub.yahoo.co.jp", "me@ＩＣＬＯＵＤ.com"]
    )
    def test_a3_freemail_is_refused_with_the_reason(self, address: str) -> None:
        """A3"""
        with pytest.raises(AddressRefused, match="なりすまし"):
            create_sender(make_workspace(), address, DETAILS)
        assert not SenderDomain.objects.exists()

    @pytest.mark.parametrize("again", ["news@shop.example", "NEWS@shop.example"])
    def test_the_same_address_twice_is_refused(self, again: str) -> None:
        workspace = make_workspace()
        sender = create_sender(workspace, "news@shop.example", DETAILS)
        with pytest.raises(AddressRefused, match="すでに登録"):
            create_sender(workspace, again, DETAILS)
        archive_sender(sender, now=timezone.now())
        with pytest.raises(AddressRefused, match="再び使う"):
            create_sender(workspace, again, DETAILS)

    def test_another_workspaces_verified_domain_is_refused_without_saying_whose(self) -> None:
        owner = make_sender(make_workspace(name="持ち主の会社"), "news@shop.example")
        assert owner.domain.is_verified()
        with pytest.raises(AddressRefused) as refused:
            create_sender(make_workspace(), "other@shop.example", DETAILS)
        assert "持ち主" not in refused.value.sentence
        assert not Sender.objects.exclude(pk=owner.pk).exists()

    def test_workspaces_that_both_proved_a_domain_do_not_keep_each_other_out(self) -> None:
        """Two departments of one firm, each with a selector of its own."""
        workspaces = [make_workspace(), make_workspace()]
        for workspace in workspaces:
            create_sender(workspace, "news@example.co.jp", DETAILS)
        SenderDomain.objects.update(verified_at=timezone.now())
        for workspace in workspaces:
            assert create_sender(workspace, "info@example.co.jp", DETAILS)
        # Who lost it has no more right to it than a stranger.
        SenderDomain.objects.filter(workspace=workspaces[0]).update(verified_at=None)
        with pytest.raises(AddressRefused, match="登録できません"):
            create_sender(workspaces[0], "third@example.co.jp", DETAILS)

    def test_an_unproved_domain_keeps_nobody_out(self) -> None:
        squatter = create_sender(make_workspace(), "a@shop.example", DETAILS)
        owner = create_sender(make_workspace(), "b@shop.example", DETAILS)
        assert squatter.domain != owner.domain
        # Both could publish their key: the selectors differ.
        keys = [active_key(domain) for domain in (squatter.domain, owner.domain)]
        assert len({key.selector for key in keys if key}) == 2

    def test_without_an_encryption_key_nothing_is_half_done(self, settings: Settings) -> None:
        settings.ENCRYPTION_KEYS = []
        with pytest.raises(SenderError, match="ENCRYPTION_KEYS"):
            create_sender(make_workspace(), "news@shop.example", DETAILS)
        assert not SenderDomain.objects.exists()

    def test_registering_again_gives_the_same_domain(self) -> None:
        workspace = make_workspace()
        assert register_domain(workspace, "shop.example") == register_domain(workspace, "Shop.Example.")
        assert DkimKey.objects.count() == 1

    def test_update_changes_the_details_only(self) -> None:
        sender = make_sender(address="news@shop.example")
        update_sender(sender, DETAILS)
        sender.refresh_from_db()
        assert (sender.contact, sender.address) == ("03-0000-0000", "news@shop.example")

    def test_archive_and_restore_happen_once(self) -> None:
        sender = make_sender()
        assert archive_sender(sender, now=timezone.now())
        assert not archive_sender(sender, now=timezone.now())
        assert restore_sender(sender, now=timezone.now())
        assert not restore_sender(sender, now=timezone.now())
        actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
        assert list(actions) == ["sender.archive", "sender.restore"]


@pytest.mark.django_db(transaction=True)
def test_two_people_add_the_same_address_at_once() -> None:
    workspace = make_workspace()
    results: list[Sender | SenderError] = []
    start = threading.Barrier(2)

    def add() -> None:
        start.wait()
        try:
            results.append(create_sender(Workspace.objects.get(pk=workspace.pk), "news@shop.example", DETAILS))
        except SenderError as refused:
            results.append(refused)
        finally:
            connection.close()

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(result).__name__ for result in results) == ["AddressRefused", "Sender"]
    assert Sender.objects.count() == 1
    assert DkimKey.objects.count() == 1

"""The django-import-export resource reads, cleans and shows as imports and exports of files do."""

from typing import Any

import pytest
from tablib import Dataset

from accounts.models import Workspace
from lists.erasing import digest_of
from lists.exporting import read_plainly
from lists.models import AttributeDefinition, AttributeKind, ErasedAddress, Exclusion, Subscriber
from lists.people_export import people_columns
from lists.resource import SubscriberResource
from tests.factories import make_subscriber, make_workspace
from tests.lists.clock import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def resource(workspace: Workspace) -> SubscriberResource:
    for name, kind in (("ランク", AttributeKind.TEXT), ("点数", AttributeKind.NUMBER)):
        AttributeDefinition.objects.create(workspace=workspace, name=name, label=f"{name}欄", kind=kind)
    return SubscriberResource(workspace=workspace)


def load(resource: SubscriberResource, *rows: tuple[Any, ...]) -> Any:
    return resource.import_data(Dataset(*rows, headers=["メールアドレス", "お名前", "ランク欄", "点数欄", "状態"]))


def test_it_exports_what_downloads_hold(resource: SubscriberResource, workspace: Workspace) -> None:
    make_subscriber(workspace=workspace, attributes={"ランク": "金", "点数": 12.5})
    make_subscriber(workspace=workspace, name="", status="stopped", stop_reason="unsubscribed", stop_note="電話")
    make_subscriber(workspace=make_workspace())
    columns = people_columns(workspace)
    data = resource.export()
    assert data.headers == [column.label for column in columns]
    rows = Subscriber.objects.for_workspace(workspace).order_by("pk")
    assert [list(row) for row in data] == [list(row) for row in read_plainly(rows, columns)]
    assert len(data) == 2


def test_it_adds_and_updates_and_keeps_what_is_blank(resource: SubscriberResource, workspace: Workspace) -> None:
    known = make_subscriber(workspace=workspace, address="a@example.jp", name="旧姓", attributes={"ランク": "銀"})
    result = load(
        resource,
        ("Ａ@EXAMPLE.jp", "新姓", "", "1,200", ""),
        ("new@example.jp", "新人", "金", "", ""),
        ("a@example.jp", "新姓", "銀", "1200", ""),
    )
    assert not result.has_errors()
    assert {kind: number for kind, number in result.totals.items() if number} == {"new": 1, "update": 2}
    known.refresh_from_db()
    assert (known.name, known.attributes, known.address_key) == ("新姓", {"ランク": "銀", "点数": 1200}, "a@example.jp")
    added = Subscriber.objects.get(address="new@example.jp")
    assert (added.workspace, added.attributes, added.status) == (workspace, {"ランク": "金"}, "active")


def test_it_refuses_with_the_sentences_of_imports(resource: SubscriberResource) -> None:
    result = load(resource, ("だめ", "x", "", "", ""), ("b@example.jp", "a\nb", "", "多い", ""))
    assert not Subscriber.objects.exists()
    first, second = (row.error.message_dict for row in result.invalid_rows)
    assert set(first) == {"address"}
    assert second == {
        "name": ["お名前に改行や制御文字が入っています。"],
        "点数": ["数値として読めません(例: 1200、-3.5)。"],
    }


def test_it_never_revives_who_is_stopped_or_erased(resource: SubscriberResource, workspace: Workspace) -> None:
    """A11: whatever stands in the column of the state."""
    stopped = make_subscriber(workspace=workspace, address="s@example.jp", status="stopped")
    ErasedAddress.objects.create(workspace=workspace, digest=digest_of(workspace.pk, "gone@example.jp"), at=NOW)
    result = load(resource, ("s@example.jp", "改名", "", "", "配信中"), ("gone@example.jp", "x", "", "", ""))
    stopped.refresh_from_db()
    assert (stopped.name, stopped.status) == ("改名", "stopped")
    assert not Subscriber.objects.filter(address_key="gone@example.jp").exists()
    assert "消去済みの宛先" in str(result.invalid_rows[0].error)


def test_it_refuses_who_is_on_the_exclusion_list(resource: SubscriberResource, workspace: Workspace) -> None:
    Exclusion.objects.create(workspace=workspace, kind="domain", value="example.jp")
    result = load(resource, ("new@mail.example.jp", "x", "", "", ""))
    assert "除外リストの宛先" in str(result.invalid_rows[0].error)
    assert not Subscriber.objects.exists()


def test_it_touches_no_other_workspace(resource: SubscriberResource) -> None:
    elsewhere = make_subscriber(address="a@example.jp", name="よその人")
    load(resource, ("a@example.jp", "うちの人", "", "", ""))
    elsewhere.refresh_from_db()
    assert elsewhere.name == "よその人"
    assert Subscriber.objects.filter(address_key="a@example.jp").count() == 2

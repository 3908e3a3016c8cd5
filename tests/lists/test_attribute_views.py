"""Pages of attributes: made, ordered, put away and taken up again."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, Workspace
from campaigns.merge_tags import offer_tags, unknown_tags
from lists.attribute_editing import save_attribute
from lists.attributes import MAX_ATTRIBUTES, attribute_names
from lists.column_memory import remember
from lists.exceptions import ListsError
from lists.models import AttributeDefinition, ColumnMemory, Segment
from tests.factories import make_list, make_subscriber, make_user, make_workspace
from tests.lists.clock import NOW

pytestmark = pytest.mark.django_db


def make(workspace: Workspace, name: str, **fields: Any) -> AttributeDefinition:
    return AttributeDefinition.objects.create(workspace=workspace, name=name, label=name, **fields)


def test_an_attribute_is_made_and_becomes_a_merge_tag(editor: Client, workspace: Workspace) -> None:
    data = {"name": " 会員ランク ", "label": "", "kind": "choice", "choices": "金\n 銀 \n\n金"}
    page = editor.post(reverse("attribute_create"), data, follow=True).content.decode()
    found = AttributeDefinition.objects.get()
    assert (found.name, found.label, found.kind, found.choices) == ("会員ランク", "会員ランク", "choice", ["金", "銀"])
    assert "{{会員ランク}}" in page
    assert ("{{会員ランク}}", "会員ランク") in offer_tags(workspace)
    assert unknown_tags(workspace, "{{会員ランク}}") == []
    edit = reverse("attribute_edit", args=[found.pk])
    editor.post(edit, {"label": "ランク", "kind": "text", "choices": "", "name": "別名"})
    found.refresh_from_db()
    assert (found.name, found.label, found.kind) == ("会員ランク", "ランク", "text")
    assert AuditEntry.objects.get(action="attribute.update").detail == {"kind": "文字"}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("", "入力してください"), ("a{b", "使えません"), ("email", "別の意味"), ("既存", "同じ差し込みタグ")],
)
def test_a_name_that_is_no_tag_is_refused(editor: Client, workspace: Workspace, name: str, sentence: str) -> None:
    make(workspace, "既存")
    page = editor.post(reverse("attribute_create"), {"name": name, "label": "x", "kind": "text"}).content.decode()
    assert sentence in page
    assert AttributeDefinition.objects.count() == 1


def test_there_is_an_end_to_attributes(editor: Client, workspace: Workspace) -> None:
    AttributeDefinition.objects.bulk_create(
        AttributeDefinition(workspace=workspace, name=f"項目{number}", label="x") for number in range(MAX_ATTRIBUTES)
    )
    page = editor.post(reverse("attribute_create"), {"name": "もう一つ", "kind": "text"}).content.decode()
    assert "多すぎます" in page


def test_the_order_is_changed_and_an_attribute_put_away(editor: Client, viewer: Client, workspace: Workspace) -> None:
    first, second, third = (make(workspace, name, position=1) for name in "あいう")
    editor.post(reverse("attribute_move", args=[third.pk]), {"up": ""})
    editor.post(reverse("attribute_move", args=[first.pk]), {"down": ""})
    assert attribute_names(workspace) == ["う", "あ", "い"]
    editor.post(reverse("attribute_move", args=[third.pk]), {"up": ""})
    assert attribute_names(workspace) == ["う", "あ", "い"]
    editor.post(reverse("attribute_archive", args=[first.pk]))
    editor.post(reverse("attribute_move", args=[first.pk]), {"up": ""})
    assert attribute_names(workspace) == ["う", "い"]
    assert unknown_tags(workspace, "{{あ}}") == ["あ"]
    page = viewer.get(reverse("attribute_index")).content.decode()
    assert "使用を終えた項目" in page
    assert "使用を再開する" not in page
    editor.post(reverse("attribute_archive", args=[first.pk]), {"restore": ""})
    assert set(attribute_names(workspace)) == {"あ", "い", "う"}
    assert viewer.post(reverse("attribute_move", args=[second.pk]), {"up": ""}).status_code == 403
    foreign = make(make_workspace(), "よそ")
    assert editor.get(reverse("attribute_edit", args=[foreign.pk])).status_code == 404


def test_what_is_put_away_does_not_count(editor: Client, workspace: Workspace) -> None:
    AttributeDefinition.objects.bulk_create(
        AttributeDefinition(workspace=workspace, name=f"項目{number}", label="x", archived_at=NOW if number else None)
        for number in range(MAX_ATTRIBUTES)
    )
    assert editor.post(reverse("attribute_create"), {"name": "もう一つ", "kind": "text"}).status_code == 302
    AttributeDefinition.objects.filter(name__gt="項目190").update(archived_at=None)
    AttributeDefinition.objects.exclude(name="項目1").update(archived_at=None)
    first = AttributeDefinition.objects.get(name="項目1")
    url = reverse("attribute_archive", args=[first.pk])
    assert "多すぎます" in editor.post(url, {"restore": ""}, follow=True).content.decode()
    first.refresh_from_db()
    assert first.archived_at == NOW


def test_an_attribute_made_by_somebody_else_a_moment_ago_is_told(editor: Client, workspace: Workspace) -> None:
    make(workspace, "ランク")
    with pytest.raises(ListsError, match="同じ差し込みタグ"):
        save_attribute(AttributeDefinition(workspace=workspace, name="ランク", label="x"), actor=make_user(workspace))
    assert AttributeDefinition.objects.count() == 1


def test_an_attribute_that_nobody_uses_is_deleted(editor: Client, viewer: Client, workspace: Workspace) -> None:
    unused = make(workspace, "列5", archived_at=NOW)
    mailing_list = make_list(workspace)
    make_subscriber(mailing_list, "a@example.jp", attributes={"列5": "", "ランク": "金"})
    remember(mailing_list, ["メール", "謎"], {"0": "address", "1": "列5"}, NOW)
    url = reverse("attribute_delete", args=[unused.pk])
    assert viewer.post(url).status_code == 403
    assert editor.get(url).status_code == 405
    assert "この項目を削除する" in editor.get(reverse("attribute_edit", args=[unused.pk])).content.decode()
    page = editor.post(url, follow=True).content.decode()
    assert "差し込み項目「列5」を削除しました。" in page
    assert not AttributeDefinition.objects.exists()
    assert not ColumnMemory.objects.filter(target="列5").exists()
    assert AuditEntry.objects.get(action="attribute.delete").target == "列5"


def test_an_attribute_that_is_used_is_kept(editor: Client, workspace: Workspace) -> None:
    used, asked = make(workspace, "ランク"), make(workspace, "点数", kind="number")
    make_subscriber(make_list(workspace), "a@example.jp", attributes={"ランク": "金", "点数": ""})
    make_subscriber(workspace=make_workspace(), address="b@example.jp", attributes={"点数": 3})
    Segment.objects.create(
        workspace=workspace,
        name="上位",
        conditions={"all": [{"field": "attribute:点数", "op": "gt", "value": 1}]},
    )
    Segment.objects.create(workspace=workspace, name="読めない", conditions={"v": 99})
    for definition, sentence in ((used, "値のある購読者がいる"), (asked, "セグメント「上位」の条件に使われている")):
        page = editor.post(reverse("attribute_delete", args=[definition.pk]), follow=True).content.decode()
        assert sentence in page
    assert AttributeDefinition.objects.count() == 2
    Segment.objects.filter(name="上位").delete()
    assert editor.post(reverse("attribute_delete", args=[asked.pk])).status_code == 302
    assert AttributeDefinition.objects.get() == used

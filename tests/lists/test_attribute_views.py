"""Pages of attributes: made, ordered, put away and taken up again."""

import pytest
from django.urls import reverse

from accounts.models import AuditEntry
from campaigns.merge_tags import offer_tags, unknown_tags
from lists.attributes import MAX_ATTRIBUTES, attribute_names
from lists.models import AttributeDefinition
from tests.factories import make_workspace

pytestmark = pytest.mark.django_db


def make(workspace, name, **fields):
    return AttributeDefinition.objects.create(workspace=workspace, name=name, label=name, **fields)


def test_an_attribute_is_made_and_becomes_a_merge_tag(editor, workspace):
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
def test_a_name_that_is_no_tag_is_refused(editor, workspace, name, sentence):
    make(workspace, "既存")
    page = editor.post(reverse("attribute_create"), {"name": name, "label": "x", "kind": "text"}).content.decode()
    assert sentence in page
    assert AttributeDefinition.objects.count() == 1


def test_there_is_an_end_to_attributes(editor, workspace):
    AttributeDefinition.objects.bulk_create(
        AttributeDefinition(workspace=workspace, name=f"項目{number}", label="x") for number in range(MAX_ATTRIBUTES)
    )
    page = editor.post(reverse("attribute_create"), {"name": "もう一つ", "kind": "text"}).content.decode()
    assert "多すぎます" in page


def test_the_order_is_changed_and_an_attribute_put_away(editor, viewer, workspace):
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

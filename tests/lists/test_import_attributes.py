"""The attributes that a file brings: chosen on the page of the columns, made when its rows are merged (F2)."""

import pytest
from django.test import Client
from django.urls import reverse

from lists.attributes import MAX_ATTRIBUTES
from lists.import_checking import check_import
from lists.import_running import approve_import, cancel_import, reopen_import, run_import
from lists.models import (
    AttributeDefinition,
    AttributeKind,
    ColumnMemory,
    CsvImport,
    ImportState,
    MailingList,
    Subscriber,
)
from tests.lists.clock import NOW
from tests.lists.pages import columns_of, text_of, upload

pytestmark = pytest.mark.django_db
FILE = "メールアドレス,氏名,購入額\n" + "".join(
    f"k{number}@example.jp,花子,{number * 100}\n" for number in range(1, 30)
)


def answer(editor: Client, csv_import: CsvImport, **changes: str) -> CsvImport:
    """Answer the page of the columns, do the dry run and return the import."""
    url = reverse("import_columns", args=[csv_import.pk])
    assert editor.post(url, columns_of(csv_import, **changes)).status_code == 302
    assert check_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    return csv_import


def test_a_dry_run_makes_no_attribute_and_the_merge_does(editor: Client, mailing_list: MailingList) -> None:
    upload(editor, mailing_list, FILE)
    csv_import = answer(editor, CsvImport.objects.get(), kind_2="number")
    assert csv_import.state == ImportState.CHECKED
    assert csv_import.kinds == {"購入額": "number"}
    assert not AttributeDefinition.objects.exists()
    assert not ColumnMemory.objects.exists()
    assert approve_import(csv_import, actor=None)
    assert run_import(csv_import.pk, now=NOW)
    assert AttributeDefinition.objects.get().kind == AttributeKind.NUMBER
    assert Subscriber.objects.get(address_key="k3@example.jp").attributes == {"購入額": 300}
    assert ColumnMemory.objects.exists()


def test_a_new_attribute_can_be_a_choice_whose_texts_come_later(editor: Client, mailing_list: MailingList) -> None:
    upload(editor, mailing_list, FILE.replace("購入額", "ランク"))
    csv_import = answer(editor, CsvImport.objects.get(), kind_2="choice")
    assert (csv_import.kinds, csv_import.rows_rejected) == ({"ランク": "choice"}, 0)
    assert approve_import(csv_import, actor=None)
    assert run_import(csv_import.pk, now=NOW)
    attribute = AttributeDefinition.objects.get()
    assert (attribute.kind, attribute.label, attribute.choices) == (AttributeKind.CHOICE, "ランク", [])
    assert Subscriber.objects.get(address_key="k3@example.jp").attributes == {"ランク": "300"}


def test_a_new_attribute_has_the_label_that_was_given(editor: Client, mailing_list: MailingList) -> None:
    upload(editor, mailing_list, FILE.replace("購入額", "rank"))
    csv_import = answer(editor, CsvImport.objects.get(), kind_2="choice", label_2=" 会員ランク ")
    assert csv_import.labels == {"rank": "会員ランク"}
    # Who goes back to the columns finds it there again.
    assert reopen_import(csv_import, now=NOW)
    assert 'value="会員ランク"' in text_of(editor.get(reverse("import_columns", args=[csv_import.pk])))
    csv_import = answer(editor, csv_import, kind_2="choice", label_2="ランク")
    assert approve_import(csv_import, actor=None)
    assert run_import(csv_import.pk, now=NOW)
    attribute = AttributeDefinition.objects.get()
    assert (attribute.name, attribute.label, attribute.kind) == ("rank", "ランク", AttributeKind.CHOICE)
    # Known from now on, the column offers neither kind nor label.
    upload(editor, mailing_list, FILE.replace("購入額", "rank"))
    page = text_of(editor.get(reverse("import_columns", args=[CsvImport.objects.latest("pk").pk])))
    assert 'name="label_2"' not in page
    assert CsvImport.objects.latest("pk").columns["2"] == "rank"


@pytest.mark.parametrize("label", ["x" * 51, "a\u202eb"])
def test_a_label_that_no_attribute_can_have_is_refused(editor: Client, mailing_list: MailingList, label: str) -> None:
    upload(editor, mailing_list, FILE)
    csv_import = CsvImport.objects.get()
    data = columns_of(csv_import, label_2=label)
    response = editor.post(reverse("import_columns", args=[csv_import.pk]), data)
    assert (response.status_code, "field-errors" in text_of(response)) == (200, True)


def test_a_cancelled_import_leaves_nothing(editor: Client, mailing_list: MailingList) -> None:
    upload(editor, mailing_list, FILE)
    csv_import = answer(editor, CsvImport.objects.get())
    assert cancel_import(csv_import, actor=None, now=NOW)
    assert not AttributeDefinition.objects.exists()
    assert not ColumnMemory.objects.exists()


def test_a_kind_that_does_not_fit_is_chosen_anew(editor: Client, mailing_list: MailingList) -> None:
    upload(editor, mailing_list, FILE + "nashi@example.jp,太郎,なし\n")
    csv_import = answer(editor, CsvImport.objects.get(), kind_2="number", text_version="2026年4月版")
    assert csv_import.rows_rejected == 1
    assert reopen_import(csv_import, now=NOW)
    page = text_of(editor.get(reverse("import_columns", args=[csv_import.pk])))
    assert '<option value="number" selected>' in page
    assert "2026年4月版" in page
    csv_import = answer(editor, csv_import, kind_2="text")
    assert csv_import.rows_rejected == 0
    assert approve_import(csv_import, actor=None)
    assert run_import(csv_import.pk, now=NOW)
    assert AttributeDefinition.objects.get().kind == AttributeKind.TEXT


def test_an_archived_attribute_comes_back_with_its_kind(editor: Client, mailing_list: MailingList) -> None:
    archived = AttributeDefinition.objects.create(
        workspace=mailing_list.workspace, name="購入額", label="お買い上げ", kind="number", archived_at=NOW
    )
    upload(editor, mailing_list, FILE)
    csv_import = CsvImport.objects.get()
    page = text_of(editor.get(reverse("import_columns", args=[csv_import.pk])))
    assert "差し込み項目「お買い上げ」(数値)の使用を再開" in page
    assert "kind_2" not in page
    csv_import = answer(editor, csv_import)
    archived.refresh_from_db()
    assert archived.archived_at == NOW
    approve_import(csv_import, actor=None)
    run_import(csv_import.pk, now=NOW)
    archived.refresh_from_db()
    assert archived.archived_at is None
    assert archived.kind == AttributeKind.NUMBER
    assert Subscriber.objects.get(address_key="k3@example.jp").attributes == {"購入額": 300}


def test_too_many_attributes_are_told_with_a_way_out(editor: Client, mailing_list: MailingList) -> None:
    AttributeDefinition.objects.bulk_create(
        AttributeDefinition(workspace=mailing_list.workspace, name=f"項目{number}", label="x", position=number)
        for number in range(MAX_ATTRIBUTES)
    )
    upload(editor, mailing_list, FILE)
    csv_import = CsvImport.objects.get()
    url = reverse("import_columns", args=[csv_import.pk])
    assert "使わない項目の使用を終えるか" in text_of(editor.post(url, columns_of(csv_import)))
    # What is put away no longer counts.
    AttributeDefinition.objects.filter(name="項目0").update(archived_at=NOW)
    csv_import = answer(editor, csv_import)
    # Somebody was faster: the import fails as a whole.
    AttributeDefinition.objects.filter(name="項目0").update(archived_at=None)
    approve_import(csv_import, actor=None)
    run_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert csv_import.state == ImportState.FAILED
    assert "差し込み項目が多すぎます" in csv_import.message
    assert not Subscriber.objects.exists()

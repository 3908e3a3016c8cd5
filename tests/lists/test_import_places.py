"""A 差し替え and the people whose row is refused: they stay on the list as they are."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from lists.csv_reading import Row
from lists.csv_staging import find_address
from lists.import_checking import check_import, forecast
from lists.models import Consent, CsvImport, Exclusion, ExclusionKind, ImportMode, MailingList, StagedRow, Subscriber
from lists.row_cleaning import Layout
from tests.factories import make_subscriber
from tests.lists.clock import NOW
from tests.lists.importing import apply_import
from tests.lists.pages import text_of

Importer = Callable[..., CsvImport]
pytestmark = pytest.mark.django_db

PEOPLE = ("good@example.jp", "long@example.jp", "moved@example.jp", "barred@example.jp", "gone@example.jp")
FILE = (
    "メールアドレス,氏名\n"
    "good@example.jp,よし\n"
    f"long@example.jp,{'長' * 201}\n"
    "山田,moved@example.jp,列が多い\n"
    "barred@example.jp,除外\n"
    f"stranger@example.jp,{'長' * 201}\n"
    f"good@example.jp,{'長' * 201}\n"
)


@pytest.fixture
def full_list(mailing_list: MailingList) -> MailingList:
    """A list with five people, of whom four are in FILE, three of them in rows that are refused."""
    for address in PEOPLE:
        make_subscriber(mailing_list, address, name="前の名前")
    Exclusion.objects.create(workspace=mailing_list.workspace, kind=ExclusionKind.ADDRESS, value="barred@example.jp")
    return mailing_list


def addresses(mailing_list: MailingList) -> set[str]:
    return set(mailing_list.subscriptions.values_list("subscriber__address", flat=True))


def test_who_stands_in_a_refused_row_keeps_the_place(full_list: MailingList, queue_csv: Importer) -> None:
    csv_import = queue_csv(full_list, FILE, ImportMode.REPLACE)
    assert check_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    found = forecast(csv_import)
    assert (found.new, found.updated, found.removed, found.kept) == (0, 1, 1, 3)
    assert csv_import.forecast["samples"]["kept"] == [
        [3, "long@example.jp"],
        [4, "moved@example.jp"],
        [5, "barred@example.jp"],
    ]
    assert csv_import.forecast["samples"]["removed"] == [[0, "gone@example.jp"]]
    assert apply_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert (csv_import.rows_removed, csv_import.rows_kept, csv_import.rows_updated) == (1, 3, 1)
    assert addresses(full_list) == set(PEOPLE) - {"gone@example.jp"}
    assert Subscriber.objects.get(address="long@example.jp").name == "前の名前"
    assert not Subscriber.objects.filter(address="stranger@example.jp").exists()
    assert not StagedRow.objects.exists()
    # Nobody agreed to anything by a row that was refused (A4).
    assert not Consent.objects.exists()


def test_other_modes_remember_no_places(full_list: MailingList, queue_csv: Importer) -> None:
    csv_import = queue_csv(full_list, FILE)
    assert check_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert (forecast(csv_import).kept, csv_import.rows_staged) == (0, 1)


def test_the_pages_say_how_many_stay(editor: Client, full_list: MailingList, queue_csv: Importer) -> None:
    csv_import = queue_csv(full_list, FILE, ImportMode.REPLACE)
    assert check_import(csv_import.pk, now=NOW)
    page = text_of(editor.get(reverse("import_check", args=[csv_import.pk])))
    assert "リストの宛先のうち3件は、ファイルにありますが、その行を取り込めません" in page
    assert "1件を外して差し替える" in page
    assert "対象外の宛先" in page
    assert apply_import(csv_import.pk, now=NOW)
    page = text_of(editor.get(reverse("import_detail", args=[csv_import.pk])))
    assert "そのまま残した宛先" in page
    assert "対象外の宛先" in page


@pytest.mark.parametrize(
    ("cells", "address"),
    [
        (["a@example.jp", "x"], "a@example.jp"),
        (["ａ＠example.jp", "x", "y"], "a@example.jp"),
        (["山田", "a@example.jp", "x"], "a@example.jp"),
        # In its own column there is none: the other one is somebody else's.
        (["だめ", "boss@example.jp"], None),
        ([], None),
    ],
)
def test_the_address_of_a_refused_row_is_read_where_it_can_be(cells: list[str], address: str | None) -> None:
    layout = Layout(address=0, names=[1], attributes=[], headers=["メール", "氏名"], keeps_blank=True)
    found = find_address(Row(2, cells), layout)
    assert (found and found.key) == address

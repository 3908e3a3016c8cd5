"""Many rows at once: any text comes back as it went in."""

from typing import Any

import pytest
from django.db import Error
from hypothesis import given
from hypothesis import strategies as st

from lists.loading import load_rows
from lists.models import RejectedRow
from tests.factories import make_list

COLUMNS = ("csv_import_id", "line", "column", "value", "reason", "code")
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60) | st.sampled_from(
    ["\\N", "\\.", "\\", "a\tb", "a\nb", "a\r\nb", '"', "'", ",", "\\x41", "\u2028", "\u200b", "𠮷野", "%s", ""]
)


@pytest.fixture
def csv_import(db: None) -> Any:
    mailing_list = make_list()
    return mailing_list.csv_imports.create(workspace=mailing_list.workspace, filename="a.csv", encoding="utf-8")


def test_any_text_comes_back(csv_import: Any) -> None:
    @given(st.lists(st.tuples(st.integers(0, 2**31 - 1), TEXT, TEXT), max_size=20))
    def compare(rows: list[tuple[int, str, str]]) -> None:
        RejectedRow.objects.all().delete()
        number = load_rows(
            "lists_rejectedrow", COLUMNS, ((csv_import.pk, line, "", value, why, "") for line, value, why in rows)
        )
        assert number == len(rows)
        assert list(RejectedRow.objects.order_by("pk").values_list("line", "value", "reason")) == rows

    compare()


def test_more_than_one_piece(csv_import: Any) -> None:
    rows = [(csv_import.pk, number, "", "あ" * 400, "x", "") for number in range(3000)]
    assert load_rows("lists_rejectedrow", COLUMNS, rows) == 3000
    assert RejectedRow.objects.filter(value="あ" * 400).count() == 3000


def test_no_rows(csv_import: Any) -> None:
    assert load_rows("lists_rejectedrow", COLUMNS, []) == 0


@pytest.mark.django_db(transaction=True)
def test_a_row_that_cannot_be_stored_leaves_nothing() -> None:
    mailing_list = make_list()
    csv_import = mailing_list.csv_imports.create(workspace=mailing_list.workspace, filename="a.csv", encoding="utf-8")
    with pytest.raises(Error):
        load_rows(
            "lists_rejectedrow", COLUMNS, [(csv_import.pk, 1, "", "", "", ""), (csv_import.pk, None, "", "", "", "")]
        )

"""Writing XLSX that spreadsheets open safely."""

import tracemalloc
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from lists.xlsx_writing import UNWRITABLE, stream_xlsx, write_pieces


def read(rows: list[list[Any]], **sizes: int) -> list[list[Any]]:
    book = load_workbook(BytesIO(b"".join(write_pieces(rows, **sizes))))
    return [list(row) for sheet in book for row in sheet.iter_rows(values_only=True)]


def test_words_and_numbers_come_back() -> None:
    assert read([["メールアドレス", "回数"], ["髙橋😀@example.jp", 3]]) == [
        ["メールアドレス", "回数"],
        ["髙橋😀@example.jp", 3],
    ]


@pytest.mark.parametrize(
    "formula", ["=1+1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x")', "#REF!", "@SUM(A1)", "+1", "-1", "=", "＝1"]
)
def test_text_is_never_a_formula(formula: str) -> None:
    content = b"".join(write_pieces([["応答"], [formula]]))
    cell = load_workbook(BytesIO(content)).worksheets[0]["A2"]
    assert (cell.value, cell.data_type) == (formula, "s")
    sheet = ZipFile(BytesIO(content)).read("xl/worksheets/sheet1.xml")
    assert b"<f>" not in sheet
    assert b't="e"' not in sheet


def test_edited_text_stays_text() -> None:
    cell = load_workbook(BytesIO(b"".join(write_pieces([["x"], ["=1"]])))).worksheets[0]["A2"]
    assert cell.quotePrefix


def test_what_xml_cannot_hold_is_left_out() -> None:
    assert read([["x"], ["a\0b\x0bc\ud800d\uffff"], ["長" * 40_000]])[1:] == [["abcd"], ["長" * 32_767]]


def test_a_full_sheet_is_followed_by_another() -> None:
    assert read([["x"], [1], [2], [3]], sheet_rows=3) == [["x"], [1], [2], ["x"], [3]]


def test_no_rows_are_a_file_too() -> None:
    assert read([]) == []


def test_the_download_has_its_type_and_name() -> None:
    response = stream_xlsx([["a"]], "failed-7.xlsx")
    assert response["Content-Type"].endswith("spreadsheetml.sheet")
    assert response["Content-Disposition"] == 'attachment; filename="failed-7.xlsx"'
    assert b"".join(response).startswith(b"PK")


def test_memory_does_not_grow_with_the_rows() -> None:
    tracemalloc.start()
    for _piece in write_pieces(["x" * 100, number] for number in range(10_000)):
        pass
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3_000_000


@settings(max_examples=30)
@given(st.lists(st.text(max_size=20).filter(bool), min_size=1, max_size=5))
def test_any_text_can_be_written(texts: list[str]) -> None:
    expected = [UNWRITABLE.sub("", text).replace("\r\n", "\n").replace("\r", "\n") or None for text in texts]
    found = read([["x"], texts])[1]
    assert [(cell or "").replace("\r\n", "\n").replace("\r", "\n") or None for cell in found] == expected

"""Writing CSV that spreadsheets open safely."""

import csv
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lists.csv_writing import encode_csv, guard_cell, stream_csv, unguard_cell


def test_utf_8_begins_with_a_byte_order_mark_and_ends_lines_with_crlf() -> None:
    content = b"".join(encode_csv([["メールアドレス", "回数"], ["a@example.jp", 3]]))
    assert content == "\ufeffメールアドレス,回数\r\na@example.jp,3\r\n".encode()


def test_cp932_replaces_what_it_cannot_write() -> None:
    content = b"".join(encode_csv([["髙橋〜−—", "😀", "①"]], "cp932"))
    assert content.decode("cp932") == "髙橋～－―,?,①\r\n"


def test_the_download_has_a_japanese_name() -> None:
    response = stream_csv([["a"]], "失敗した宛先.csv", "cp932")
    assert response["Content-Type"] == "text/csv; charset=Shift_JIS"
    assert response["Content-Disposition"].startswith("attachment; filename*=utf-8''%E5%A4%B1")
    assert b"".join(response) == b"a\r\n"


@pytest.mark.parametrize(
    "formula", ["=1+1", "+81-3-1234", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "＝1", "-", "=cmd|' /C calc'!A0"]
)
def test_formulas_are_guarded_by_an_apostrophe(formula: str) -> None:
    assert guard_cell(formula) == f"'{formula}"
    assert unguard_cell(f"'{formula}") == formula


@pytest.mark.parametrize("cell", ["-5", "-0.25", "a=b", "山田", "", "'quoted'", "1-2", 5, -5, None])
def test_plain_values_and_negative_numbers_stay(cell: object) -> None:
    assert guard_cell(cell) == cell


def test_rows_are_streamed_in_pieces() -> None:
    pulled: list[int] = []

    def rows() -> object:
        for number in range(100_000):
            pulled.append(number)
            yield [number, "x"]

    pieces = encode_csv(rows())
    next(pieces), next(pieces)
    assert len(pulled) <= 500
    assert sum(piece.count(b"\r\n") for piece in pieces) == 99_500


@given(st.lists(st.lists(st.text(max_size=20), min_size=1, max_size=4), max_size=10))
def test_what_is_written_can_be_read_again(rows: list[list[str]]) -> None:
    content = b"".join(encode_csv(rows)).decode("utf-8-sig")
    read = [[unguard_cell(cell) for cell in row] for row in csv.reader(StringIO(content, newline=""))]
    expected = [[cell.replace("\0", "").encode("utf-8", "replace").decode() for cell in row] for row in rows]
    plain = [[unguard_cell(cell) if cell.startswith("'") else cell for cell in row] for row in expected]
    assert read == plain

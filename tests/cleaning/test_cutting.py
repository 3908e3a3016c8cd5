"""Where rows begin in the bytes of a file, and copying those that stay."""

import codecs
from io import BytesIO, TextIOWrapper

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleaning.cutting import CHUNK, RowsAt, copy_rows, exact_encoding, find_line_starts, make_finder, mark_length
from cleaning.errors import CleaningRefused
from lists.csv_encoding import EIGHT_BIT, ENCODINGS

TEXTS = st.text(st.sampled_from('ab,"\n\r あ山ｶ'), max_size=40)


def lines_of(data: bytes, encoding: str) -> list[str]:
    with TextIOWrapper(BytesIO(data), encoding=encoding, errors="replace", newline="") as text:
        return list(text)


def cut(data: bytes, encoding: str) -> list[bytes]:
    starts = [start for start in find_line_starts(BytesIO(data), encoding) if start < len(data)]
    if not data:
        return []
    return [data[start:end] for start, end in zip(starts, [*starts[1:], len(data)], strict=True)]


@given(TEXTS, st.sampled_from(list(ENCODINGS)))
def test_lines_of_bytes_are_those_of_the_text(text: str, encoding: str) -> None:
    data = text.encode(encoding, "ignore")
    exact = exact_encoding(BytesIO(data), encoding)
    found = [piece.decode(exact).replace("\ufeff", "") for piece in cut(data, encoding)]
    assert [line for line in found if line] == [line.replace("\ufeff", "") for line in lines_of(data, encoding)]


@given(st.binary(max_size=40), st.sampled_from([*EIGHT_BIT, "utf-16-le", "utf-16-be"]))
def test_broken_bytes_have_as_many_lines_as_their_text(data: bytes, encoding: str) -> None:
    # A beginning that could become a mark, and does not, is dropped by Python at the end of a file.
    if codecs.BOM_UTF8.startswith(data):
        return
    assert len(cut(data, encoding)) == len(lines_of(data, encoding))


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("encoding", ["cp932", "utf-16-le", "utf-16-be"])
def test_an_ending_at_the_edge_of_a_piece_is_one(ending: str, encoding: str) -> None:
    width = 2 if "16" in encoding else 1
    for shift in range(-3, 4):
        head = "a" * (CHUNK // width + shift)
        data = (head + ending + "b" + ending + "c").encode(encoding)
        assert [piece.decode(encoding) for piece in cut(data, encoding)] == [head + ending, "b" + ending, "c"]


def test_a_finder_goes_forward() -> None:
    find = make_finder(BytesIO(b"a\nbb\n\nccc\n"), "cp932")
    assert [find(1), find(2), find(4), find(4)] == [0, 2, 6, 6]


def test_iso_2022_jp_with_broken_escapes_is_refused() -> None:
    whole = "名前\n山田\n".encode("iso2022_jp_ext")
    assert make_finder(BytesIO(whole), "iso2022_jp_ext")(2) == whole.index(b"\n") + 1
    with pytest.raises(CleaningRefused, match="UTF-8で保存し直して"):
        make_finder(BytesIO(b"\x1b$B\r$\n\x1b(Ba\n"), "iso2022_jp_ext")


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8-sig", 3), ("utf-16", 2), ("cp932", 0), ("utf-16-be", 0)])
def test_mark_of_the_byte_order(encoding: str, mark: int) -> None:
    assert mark_length(BytesIO("a\n".encode(encoding)), encoding) == mark
    assert mark_length(BytesIO(b"a\n"), encoding) == 0


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.booleans())
def test_copy_is_the_file_without_the_rows(keeps: list[bool], has_header: bool) -> None:
    head = "見出し\r\n".encode("cp932") if has_header else b""
    rows = [f"{number}行目\n".encode("cp932") * (number % 3 + 1) for number in range(len(keeps))]
    offsets = [len(head)]
    for row in rows:
        offsets.append(offsets[-1] + len(row))
    copied = b"".join(copy_rows(BytesIO(head + b"".join(rows)), offsets, lambda row: keeps[row], mark=0))
    assert copied == head + b"".join(row for row, stays in zip(rows, keeps, strict=True) if stays)


def test_the_mark_stays_where_the_first_row_goes() -> None:
    data = codecs.BOM_UTF8 + b"a\nb\n"
    copied = b"".join(copy_rows(BytesIO(data), [0, 5, 7], lambda row: row == 1, mark=3))
    assert copied == codecs.BOM_UTF8 + b"b\n"
    assert b"".join(copy_rows(BytesIO(data), [0, 5, 7], lambda row: row == 0, mark=3)) == codecs.BOM_UTF8 + b"a\n"


def test_single_rows_are_read_by_their_place() -> None:
    data = '"a\n1",b\n"c"x,d\n\ufeffe,f'.encode()
    rows = RowsAt(BytesIO(data), [0, 8, 15, len(data)], "utf-8-sig", ",")
    assert [rows.read(number) for number in range(3)] == [["a\n1", "b"], ['"c"x,d'], ["e", "f"]]

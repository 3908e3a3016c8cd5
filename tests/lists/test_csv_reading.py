"""Reading CSV files: separators, headers, broken rows, limits (F2)."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lists import csv_reading
from lists.csv_reading import Row, inspect_file, read_rows
from lists.exceptions import UnreadableFile


def read(content: bytes | str, encoding: str = "utf-8-sig", separator: str = ",") -> list[Row]:
    data = content.encode() if isinstance(content, str) else content
    return list(read_rows(BytesIO(data), encoding, separator))


def test_rows_have_the_line_they_begin_at() -> None:
    rows = read('email,name\n\na@example.jp,"山田\n太郎"\nb@example.jp,花子\n')
    assert [(row.line, row.cells) for row in rows] == [
        (1, ["email", "name"]),
        (3, ["a@example.jp", "山田\n太郎"]),
        (5, ["b@example.jp", "花子"]),
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_all_line_ends_are_read(newline: str) -> None:
    rows = read(newline.join(["email", "a@example.jp", "b@example.jp"]))
    assert [(row.line, row.cells) for row in rows] == [(1, ["email"]), (2, ["a@example.jp"]), (3, ["b@example.jp"])]


@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "cp932", "utf-16", "euc_jp", "iso2022_jp"])
def test_separator_and_header_are_found_f2(separator: str, codec: str) -> None:
    """F2."""
    lines = [["メールアドレス", "氏名"], ["a@example.jp", "山田 太郎"], ["b@example.jp", "鈴木、花子"]]
    found = inspect_file(BytesIO("\r\n".join(separator.join(line) for line in lines).encode(codec)))
    assert found.format.separator == separator
    assert found.format.has_header
    assert found.preview.headers == ["メールアドレス", "氏名"]
    assert [row.cells for row in found.preview.rows] == lines[1:]


def test_a_file_without_a_header_has_numbered_columns() -> None:
    found = inspect_file(BytesIO("山田,a@example.jp\n鈴木,b@example.jp\n".encode()))
    assert not found.format.has_header
    assert found.preview.headers == ["列1", "列2"]
    assert len(found.preview.rows) == 2


def test_a_file_of_one_column_is_read_with_commas() -> None:
    found = inspect_file(BytesIO(b"email\na@example.jp\n"))
    assert (found.format.separator, found.preview.headers) == (",", ["email"])


def test_a_comma_in_quotes_is_no_separator() -> None:
    found = inspect_file(BytesIO('email\tname\na@example.jp\t"山田,太郎,様"\n'.encode()))
    assert found.format.separator == "\t"


def test_a_row_that_is_quoted_wrongly_is_refused_alone() -> None:
    rows = read('email,name\n"a"x,1\nb@example.jp,2\n')
    assert [bool(row.fault) for row in rows] == [False, True, False]
    assert "引用符" in rows[1].fault
    swallowed = read('email,name\n"a,1\nb,2\nc,"x"\nd,4\n')
    assert "2行目から4行目まで" in swallowed[1].fault
    assert swallowed[2].cells == ["d", "4"]


def test_bytes_of_another_encoding_spoil_only_their_row() -> None:
    rows = read(b"email,name\na@example.jp,\x8e\x52\nb@example.jp,x\n")
    assert "文字コード" in rows[1].fault
    assert rows[2].cells == ["b@example.jp", "x"]


def test_a_byte_order_mark_in_the_middle_is_dropped() -> None:
    rows = read("email\na@example.jp\n".encode("utf-8-sig") * 2)
    assert [row.cells for row in rows] == [["email"], ["a@example.jp"]] * 2


def test_a_nul_in_a_utf_16_file_spoils_only_its_row() -> None:
    rows = read("email\na\0@example.jp\nb@example.jp\n".encode("utf-16"), "utf-16")
    assert [bool(row.fault) for row in rows] == [False, True, False]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "ファイルが空です"),
        (b"\n\r\n  ,,\n", "行がありません"),
        (b"\xef\xbb\xbf", "行がありません"),
        ("メールアドレス,氏名\n".encode(), "見出しの行だけ"),
        (b'email,name\n"a@example.jp,1\n', '2行目の「"」を消すか、値の終わりにも「"」を付けて'),
        (b'email,name\n"a@example.jp' + b"1\n" * 60_000, "2行目が長すぎます"),
        (b"x" * 200_000, "1行目が長すぎます"),
        (b"email," + b"c," * 10_000 + b"\na@example.jp\n", "列が多すぎます"),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_a_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(UnreadableFile, match=sentence):
        inspect_file(BytesIO(content))


def test_the_wrong_encoding_chosen_by_hand_is_told() -> None:
    with pytest.raises(UnreadableFile, match="選ばれた文字コード"):
        read(b"email\na@example.jp\n", "utf-16")


def test_memory_stays_small_on_a_line_without_end() -> None:
    class Endless(BytesIO):
        """Gives the same byte for ever and notes how much was read."""

        taken = 0

        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert size > 0
            self.taken += size
            return b"x" * size

        read1 = read

    endless = Endless()
    with pytest.raises(UnreadableFile, match="長すぎます"):
        next(read_rows(endless, "utf-8-sig", ","))
    assert endless.taken < 2 * csv_reading.MAX_ROW


@given(st.binary(max_size=3000))
def test_any_bytes_are_a_file_or_a_sentence(content: bytes) -> None:
    try:
        found = inspect_file(BytesIO(content))
    except UnreadableFile as refusal:
        assert refusal.sentence  # noqa: PT017
        return
    assert found.preview.rows


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\ufffd"), max_size=20)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=20))
def test_what_a_csv_writer_wrote_is_read_again(rows: list[list[str]]) -> None:
    quoted = "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\r\n" for row in rows)
    kept = [row for row in rows if any(cell and not cell.isspace() for cell in row)]
    assert [row.cells for row in read(quoted)] == kept

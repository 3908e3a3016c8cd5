"""Files that are broken or meant to do harm: a clear message, little memory, the list untouched or complete."""

import tracemalloc
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.core.files.base import ContentFile
from hypothesis import example, given
from hypothesis import strategies as st

from lists.columns import columns_of
from lists.csv_columns import guess_columns
from lists.csv_import import create_import
from lists.csv_reading import MAX_COLUMNS
from lists.exceptions import ImportRefused, RowRefused, UnreadableFile
from lists.import_reasons import RejectReason
from lists.models import CsvImport, ImportState, Subscriber
from lists.row_cleaning import compile_cleaner, make_layout
from lists.table_files import inspect_table, read_table
from tests.factories import make_list, make_subscriber
from tests.lists.workbooks import make_workbook, pack

pytestmark = pytest.mark.django_db
GOOD = "".join(f"kyaku{number}@example.jp,お客様{number}\r\n" for number in range(50))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "ファイルが空です"),
        (b"\r\n , \r\n", "行がありません"),
        ("メールアドレス,氏名\r\n".encode(), "見出しの行だけ"),
        (b"email\r\na@example.jp\0\r\n", "NUL文字"),
        (b'email,name\r\n"a@example.jp,1\r\n', "閉じられていません"),
        (b"email," + b"c," * 10_000 + b"\r\na@example.jp\r\n", "列が多すぎます"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), r"パスワード付きのExcelブック"),
        (b"PK\x03\x04" + bytes(500), "ブックとして読めません"),
        (pack(sheet1="<!DOCTYPE x [<!ENTITY a 'b'>]><x/>").getvalue(), "ブックとして読めません"),
        (make_workbook({"名簿": []}).getvalue(), "行がありません"),
        (make_workbook({"名簿": [["メールアドレス"]]}).getvalue(), "見出しの行だけ"),
        (b"\x1f\x8b\x08" + bytes(500), "CSVファイルではない"),
    ],
)
def test_what_is_no_list_is_refused_and_leaves_nothing(content: bytes, sentence: str, media: Any) -> None:
    mailing_list = make_list()
    with pytest.raises(UnreadableFile, match=sentence):
        create_import(mailing_list, ContentFile(content, name="a.csv"), None)
    assert not CsvImport.objects.exists()
    assert not [path for path in media.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("content", "imported", "reasons"),
    [
        # Two encodings in one file: the rows of the rarer one are told.
        *[
            (f"メール,氏名\r\n{GOOD}".encode("cp932") + f"b@example.jp,{name}\r\n".encode(), 50, {RejectReason.ENCODING: 1})
            for name in ("鈴木花子", "佐藤", "山田", "はな", "和田")
        ],
        # Two files in one: a BOM in the middle and the header again.
        (f"メール,氏名\r\n{GOOD}".encode("utf-8-sig") * 2, 50, {RejectReason.HEADER: 1, RejectReason.DUPLICATE: 50}),
        (f'メール,氏名\r\n{GOOD}"x"y,1\r\n'.encode(), 50, {RejectReason.UNREADABLE: 1}),
        (f"メール,氏名\r\n{GOOD}b@example.jp,{'長' * 10_000}\r\n".encode(), 50, {RejectReason.NAME: 1}),
        (f"メール,氏名\r\n{GOOD}b@example.jp,{',' * 10_000}\r\n".encode(), 50, {RejectReason.COLUMNS: 1}),
        (f"メール,氏名\r\n{GOOD}b@example.jp,山田\x1b[2J\r\n".encode(), 50, {RejectReason.NAME: 1}),
        (f"メール,氏名\r\n{GOOD}b@example.jp%0ABcc:x@example.jp,x\r\n".encode(), 50, {RejectReason.ADDRESS: 1}),
        # The header again, with a column that has no name.
        ("メール,氏名,\r\na@example.jp,山田,x\r\nメール,氏名,\r\n".encode(), 1, {RejectReason.HEADER: 1}),
        # Formulas are text, and stay it when they are exported again (lists.csv_writing).
        ('メール,氏名\r\na@example.jp,"=HYPERLINK(""http://x"")"\r\n'.encode(), 1, {}),
        (b"email\r\na@example.jp\r\nb@example.jp\r\n", 2, {}),
        ("メール,メール,氏名,氏名\r\na@example.jp,,山田,\r\n".encode(), 1, {}),
        ("メール,氏名\r\na@example.jp,山田".encode("utf-16"), 1, {}),
        (make_workbook({"名簿": [["メール", "氏名"], ["a@example.jp", "=1+1"], ["b@example.jp", "x"]]}).getvalue(), 1,
         {RejectReason.UNREADABLE: 1}),
    ],
)  # fmt: skip
def test_what_can_be_used_is_imported_and_the_rest_told(
    content: bytes, imported: int, reasons: dict[str, int], import_csv: Callable[..., CsvImport]
) -> None:
    mailing_list = make_list()
    done = import_csv(mailing_list, content)
    assert done.state == ImportState.DONE
    assert mailing_list.subscriptions.count() == imported
    codes = list(done.rejected_rows.values_list("code", flat=True))
    assert {code: codes.count(code) for code in codes} == reasons
    assert all(row.reason and len(row.value) <= 500 for row in done.rejected_rows.all())


def test_a_quote_that_never_closes_far_below_leaves_the_list_as_it_was(import_csv: Callable[..., CsvImport]) -> None:
    mailing_list = make_list()
    make_subscriber(mailing_list, "mae@example.jp")
    failed = import_csv(mailing_list, f'メール,氏名\r\n{GOOD * 10}b@example.jp,"山田\r\n{GOOD * 10}'.encode())
    assert failed.state == ImportState.FAILED
    assert "502行目" in failed.message
    assert [subscriber.address for subscriber in Subscriber.objects.all()] == ["mae@example.jp"]


class Repeated(BytesIO):
    """A file of many megabytes that repeats one piece, without holding it."""

    def __init__(self, piece: bytes, times: int) -> None:
        super().__init__()
        self.piece, self.size, self.place = piece, len(piece) * times, 0

    def seek(self, place: int, whence: int = 0) -> int:
        self.place = place + (self.size if whence == 2 else 0)
        return self.place

    def read(self, size: int | None = -1) -> bytes:
        size = min(self.size - self.place, size if size is not None and size >= 0 else self.size)
        start = self.place % len(self.piece)
        self.place += size
        return (self.piece * (size // len(self.piece) + 2))[start : start + size]


@pytest.mark.once
@pytest.mark.parametrize(
    "piece",
    [
        b"x" * 1000,
        b"\n" * 1000,
        b'"' * 999,
        b'"a\n' * 300,
        b"," * 1000 + b"\n",
        b"a@example.jp,x\r\n" * 60,
        b'"a@example.jp","x\nx"\r\n' * 60,
        ("a@example.jp," + "長" * 60 + "\r\n").encode("cp932") * 10,
        b"\x1b$B" * 300,
        b"\xff\xfe" * 400,
    ],
)
def test_memory_stays_small_whatever_a_large_file_holds(piece: bytes) -> None:
    # Where each row is refused by itself less will do.
    size = 600_000 if piece.startswith(b'"a\n') else 8_000_000
    file = Repeated(piece, size // len(piece))
    tracemalloc.start()
    try:
        table = inspect_table(file)
        for _row in read_table(file, table.format):
            pass
    except UnreadableFile as error:
        assert error.sentence  # noqa: PT017
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 6 << 20


MIXED = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.sampled_from(
            [b"a@example.jp", b",", b"\t", b'"', b"\r\n", b"\n", b"\xef\xbb\xbf", b"\0", "山田".encode("cp932"),
             "山田".encode(), b"\x1b$B", b"'=1+1", b"a..b@docomo.ne.jp", "ﾔﾏﾀﾞ".encode("cp932"), b"x" * 300]
        ),
        max_size=60,
    ).map(b"".join),
)  # fmt: skip


@given(MIXED)
@example(b"\x1b$@")
def test_any_bytes_are_cleaned_or_told(content: bytes) -> None:
    mailing_list = make_list()
    try:
        table = inspect_table(BytesIO(content))
        columns = guess_columns(mailing_list, table.preview)
        headers = table.preview.headers if table.format.has_header else []
        layout = make_layout(columns, headers, columns_of(mailing_list.workspace), keeps_blank=True)
        clean = compile_cleaner(layout)
        for row in read_table(BytesIO(content), table.format):
            assert row.fault or len(row.cells) <= MAX_COLUMNS
            try:
                line, address, key, name, attributes, _flags = clean(row)
            except RowRefused as refusal:
                assert refusal.sentence  # noqa: PT017
                assert refusal.code in RejectReason.values  # noqa: PT017
                continue
            assert line >= 1
            assert key == address.lower()
            assert attributes.isascii()
            assert "\0" not in name + address
    except (UnreadableFile, ImportRefused) as error:
        assert error.sentence  # noqa: PT017

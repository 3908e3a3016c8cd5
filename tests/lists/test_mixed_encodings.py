"""Rows in another encoding than their file: told where the bytes can be read all the same, and no honest row refused."""

from collections.abc import Callable
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lists.csv_encoding import ENCODINGS, TAKES_DAKUTEN
from lists.csv_reading import read_rows
from lists.csv_writing import encode_csv
from lists.exceptions import UnreadableFile
from lists.import_reasons import RejectReason
from lists.import_run_views import rejected_rows
from lists.mixed_encodings import find_other_encoding
from lists.models import CsvImport, ImportMode, MailingList, Subscriber
from tests.factories import make_subscriber

GOOD = "".join(f"kyaku{number}@example.jp,お客様{number}\r\n" for number in range(50))
# Their UTF-8 can be read as CP932 to the last byte.
SILENT = ["佐藤", "山田", "鈴木", "田中", "伊藤", "はな", "山田 はな", "東京都渋谷区1-2-3", "株式会社みほんA1", "齋藤"]
SURNAMES = [
    "佐藤",
    "鈴木",
    "高橋",
    "長谷川",
    "佐々木",
    "林",
    "邊見",
    "邉",
    "齋藤",
    "澤",
    "櫻井",
    "國分",
    "廣瀬",
    "眞鍋",
    "萬代",
    "鷲尾",
    "纐纈",
    "彅",
    "髙﨑",
    "神",
    "々",
    "邨田",
    "盧廷潤",
    "餘江",
    "馮花",
]
GIVEN = ["太郎", "花子", "翔", "さくら", "アンナ", "凛", "澪", "龍", "瑛", "琉偉", "萬里", "禮子", "眞", "ｱﾝﾅ", "ｼﾞｮｳｼﾞ"]
HALF_WIDTH = st.lists(
    st.sampled_from([*"ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝ", "ﾊﾟ", "ｷｬ", "ﾘｭ", "ﾄｰ", "ﾏｯ", "･", " ", "｢", "｣"]
    + [kana + "ﾞ" for kana in sorted(TAKES_DAKUTEN)]), min_size=1, max_size=12,
).map("".join)  # fmt: skip


def read_last(head: str, tail: bytes, encoding: str) -> tuple[str, str]:
    """Return fault and code of the last row of a file in `encoding` that ends in other bytes."""
    file = BytesIO(f"メール,氏名\r\n{head}".encode(encoding) + tail)
    rows = list(read_rows(file, encoding, ","))
    assert not any(row.fault for row in rows[:-1])
    return rows[-1].fault, rows[-1].code


@pytest.mark.parametrize("name", SILENT)
def test_rows_of_utf_8_in_a_cp932_file_are_told_f2(name: str) -> None:
    fault, code = read_last(GOOD, f"b@example.jp,{name}\r\n".encode(), "cp932")
    assert ("UTF-8で" in fault, code) == (True, RejectReason.ENCODING)


@pytest.mark.parametrize("name", ["伊藤", "高橋", "中村 花子"])
def test_rows_of_euc_jp_in_a_cp932_file_are_told_f2(name: str) -> None:
    fault, code = read_last(GOOD, f"b@example.jp,{name}\r\n".encode("euc_jp"), "cp932")
    assert ("EUC-JPで" in fault, code) == (True, RejectReason.ENCODING)


@pytest.mark.parametrize("encoding", ["euc_jp", "euc_jis_2004"])
def test_rows_of_utf_8_in_an_euc_jp_file_are_told_f2(encoding: str) -> None:
    fault, code = read_last(GOOD, "b@example.jp,渡辺\r\n".encode(), encoding)
    assert ("UTF-8で" in fault, code) == (True, RejectReason.ENCODING)


def test_a_cell_of_its_own_encoding_is_told_f2() -> None:
    tail = b"b@example.jp,%b,%b\r\n" % ("山田".encode(), "東京都".encode("cp932"))
    assert read_last("", tail, "cp932")[1] == RejectReason.ENCODING


@pytest.mark.parametrize("encoding", ["cp932", "euc_jp", "euc_jis_2004", "utf-8-sig"])
@given(
    cells=st.lists(
        st.one_of(
            st.builds("{}{}{}".format, st.sampled_from(SURNAMES), st.sampled_from(["", " ", "\u3000"]), st.sampled_from(GIVEN)),
            HALF_WIDTH,
            st.sampled_from(["", "-", "ｰ", "03-1234-5678", "03ｰ1234ｰ5678", "①号室", "ﾊｲﾂ｢ｻｸﾗ｣101", "a@example.jp", "José"]),
        ),
        max_size=4,
    )
)  # fmt: skip
def test_no_honest_row_is_taken_for_another_encoding_f2(encoding: str, cells: list[str]) -> None:
    honest = [cell.encode(encoding, "ignore").decode(encoding) for cell in cells]
    assert find_other_encoding(honest, encoding) == ""


@pytest.mark.parametrize(
    ("encoding", "other", "name"),
    [
        ("utf-8-sig", "cp932", "山田 花子"),
        ("utf-8-sig", "cp932", "ﾔﾏﾀﾞ ㈱髙﨑"),
        ("utf-8-sig", "euc_jp", "山田 はな"),
        ("cp932", "utf-8", "山田"),
        ("cp932", "utf-8", "山田 花子, 株式会社みほん"),
        ("cp932", "utf-8", "髙橋"),
        ("cp932", "euc_jp", "高橋"),
        ("euc_jp", "utf-8", "渡辺 花子"),
    ],
)
def test_a_refused_row_is_shown_as_it_was_written_f2(encoding: str, other: str, name: str) -> None:
    file = BytesIO(
        f"メール,氏名\r\n{GOOD}".encode(encoding) + f'b@example.jp,"{name}"\r\nc@example.jp,x\r\n'.encode(other)
    )
    *_rows, row, last = read_rows(file, encoding, ",")
    assert (row.code, row.cells) == (RejectReason.ENCODING, ["b@example.jp", name])
    assert {"cp932": "Shift_JIS", "utf-8": "UTF-8", "euc_jp": "EUC-JP"}[other] in row.fault
    assert (last.fault, last.cells) == ("", ["c@example.jp", "x"])


def test_a_damaged_row_keeps_what_can_be_read_f2() -> None:
    cut = "b@example.jp,山田花".encode()[:-1] + b",x\r\n"
    row = list(read_rows(BytesIO(f"メール,氏名,\r\n{GOOD}".encode() + cut), "utf-8-sig", ","))[-1]
    assert row.code == RejectReason.ENCODING
    assert [cell.rstrip("\ufffd") for cell in row.cells] == ["b@example.jp", "山田", "x"]
    assert "\ufffd" in row.cells[1]


@pytest.mark.parametrize("encoding", list(ENCODINGS))
@given(st.binary(max_size=60))
def test_no_bytes_leave_half_a_character_behind(encoding: str, data: bytes) -> None:
    try:
        rows = list(read_rows(BytesIO(b"a,b\r\n" + data + b"\r\n"), encoding, ","))
    except UnreadableFile:
        return
    letters = {letter for row in rows for cell in row.cells for letter in cell}
    assert [letter for letter in letters if "\ud800" <= letter <= "\udfff"] == []


@pytest.mark.django_db
def test_the_rejected_rows_can_be_read_in_either_encoding_f2(
    mailing_list: MailingList, import_csv: Callable[..., CsvImport]
) -> None:
    done = import_csv(mailing_list, f"メール,氏名\r\n{GOOD}".encode() + "b@example.jp,山田\r\n".encode("cp932"))
    content = b"".join(encode_csv(rejected_rows(done), "cp932")).decode("cp932")
    assert '"b@example.jp,山田"' in content


@pytest.mark.django_db
@pytest.mark.parametrize("mode", [ImportMode.MERGE, ImportMode.REPLACE])
def test_a_row_in_another_encoding_leaves_the_name_that_is_known_f2(
    mailing_list: MailingList, import_csv: Callable[..., CsvImport], mode: ImportMode
) -> None:
    make_subscriber(mailing_list, "yamada@example.jp", name="山田 花子")
    content = f"メール,氏名\r\n{GOOD}".encode("cp932") + "yamada@example.jp,山田\r\n".encode()
    done = import_csv(mailing_list, content, mode)
    assert done.forecast["rejected"] == {RejectReason.ENCODING: 1}
    assert Subscriber.objects.get(address="yamada@example.jp").name == "山田 花子"
    assert mailing_list.subscriptions.count() == 51

"""The two files of a judged file."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from accounts.models import Workspace
from cleaning.errors import CleaningGone
from cleaning.flaws import Flaw
from cleaning.results import clean_pieces, excluded_rows, split_rows
from cleaning.work import Cleaning
from lists.csv_encoding import ENCODINGS
from lists.csv_writing import encode_csv
from tests.cleaning.conftest import Cleaner
from tests.factories import make_list, make_subscriber

pytestmark = pytest.mark.django_db
ALL = list(Flaw)


def clean(cleaning: Cleaning, chosen: list[Flaw] = ALL) -> bytes:
    return b"".join(clean_pieces(cleaning, cleaning.about(), chosen))


def excluded(cleaning: Cleaning, chosen: list[Flaw] = ALL) -> list[list[str]]:
    return [[str(cell) for cell in row] for row in excluded_rows(cleaning, cleaning.about(), chosen)]


@pytest.mark.parametrize("encoding", list(ENCODINGS))
@pytest.mark.parametrize("separator", [",", "\t"])
def test_what_stays_is_byte_for_byte_the_upload_a11(judge_file: Cleaner, encoding: str, separator: str) -> None:
    rows = [
        ["メールアドレス", "お名前"],
        ["a@example.jp", '"山田 ""太郎"""'],
        ["broken", "だめ"],
        ["b@example.jp", '"改行\r\nのある名前"'],
        ["a@example.jp", "重複"],
        ["c@example.jp", "髙橋" if encoding in ("utf-8-sig", "cp932") or "16" in encoding else "高橋"],
    ]
    lines = [separator.join(row) + "\r\n" for row in rows]
    content = "".join(lines).encode(encoding)
    cleaning = judge_file(content, "meibo.tsv")
    assert cleaning.about().encoding in (encoding, "utf-16", "euc_jp", "iso2022_jp_ext")
    assert clean(cleaning) == "".join(lines[number] for number in (0, 1, 3, 5)).encode(encoding)
    assert clean(cleaning, []) == content
    assert [row[0] for row in excluded(cleaning)[1:]] == ["3", "6"]


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a@example.jp", "b@example.jp", "x", '"c@example.jp"', '"q"x']), st.booleans()),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(["\r\n", "\n", "\r"]),
    st.booleans(),
)
def test_the_two_files_hold_every_row_once(
    judge_file: Cleaner, rows: list[tuple[str, bool]], ending: str, has_end: bool
) -> None:
    lines = ["email,n", "first@example.jp,0"] + [
        f"{cell},{number}" + (ending if blank else "") for number, (cell, blank) in enumerate(rows, start=1)
    ]
    content = (ending.join(lines) + (ending if has_end else "")).encode()
    cleaning = judge_file(content)
    assert clean(cleaning, []) == content
    kept = [line.rpartition(",")[2] for line in clean(cleaning).decode().replace("\r", "\n").split("\n")[1:] if line]
    taken = [row[-1].rpartition(",")[2] for row in excluded(cleaning)[1:]]
    assert sorted([*kept, *taken], key=int) == [str(number) for number in range(len(rows) + 1)]
    cleaning.delete()


def test_excluded_rows_say_where_and_why_a11(judge_file: Cleaner, workspace: Workspace) -> None:
    make_subscriber(make_list(workspace), "stop@gmial.com", status="stopped")
    cleaning = judge_file(
        '氏名,email\n山田,a@example.jp\n佐藤,stop@gmial.com\n"鈴木"x,b@example.jp\n田中,a@example.jp\n'
    )
    rows = excluded(cleaning)
    assert rows[0] == ["行", "理由", "理由の詳細", "正しいと思われるアドレス", "氏名", "email"]
    assert rows[1][:2] == ["3", "停止済み、打ち間違い"]
    assert rows[1][2].startswith("手動停止 20")
    assert rows[1][3:] == ["stop@gmail.com", "佐藤", "stop@gmial.com"]
    assert rows[2][:2] == ["4", "書式"]
    assert rows[2][4:] == ['"鈴木"x,b@example.jp']
    assert rows[3][:4] == ["5", "重複", "2行目と同じ", ""]


def test_only_the_chosen_reasons_take_a_row_out(judge_file: Cleaner) -> None:
    cleaning = judge_file("email\na@gmial.com\na@gmial.com\nbroken\n")
    assert clean(cleaning, [Flaw.DUPLICATE]) == b"email\na@gmial.com\nbroken\n"
    assert [row[0] for row in excluded(cleaning, [Flaw.DUPLICATE])[1:]] == ["3"]
    report = cleaning.report()
    assert report
    assert [split_rows(report, chosen).excluded for chosen in (ALL, [Flaw.DUPLICATE], [Flaw.TYPO], [])] == [3, 1, 2, 0]
    assert split_rows(report, [Flaw.DUPLICATE]).kept == 2


def test_a_file_without_header_keeps_its_mark(judge_file: Cleaner) -> None:
    cleaning = judge_file("\ufeffa@gmial.com,1\na@example.jp,2\n".encode())
    assert not cleaning.about().has_header
    assert clean(cleaning) == "\ufeffa@example.jp,2\n".encode()


def test_a_workbook_becomes_csv_in_utf_8_with_bom(judge_file: Cleaner) -> None:
    book = Workbook()
    for row in (["email", "お名前"], ["a@example.jp", "髙橋"], ["broken", "だめ"], [], ["b@example.jp", "森"]):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    cleaning = judge_file(file.getvalue(), "meibo.xlsx")
    text = clean(cleaning).decode("utf-8-sig")
    assert clean(cleaning).startswith(b"\xef\xbb\xbf")
    assert list(csv.reader(io.StringIO(text))) == [
        ["email", "お名前"],
        ["a@example.jp", "髙橋"],
        ["b@example.jp", "森"],
    ]
    assert excluded(cleaning)[1][0] == "3"
    assert excluded(cleaning)[1][4:] == ["broken", "だめ"]


def test_text_of_a_workbook_becomes_no_formula(judge_file: Cleaner) -> None:
    book = Workbook()
    for row in (["email", "メモ"], ["a@example.jp", "=1+1"], ["+b@example.jp", "-5"], ["+broken", "@x"]):
        book.active.append(row)
        for cell in book.active[book.active.max_row]:
            cell.data_type = "s"
    file = io.BytesIO()
    book.save(file)
    cleaning = judge_file(file.getvalue(), "meibo.xlsx")
    assert list(csv.reader(io.StringIO(clean(cleaning).decode("utf-8-sig"))))[1:] == [
        ["a@example.jp", "'=1+1"],
        ["'+b@example.jp", "-5"],
    ]
    # What is guarded stays guarded once.
    assert b"".join(encode_csv(excluded_rows(cleaning, cleaning.about(), ALL))).endswith(b"'+broken,'@x\r\n")


def test_what_is_gone_is_told(judge_file: Cleaner) -> None:
    cleaning = judge_file("email\na@example.jp\n")
    about = cleaning.about()
    cleaning.delete()
    # Before a download begins.
    with pytest.raises(CleaningGone):
        clean_pieces(cleaning, about, ALL)
    with pytest.raises(CleaningGone):
        excluded_rows(cleaning, about, ALL)


@pytest.mark.parametrize("name", ["masks", "offsets", "upload", "details"])
def test_one_file_that_is_gone_is_told_before_the_download(judge_file: Cleaner, name: str) -> None:
    cleaning = judge_file("email\na@example.jp\nbroken\n")
    (cleaning.folder / name).unlink()
    with pytest.raises(CleaningGone):
        excluded_rows(cleaning, cleaning.about(), ALL)


def test_a_file_of_which_nothing_stays(judge_file: Cleaner) -> None:
    cleaning = judge_file("a@gmial.com,1\nb@gmial.com,2\n")
    assert (cleaning.about().has_header, clean(cleaning)) == (False, b"")

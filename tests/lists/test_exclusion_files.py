"""Tests of the 除外リスト as a file."""

from datetime import date, timedelta
from io import BytesIO
from zipfile import ZipFile

import pytest
from django.http import StreamingHttpResponse
from openpyxl import Workbook

from accounts.models import Workspace
from lists.exceptions import UnreadableFile
from lists.exclusion_entries import end_of, save_entries
from lists.exclusion_files import REJECTED_KEPT, Reading, exclusion_table, read_exclusions
from lists.exporting import stream
from lists.models import Exclusion
from tests.factories import make_user
from tests.lists.clock import NOW

pytestmark = pytest.mark.django_db


def read(content: str | bytes, encoding: str = "utf-8", *, reason: str = "") -> Reading:
    data = content.encode(encoding) if isinstance(content, str) else content
    return read_exclusions(BytesIO(data), reason=reason, expires_at=None, now=NOW)


def values(reading: Reading) -> list[tuple[str, str]]:
    return list(reading.entries)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16", "euc-jp"])
def test_reads_a_file_with_headers_in_any_encoding(encoding: str) -> None:
    reading = read(
        "会社,メールアドレス,期限,理由\nA社,Mori@example.jp,2026/12/31,取引終了\nB社,example.com,,\n", encoding
    )
    address, domain = reading.entries.values()
    assert (address.value, address.reason, address.expires_at) == (
        "mori@example.jp",
        "取引終了",
        end_of(date(2026, 12, 31)),
    )
    assert (domain.value, domain.reason, domain.expires_at) == ("example.com", "", None)
    assert reading.rejected == []


@pytest.mark.parametrize("content", ["example.com", "example.com\nmori@example.jp\n", "mori@example.jp"])
def test_reads_a_file_of_one_column_without_headers(content: str) -> None:
    assert [value for _kind, value in values(read(content))] == content.split()


def test_knows_the_short_form_of_its_own_header() -> None:
    reading = read("アドレスまたはドメイン,理由\nexample.com,取引終了\n")
    assert [(entry.value, entry.reason) for entry in reading.entries.values()] == [("example.com", "取引終了")]
    assert reading.rejected == []


@pytest.mark.parametrize("header", ["メール", "Eメール", "PCメール", "e-mail", "mail_address", "ドメイン名"])
def test_knows_the_headers_of_lists(header: str) -> None:
    assert values(read(f"会社名,{header}\nA社,example.com\n")) == [("domain", "example.com")]


def test_a_row_without_reason_and_end_takes_those_of_the_form() -> None:
    end = NOW + timedelta(days=1)
    content = b"a@example.jp,own,2026-12-31\nb@example.jp\n"
    reading = read_exclusions(BytesIO(content), reason="まとめて", expires_at=end, now=NOW)
    first, second = reading.entries.values()
    assert (first.reason, first.expires_at) == ("own", end_of(date(2026, 12, 31)))
    assert (second.reason, second.expires_at) == ("まとめて", end)


def test_lines_that_are_refused_are_told_and_the_others_taken() -> None:
    lines = [
        "メールアドレス,理由,期限",
        "mori@example.jp,,",
        "山田太郎,,",
        "kato@example.jp,,来年",
        "kato@example.jp,,2020-01-01",
        f"kato@example.jp,{'長' * 201},",
        "MORI@example.jp,後の行,",
    ]
    reading = read("\n".join(lines))
    assert [row.line for row in reading.rejected] == [3, 4, 5, 6]
    assert all(row.why.endswith("。") for row in reading.rejected)
    assert reading.rejected[0].value == "山田太郎"
    assert (reading.rejected_count, reading.repeated) == (4, 1)
    [entry] = reading.entries.values()
    assert entry.reason == "後の行"


def test_of_many_refused_lines_the_first_are_kept_and_all_counted() -> None:
    reading = read("\n".join(["メールアドレス", "mori@example.jp", *["誤り"] * (REJECTED_KEPT + 5)]))
    assert len(reading.rejected) == REJECTED_KEPT
    assert reading.rejected_count == REJECTED_KEPT + 5


@pytest.mark.parametrize("content", [b"", "メールアドレス\n".encode(), b'"a@example.jp\n'])
def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(UnreadableFile) as refused:
        read(content)
    assert refused.value.sentence.endswith("。")


def test_more_lines_than_a_file_may_have_are_refused_as_a_whole() -> None:
    content = "\n".join(f"r{number}@example.jp" for number in range(100_001))
    with pytest.raises(UnreadableFile, match="100,000"):
        read(content)


def test_a_hundred_thousand_entries_are_read_and_saved(workspace: Workspace) -> None:
    reading = read("\n".join(f"r{number}@example.jp" for number in range(100_000)))
    assert len(reading.entries) == 100_000
    saved = save_entries(workspace, reading.entries.values(), actor=make_user(workspace), now=NOW)
    assert saved.new == 100_000


def test_reads_an_excel_file() -> None:
    book = Workbook()
    # The first sheet is empty.
    sheet = book.create_sheet()
    sheet.append(["ドメイン", "理由"])
    sheet.append(["example.com", "取引終了"])
    file = BytesIO()
    book.save(file)
    [entry] = read(file.getvalue()).entries.values()
    assert (entry.value, entry.reason) == ("example.com", "取引終了")


def fetch(response: StreamingHttpResponse, kind: str) -> bytes:
    """Return the table's file out of a download."""
    content: bytes = response.getvalue()
    if kind != "cp932":
        return content
    with ZipFile(BytesIO(content)) as archive:
        return archive.read("除外リスト.csv")


@pytest.mark.parametrize("kind", ["csv", "cp932", "xlsx"])
def test_what_is_exported_is_read_in_again_unchanged(workspace: Workspace, kind: str) -> None:
    content = '宛先,理由,期限\n+a@example.jp,=1+1,2026-12-31\nexample.com,"取引, 終了",\n'
    user = make_user(workspace)
    save_entries(workspace, read(content).entries.values(), actor=user, now=NOW)
    table = exclusion_table(Exclusion.objects.order_by("kind", "value"), "除外リスト")
    again = read(fetch(stream(table, (), kind), kind))
    assert again.rejected == []
    assert again.entries == read(content).entries
    assert save_entries(workspace, again.entries.values(), actor=user, now=NOW).same == 2

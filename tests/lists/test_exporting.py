"""Exports: the plain way and PostgreSQL's own lines give the same bytes, row by row."""

import csv
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from accounts.models import Workspace
from lists.cp932_report import write_members
from lists.csv_writing import unguard_cell
from lists.export_columns import as_text, text_column
from lists.export_copy import copy_cells, copy_csv
from lists.exporting import BATCH, CP932, CSV, XLSX, Table, read_plainly, stream, write_plainly
from lists.finding import Search
from lists.models import AttributeDefinition, AttributeKind, Exclusion, MailingList, Segment, Subscriber, Subscription
from lists.people_export import list_table, people_columns, people_table, search_table, segment_table
from lists.xlsx_writing import write_pieces
from lists.zip_streaming import stream_zip
from tests.factories import make_list, make_subscriber, make_workspace
from tests.lists.clock import NOW

pytestmark = pytest.mark.django_db
ON_POSTGRESQL = pytest.mark.skipif(connection.vendor != "postgresql", reason="COPY is PostgreSQL's")
HEADINGS = ["メールアドレス", "お名前", "ランク", "点数", "状態", "停止理由", "登録日時"]
HARD_CELLS = [
    "",
    '"',
    ",",
    "\n",
    "\r",
    "a\r\nb",
    "\\.",
    "\\N",
    "\x01",
    "=1+1",
    "-5",
    "-1+2",
    "−1",
    "＝1",
    "@x",
    "\t",
    " x ",
    "'=1",
    "😀",
]


@pytest.fixture
def mailing_list(workspace: Workspace) -> MailingList:
    """A list of a workspace with two attributes."""
    make_attribute(workspace, "ランク")
    make_attribute(workspace, "点数", kind=AttributeKind.NUMBER)
    return make_list(workspace, name="会員")


def make_attribute(workspace: Workspace, name: str, **fields: Any) -> AttributeDefinition:
    return AttributeDefinition.objects.create(**{"workspace": workspace, "name": name, "label": name} | fields)


def read_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(StringIO(content.decode("utf-8-sig"), newline="")))


def download(table: Table, kind: str = CSV, names: Iterable[str] = ()) -> bytes:
    chosen = list(names) or [column.name for column in table.columns if column.is_default]
    return b"".join(stream(table, chosen, kind))


def test_a_list_has_everybody_on_it_and_the_columns_of_the_workspace(mailing_list: MailingList) -> None:
    make_subscriber(mailing_list, "a@example.jp", attributes={"ランク": "金", "点数": 12.5})
    make_subscriber(mailing_list, "b@example.jp", name="", status="stopped", stop_reason="unsubscribed")
    make_subscriber(workspace=mailing_list.workspace, address="elsewhere@example.jp")
    Subscriber.objects.update(created_at=datetime(2026, 3, 31, 15, 5, tzinfo=UTC))
    content = download(list_table(mailing_list))
    assert content.startswith(b"\xef\xbb\xbf")
    assert read_csv(content) == [
        HEADINGS,
        ["a@example.jp", "山田 太郎", "金", "12.5", "配信中", "", "2026-04-01 00:05"],
        ["b@example.jp", "", "", "", "配信停止", "購読解除", "2026-04-01 00:05"],
    ]


def test_the_columns_are_those_that_were_chosen_in_the_order_of_the_table(mailing_list: MailingList) -> None:
    make_subscriber(mailing_list, "a@example.jp", attributes={"ランク": "金"}, stop_note="")
    table = list_table(mailing_list)
    names = ["error_count", "attribute:ランク", "address", "there is none"]
    assert read_csv(download(table, names=names)) == [
        ["メールアドレス", "ランク", "エラー回数"],
        ["a@example.jp", "金", "0"],
    ]
    assert table.chosen([]) == table.chosen(["x"]) == list(table.columns)


def test_the_rarely_asked_columns_say_when_and_why_somebody_was_stopped(mailing_list: MailingList) -> None:
    stopped_at = datetime(2026, 5, 1, 3, 0, tzinfo=UTC)
    make_subscriber(mailing_list, status="stopped", stopped_at=stopped_at, stop_note="電話で依頼", error_count=2)
    make_subscriber(mailing_list)
    rows = read_csv(download(list_table(mailing_list), names=["stopped_at", "stop_note", "error_count"]))
    assert rows[1:] == [["2026-05-01 12:00", "電話で依頼", "2"], ["", "", "0"]]


def test_a_segment_has_those_who_fulfil_its_conditions(mailing_list: MailingList) -> None:
    make_subscriber(mailing_list, "gold@example.jp", attributes={"ランク": "金"})
    make_subscriber(mailing_list, "silver@example.jp", attributes={"ランク": "銀"})
    conditions = {"v": 1, "all": [{"field": "attribute:ランク", "op": "is", "value": "金"}]}
    segment = Segment.objects.create(workspace=mailing_list.workspace, name="金", conditions=conditions)
    rows = read_csv(download(segment_table(segment, now=NOW), names=["address"]))
    assert rows == [["メールアドレス"], ["gold@example.jp"]]


def test_a_search_has_those_whom_it_finds_and_nobody_of_another_workspace(mailing_list: MailingList) -> None:
    make_subscriber(mailing_list, "sato@example.jp")
    make_subscriber(mailing_list, "suzuki@example.jp")
    make_subscriber(address="sato@elsewhere.example")
    workspace = mailing_list.workspace
    found = download(search_table(workspace, Search(q="sato"), now=NOW), names=["address"])
    assert read_csv(found) == [["メールアドレス"], ["sato@example.jp"]]
    on_list = download(search_table(workspace, Search(list_id=mailing_list.pk), now=NOW), names=["address"])
    assert len(read_csv(on_list)) == 3


@pytest.mark.parametrize("kind", [CSV, XLSX, CP932])
def test_nobody_is_a_file_with_headings(kind: str, workspace: Workspace) -> None:
    # A segment that was deleted meanwhile asks the database for nothing at all.
    table = search_table(workspace, Search(segment_id=123), now=NOW)
    content = download(table, kind)
    if kind == CSV:
        assert len(read_csv(content)) == 1
    elif kind == XLSX:
        assert load_workbook(BytesIO(content)).worksheets[0].max_row == 1
    else:
        assert ZipFile(BytesIO(content)).namelist() == ["購読者.csv", "書き出せなかった文字.csv"]


def test_xlsx_has_numbers_where_the_attribute_is_one_and_text_elsewhere(mailing_list: MailingList) -> None:
    make_attribute(mailing_list.workspace, "会員番号")
    for points in (12.5, -3, 123456789012345, "x", ""):
        make_subscriber(mailing_list, attributes={"点数": points, "会員番号": "00123"})
    names = ["attribute:点数", "attribute:会員番号", "error_count"]
    sheet = load_workbook(BytesIO(download(list_table(mailing_list), XLSX, names))).worksheets[0]
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0] == ("点数", "会員番号", "エラー回数")
    assert rows[1:] == [(points or None, "00123", 0) for points in (12.5, -3, 123456789012345, "x", "")]


@pytest.mark.parametrize("kind", [CSV, CP932, XLSX])
def test_no_cell_of_any_format_is_a_formula(kind: str, workspace: Workspace) -> None:
    formula = "=HYPERLINK(1)"
    make_attribute(workspace, formula, label="=label")
    mailing_list = make_list(workspace)
    make_subscriber(
        mailing_list, "=a@example.jp", name="+cmd|' /C calc'!A0", attributes={formula: "−1+1"}, stop_note="@SUM(1)"
    )
    table = list_table(mailing_list)
    content = download(table, kind, [column.name for column in table.columns])
    if kind == XLSX:
        sheet = ZipFile(BytesIO(content)).read("xl/worksheets/sheet1.xml")
        assert b"<f>" not in sheet
        assert b'<c r="B2" s="1" t="inlineStr">' in sheet
        return
    if kind == CP932:
        content = ZipFile(BytesIO(content)).read(f"{mailing_list.name}.csv").decode("cp932").encode("utf-8-sig")
    cells = {cell for row in read_csv(content) for cell in row}
    assert {"'=label", "'=a@example.jp", "'+cmd|' /C calc'!A0", "'@SUM(1)"} < cells
    assert not any(cell.startswith(tuple("=+-@＝＋－＠−")) for cell in cells)


def test_a_label_that_stands_twice_gives_way_to_the_merge_tag(workspace: Workspace) -> None:
    for name in ("会社", "勤務先"):
        make_attribute(workspace, name, label="勤め先")
    make_attribute(workspace, "title", label="役職")
    assert [column.label for column in people_columns(workspace)][2:5] == ["会社", "勤務先", "役職"]


def test_names_of_files_hold_nothing_that_a_system_refuses(workspace: Workspace) -> None:
    for name, expected in (('a/b:c\\"d"', "a_b_c__d_"), ("..", "export"), ("会員?", "会員_")):
        table = people_table(Subscriber.objects.none(), workspace, name)
        header = stream(table, [], CSV)["Content-Disposition"]
        assert header in (
            f'attachment; filename="{expected}.csv"',
            f"attachment; filename*=utf-8''{quoted(expected)}.csv",
        )


def quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("x", "x"),
        (3, "3"),
        (-3, "-3"),
        (1.5, "1.5"),
        (2.0, "2"),
        (0.0001, "0.0001"),
        (1e15, "1000000000000000"),
        (1e-7, "0.0000001"),
    ],
)
def test_numbers_have_no_exponent(value: object, text: str) -> None:
    assert as_text(value) == text


def test_the_first_rows_leave_before_the_last_one_is_read(mailing_list: MailingList) -> None:
    add_people(mailing_list, 3 * BATCH)
    pieces = iter(stream(list_table(mailing_list), [], CSV))
    first = b"".join(next(pieces) for _piece in range(3))
    rest = b"".join(pieces)
    assert b"p0@example.jp" in first
    assert b"p1499@example.jp" not in first
    assert b"p1499@example.jp" in rest


@pytest.mark.parametrize(
    "write",
    [
        lambda rows: write_pieces([str(row)] for row in rows),
        lambda rows: stream_zip(write_members(((1, b"%d\r\n" % row) for row in rows), "x")),
    ],
    ids=["xlsx", "cp932"],
)
def test_a_zip_leaves_while_its_rows_are_read(write: Callable[[Iterator[int]], Iterator[bytes]]) -> None:
    rows = iter(range(100_000))
    pieces = write(rows)
    first = b"".join(next(pieces) for _piece in range(4))
    assert first.startswith(b"PK")
    assert next(rows) < 50_000
    assert b"".join(pieces)


@pytest.mark.parametrize("kind", [CSV, XLSX, CP932])
def test_memory_does_not_grow_with_the_rows(kind: str, mailing_list: MailingList) -> None:
    peaks = []
    for _time in range(2):
        # More than one piece of what the databases hand over.
        add_people(mailing_list, 3 * BATCH)
        tracemalloc.start()
        drain(list_table(mailing_list), kind)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 500_000
    assert peaks[1] < 8_000_000


def test_a_csv_in_cp932_goes_on_in_another_file_before_a_zip_cannot_hold_it() -> None:
    pieces = [(1, "名前\r\n".encode()), (2, "山田\r\n鈴木\r\n".encode()), (2, "佐藤\r\n髙😀\r\n".encode())]
    with ZipFile(BytesIO(b"".join(stream_zip(write_members(pieces, "名簿", member_bytes=15))))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert files.pop("書き出せなかった文字.csv").decode("utf-8-sig").splitlines()[1].startswith("2-3,名前,😀,U+1F600")
    assert {name: content.decode("cp932").split() for name, content in files.items()} == {
        "名簿.csv": ["名前", "山田", "鈴木"],
        "名簿_2.csv": ["名前", "佐藤", "髙?"],
    }


def drain(table: Table, kind: str) -> None:
    for _piece in stream(table, [], kind):
        pass


def add_people(mailing_list: MailingList, number: int) -> None:
    people = Subscriber.objects.bulk_create(
        Subscriber(
            workspace=mailing_list.workspace,
            address=f"p{index}@example.jp",
            address_key=f"p{index}@{uuid4()}.example",
            name="髙橋 花子😀" if index % 700 == 0 else "山田 花子",
            attributes={"ランク": "金", "点数": index},
        )
        for index in range(number)
    )
    Subscription.objects.bulk_create(Subscription(mailing_list=mailing_list, subscriber=person) for person in people)


CELLS = st.one_of(st.sampled_from(HARD_CELLS), st.text(max_size=8))
# What PostgreSQL can hold, and what an import lets in.
STORABLE = CELLS.map(lambda text: text.replace("\0", "")).filter(
    lambda text: text.encode("utf-8", "replace").decode() == text
)
NUMBERS = st.one_of(st.integers(-(10**15) + 1, 10**15 - 1), st.sampled_from([0.5, -3.25, 0.0001, 12345.678]))
PEOPLE = st.lists(st.tuples(STORABLE, st.one_of(STORABLE, NUMBERS), STORABLE), max_size=6)


@ON_POSTGRESQL
@settings(max_examples=60)
@given(people=PEOPLE, seconds=st.integers(0, 2_000_000_000), chosen=st.sets(st.integers(0, 8), max_size=9))
def test_postgresql_writes_what_the_plain_way_writes(
    people: list[tuple[str, str | float, str]], seconds: int, chosen: set[int], workspace: Workspace
) -> None:
    for index, (name, value, note) in enumerate(people):
        stopped = {"status": "stopped", "stop_note": note, "error_count": index} if index % 2 else {}
        make_subscriber(workspace=workspace, name=name, attributes={"項 目'\"": value}, **stopped)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    people_of = Subscriber.objects.for_workspace(workspace)
    people_of.update(created_at=moment)
    if not workspace.attribute_definitions.exists():
        make_attribute(workspace, "項 目'\"", kind=AttributeKind.NUMBER)
    columns = people_columns(workspace)
    columns = [columns[place] for place in sorted(chosen)] or columns
    rows = people_of.order_by("pk")
    assert join(copy_csv(rows, columns)) == join(write_plainly(rows, columns))
    assert [list(row) for row in copy_cells(rows, columns)] == [list(row) for row in read_plainly(rows, columns)]
    people_of.delete()


def join(pieces: Iterator[tuple[int, bytes]]) -> tuple[int, bytes]:
    found = list(pieces)
    return sum(number for number, _piece in found), b"".join(piece for _number, piece in found)


@ON_POSTGRESQL
def test_a_server_with_another_style_of_dates_writes_the_same(mailing_list: MailingList) -> None:
    make_subscriber(mailing_list)
    table = list_table(mailing_list)
    expected = download(table)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL DateStyle = 'German'")
    assert download(table) == expected


@ON_POSTGRESQL
@pytest.mark.parametrize("name", HARD_CELLS)
def test_a_row_of_one_cell_is_written_as_the_plain_way_writes_it(name: str, workspace: Workspace) -> None:
    make_subscriber(workspace=workspace, name=name)
    make_subscriber(workspace=workspace, name="次")
    rows, columns = Subscriber.objects.order_by("pk"), [text_column("name", "お名前", "name")]
    assert join(copy_csv(rows, columns)) == join(write_plainly(rows, columns))
    assert [list(row) for row in copy_cells(rows, columns)] == [[name], ["次"]]


@ON_POSTGRESQL
@pytest.mark.django_db(transaction=True)
def test_a_client_that_goes_away_ends_the_statement(workspace: Workspace) -> None:
    mailing_list = make_list(workspace)
    add_people(mailing_list, 3000)
    for kind in (CSV, XLSX, CP932):
        response = stream(list_table(mailing_list), [], kind)
        pieces = iter(response)
        next(pieces), next(pieces), next(pieces)
        response.close()
        # The connection is free again.
        assert Subscriber.objects.count() == 3000


@settings(max_examples=25)
@given(names=st.lists(STORABLE, min_size=1, max_size=5))
def test_what_was_exported_is_what_was_stored(names: list[str], workspace: Workspace) -> None:
    for name in names:
        make_subscriber(workspace=workspace, name=name)
    rows = Subscriber.objects.for_workspace(workspace)
    table = people_table(rows, workspace, "x")
    found = [unguard_cell(row[1]) for row in read_csv(download(table, names=["address", "name"]))[1:]]
    assert found == [unguard_cell(name) if name.startswith("'") else name for name in names]
    rows.delete()


def test_any_table_can_be_exported() -> None:
    workspace = make_workspace()
    for value in ("a@example.jp", "b.example"):
        Exclusion.objects.create(workspace=workspace, kind="address", value=value)
    table = Table(
        Exclusion.objects.filter(workspace=workspace).order_by("pk"), [text_column("value", "値", "value")], "除外"
    )
    assert download(table).decode("utf-8-sig") == "値\r\na@example.jp\r\nb.example\r\n"

"""Reading Excel workbooks: what cells show, and what hostile ones try."""

import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont

from lists import xlsx_package
from lists.csv_reading import PREVIEW_BLANKS, Row
from lists.exceptions import UnreadableFile
from lists.import_reasons import RejectReason
from lists.xlsx_reading import PREVIEW_BYTES, preview_filled, preview_sheet, read_sheet, sheet_names
from tests.lists.workbooks import MAIN, SHEET, cell, make_workbook, pack, save


def read(file: BytesIO, sheet: str = "名簿") -> list[Row]:
    return list(read_sheet(file, sheet))


def cells_of(file: BytesIO, sheet: str = "名簿") -> list[list[str]]:
    return [row.cells for row in read(file, sheet)]


def test_rows_are_those_of_the_sheet_with_their_numbers() -> None:
    file = make_workbook({"名簿": [["メール", "氏名"], [], ["a@example.jp", "山田 太郎"], [None, "花子"]]})
    assert read(file) == [
        Row(1, ["メール", "氏名"]),
        Row(3, ["a@example.jp", "山田 太郎"]),
        Row(4, ["", "花子"]),
    ]


def test_values_are_what_excel_shows() -> None:
    book = Workbook()
    sheet = book.active
    sheet.title = "名簿"
    # A workbook knows no time zones.
    moment = datetime(2026, 4, 1, 9, 30)  # noqa: DTZ001
    sheet.append([date(2026, 4, 1), moment, time(9, 30), True, 1200, 0.1 + 0.2, 1e15, -3.5, 9e10])
    sheet.append(["2026年", "=1+1", "#N/A", " 前後 ", "改\n行"])
    sheet["C2"].data_type = "e"
    sheet["B2"].data_type = "s"
    for place, number, shape in (
        ("F2", 312, "00000"),
        ("G2", 1000001, "000-0000"),
        ("H2", 46113, 'ggge"年"m"月"d"日"'),
    ):
        sheet[place] = number
        sheet[place].number_format = shape
    assert cells_of(save(book)) == [
        ["2026-04-01", "2026-04-01 09:30", "09:30", "TRUE", "1200", "0.3", "1000000000000000", "-3.5", "90000000000"],
        ["2026年", "=1+1", "", " 前後 ", "改\n行", "00312", "100-0001", "2026-04-01"],
    ]


def test_telephone_numbers_keep_their_digits_and_lose_no_exponent() -> None:
    rows = '<row r="1"><c r="A1"><v>9.012345678E9</v></c><c r="B1"><v>1.5E-5</v></c><c r="C1"><v>1E300</v></c></row>'
    assert cells_of(pack(rows)) == [["9012345678", "0.000015", "1E300"]]


def test_days_are_counted_from_1904_where_the_workbook_says_so() -> None:
    styles = '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
    rows = '<row r="1"><c r="A1" s="1"><v>44651</v></c><c r="B1" s="1"><v>-1</v></c><c r="C1" s="7"><v>5</v></c></row>'
    assert cells_of(pack(rows, styles=styles)) == [["2022-03-31", "-1", "5"]]
    assert cells_of(pack(rows, styles=styles, more='<workbookPr date1904="1"/>')) == [["2026-04-01", "-1", "5"]]


def test_the_last_days_are_numbers_where_no_calendar_has_them() -> None:
    styles = '<cellXfs><xf numFmtId="14"/></cellXfs>'
    rows = '<row r="1"><c r="A1" s="0"><v>2958465</v></c><c r="B1" s="0"><v>2957003</v></c></row>'
    assert cells_of(pack(rows, styles=styles)) == [["9999-12-31", "9995-12-30"]]
    later = pack(rows, styles=styles, more='<workbookPr date1904="1"/>')
    assert cells_of(later) == [["2958465", "9999-12-31"]]


@pytest.mark.parametrize(
    ("code", "days", "shown"),
    [
        ("[h]:mm", "1.0625", "25:30"),
        ("[hh]:mm:ss", "0.000706", "0:01:01"),
        ("[mm]:ss", "0.5", "12:00"),
        ("h:mm", "0.5", "12:00"),
        ("[$-411]yyyy/m/d", "46113", "2026-04-01"),
    ],
)
def test_hours_go_on_after_a_day_where_the_format_says_so(code: str, days: str, shown: str) -> None:
    styles = f'<numFmts><numFmt numFmtId="170" formatCode="{code}"/></numFmts><cellXfs><xf numFmtId="170"/></cellXfs>'
    assert cells_of(pack(f'<row r="1"><c r="A1" s="0"><v>{days}</v></c></row>', styles=styles)) == [[shown]]


def test_readings_are_left_out_and_runs_are_joined() -> None:
    strings = "<si><t>山田</t><rPh sb='0' eb='2'><t>ヤマダ</t></rPh></si><si><r><t>株式</t></r><r><t>会社</t></r></si>"
    rows = f'<row r="1">{cell("A1", "0", "s")}{cell("B1", "1", "s")}</row>'
    assert cells_of(pack(rows, strings=strings)) == [["山田", "株式会社"]]
    book = Workbook(write_only=False)
    book.active.title = "名簿"
    book.active["A1"] = CellRichText("山", TextBlock(InlineFont(b=True), "田"))
    assert cells_of(save(book)) == [["山田"]]


def test_a_formula_is_its_stored_result() -> None:
    rows = '<row r="1"><c r="A1" t="str"><f>B1</f><v>a@example.jp</v></c><c r="B1"><f>1+1</f><v>2</v></c></row>'
    assert cells_of(pack(rows)) == [["a@example.jp", "2"]]
    file = make_workbook({"名簿": [["a@example.jp", "=1+1"], ["b@example.jp", "x"]]})
    first, second = read(file)
    assert "計算結果" in first.fault
    assert (first.code, second.fault) == (RejectReason.UNREADABLE, "")


def test_escapes_are_read_and_half_characters_refused() -> None:
    rows = f'<row r="1">{cell("A1", "a_x0041__xD83D__xDE00_")}{cell("B1", "_x005F_x")}</row>'
    assert cells_of(pack(rows)) == [["aA😀", "_x"]]
    (row,) = read(pack(f'<row r="1">{cell("A1", "a@example.jp")}{cell("B1", "_xD800_")}</row>'))
    assert row.code == RejectReason.ENCODING
    (row,) = read(pack(f'<row r="1">{cell("A1", "a_x0000_")}</row>'))
    assert "NUL" in row.fault


def test_places_may_be_missing_and_prefixes_present() -> None:
    rows = "<row><c t='inlineStr'><is><t>a</t></is></c><c><v>1</v></c></row><row><c><v>2</v></c></row>"
    assert read(pack(rows)) == [Row(1, ["a", "1"]), Row(2, ["2"])]
    sheet = f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData><x:row r="7"><x:c r="B7"><x:v>1</x:v></x:c></x:row>' + (
        "</x:sheetData></x:worksheet>"
    )
    assert read(pack(sheet1=sheet)) == [Row(7, ["", "1"])]


def test_hidden_sheets_and_charts_are_not_offered() -> None:
    book = Workbook()
    book.active.title = "表紙"
    book.create_sheet("隠し").sheet_state = "hidden"
    book.create_chartsheet("グラフ")
    book.create_sheet("名簿").append(["a@example.jp"])
    file = save(book)
    assert sheet_names(file) == ["表紙", "名簿"]
    assert cells_of(file) == [["a@example.jp"]]
    with pytest.raises(UnreadableFile, match="シートがブックの中にありません"):
        read(file, "ない")


def test_a_preview_reads_the_first_rows_only() -> None:
    file = make_workbook({"名簿": [[f"a{number}@example.jp", number] for number in range(1000)]})
    rows, total = preview_sheet(file, "名簿", 21)
    assert ([row.line for row in rows], total) == (list(range(1, 22)), 1000)


def test_the_main_part_may_stand_elsewhere() -> None:
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relation = '<Relationships><Relationship Id="rId1" Type="{}/{}" Target="{}"/></Relationships>'
    book = f'<workbook xmlns:r="{kind}"><sheets><sheet name="名簿" r:id="rId1"/></sheets></workbook>'
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("_rels/.rels", relation.format(kind, "officeDocument", "/book/main.xml"))
        archive.writestr("book/main.xml", book)
        archive.writestr("book/_rels/main.xml.rels", relation.format(kind, "worksheet", "first.xml"))
        archive.writestr("book/first.xml", SHEET.format(main=MAIN, rows=f'<row r="1">{cell("A1", "x")}</row>'))
    assert cells_of(file) == [["x"]]


def test_the_first_sheet_with_rows_is_found() -> None:
    file = make_workbook({"表紙": [], "名簿": [["a@example.jp"], ["b@example.jp"]], "控え": [["c@example.jp"]]})
    assert preview_filled(file, 21) == (
        ["表紙", "名簿", "控え"],
        "名簿",
        [Row(1, ["a@example.jp"]), Row(2, ["b@example.jp"])],
        2,
    )
    assert preview_filled(make_workbook({"表紙": []}), 21)[2] == []


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffd\ufffe\uffff"), max_size=20)


@given(st.lists(st.lists(TEXTS, min_size=1, max_size=4), min_size=1, max_size=5))
def test_what_openpyxl_wrote_is_read_as_openpyxl_reads_it(rows: list[list[str]]) -> None:
    book = Workbook()
    book.active.title = "名簿"
    for number, row in enumerate(rows, start=1):
        for column, text in enumerate(row, start=1):
            target = book.active.cell(number, column, "x")
            target.value, target.data_type = text.replace("_x", "_ x"), "s"
    file = save(book)
    sheet = load_workbook(file)["名簿"]
    expected = []
    for row in sheet.iter_rows(values_only=True):
        cells = ["" if value is None else str(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        if any(cell and not cell.isspace() for cell in cells):
            expected.append(cells)
    assert cells_of(file) == expected


# Hostile files


def test_a_zip_that_is_no_workbook_is_told() -> None:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("meibo.csv", "a@example.jp\n")
    with pytest.raises(UnreadableFile, match="圧縮ファイル"):
        sheet_names(file)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x05\x06" + bytes(10), b"PK\x05\x06" + bytes(18)])
def test_a_broken_zip_is_told(content: bytes) -> None:
    with pytest.raises(UnreadableFile):
        sheet_names(BytesIO(content))


def test_a_workbook_cut_short_is_told() -> None:
    content = make_workbook({"名簿": [["a@example.jp"]] * 500}).getvalue()
    for size in range(0, len(content), 97):
        with pytest.raises(UnreadableFile):
            read(BytesIO(content[:size]))


def test_a_wrong_checksum_is_told() -> None:
    content = bytearray(pack(f'<row r="1">{cell("A1", "a@example.jp")}</row>').getvalue())
    at = content.find(b"PK\x01\x02", content.find(b"xl/workbook.xml", content.find(b"PK\x01\x02")))
    content[at + 16] ^= 0xFF
    with pytest.raises(UnreadableFile, match="壊れているか"):
        read(BytesIO(content))


@pytest.mark.parametrize(
    "sheet",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><worksheet>&b;</worksheet>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><worksheet/>',
        "<worksheet><sheetData><row>",
        "<worksheet></sheetData>",
        "",
        "<worksheet>" + "<a>" * 100,
        "<worksheet>" + "".join(f"<a{number}/>" for number in range(20_000)) + "</worksheet>",
        "<worksheet>" + "".join(f'<c a{number}="1"/>' for number in range(20_000)) + "</worksheet>",
        f"<worksheet><!--{'x' * 3_000_000}--></worksheet>",
        f'<worksheet><c r="{"A" * 3_000_000}"/></worksheet>',
    ],
)
def test_xml_that_no_program_writes_is_refused(sheet: str) -> None:
    with pytest.raises(UnreadableFile, match="ブックとして読めません"):
        read(pack(sheet1=sheet))


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (f'<row r="1">{cell("A1", "x" * 200_000)}</row>', "長すぎる値"),
        ('<row r="1">' + cell("A1", "x" * 30_000) * 5 + "</row>", "長すぎる値"),
        ('<row r="1"><c r="A1" t="s"><v>5</v></c></row>', "壊れています"),
        ("<row/>" * 1_048_577, "行が多すぎます"),
    ],
)
def test_values_beyond_the_limits_are_refused(rows: str, sentence: str) -> None:
    with pytest.raises(UnreadableFile, match=sentence):
        read(pack(rows))


def test_ten_thousand_columns_are_refused_row_by_row() -> None:
    wide = "".join(f'<c r="{name}1"><v>1</v></c>' for name in ("A", "GR", "GS", "XFD"))
    first, second = read(pack(f'<row r="1">{wide}</row><row r="2"><c r="A2"><v>1</v></c></row>'))
    assert (first.code, len(first.cells), second.fault) == (RejectReason.COLUMNS, 200, "")


def bomb(size: int, row: bytes) -> Iterator[bytes]:
    yield f'<worksheet xmlns="{MAIN}"><sheetData>'.encode()
    rows = row * ((100 << 10) // len(row) + 1)
    for _piece in range(size // len(rows)):
        yield rows


def make_bomb(size: int, row: bytes = b"<row><c><v>1</v></c></row>") -> BytesIO:
    file = pack()
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/bomb.xml", "w") as part:
        for piece in bomb(size, row):
            part.write(piece)
    relations = '<Relationships><Relationship Id="rId1" Type="x/worksheet" Target="bomb.xml"/></Relationships>'
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("xl/_rels/workbook.xml.rels", relations)
    file.seek(0)
    return file


def test_a_preview_of_blank_rows_ends_soon() -> None:
    # The sheet breaks off, which whoever reads all of it is told.
    file = make_bomb(3 << 20, b'<row><c s="1"/></row>')
    assert preview_filled(file, 21)[2] == []
    with pytest.raises(UnreadableFile, match="壊れている"):
        read(file)
    assert PREVIEW_BLANKS < (3 << 20) // 30


def test_a_preview_reads_no_more_than_some_megabytes() -> None:
    file = make_bomb(PREVIEW_BYTES + (1 << 20), b"<row>" + b'<c s="1"/>' * 10_000 + b"</row>")
    assert len(file.getvalue()) < 1 << 20
    with pytest.raises(UnreadableFile, match="中身が大きすぎます"):
        preview_filled(file, 21)


@pytest.mark.parametrize("encoding", ["foo", "Shift_JIS", "utf-7", "UTF-16"])
def test_a_part_in_another_encoding_is_told(encoding: str) -> None:
    sheet = f'<?xml version="1.0" encoding="{encoding}"?><worksheet xmlns="{MAIN}"><sheetData/></worksheet>'
    with pytest.raises(UnreadableFile, match="ブックとして読めません"):
        read(pack(sheet1=sheet))


def test_a_bomb_is_stopped_at_the_limit_with_little_memory(settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 1 << 20
    file = make_bomb(30 << 20)
    assert len(file.getvalue()) < 1 << 20
    tracemalloc.start()
    with pytest.raises(UnreadableFile, match="中身が大きすぎます"):
        for _row in read_sheet(file, "名簿"):
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_a_directory_of_countless_entries_is_refused_unread() -> None:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(xlsx_package.MAX_PARTS + 1):
            archive.writestr(f"{number}", b"")
    with pytest.raises(UnreadableFile, match="大きすぎます"):
        sheet_names(file)
    # The record at the end says less than there is: zipfile then reads no more than it says.
    content = bytearray(file.getvalue())
    content[-14:-10] = (100).to_bytes(2, "little") * 2
    with pytest.raises(UnreadableFile):
        sheet_names(BytesIO(content))


def test_countless_shared_texts_take_little_memory() -> None:
    strings = "<si><t>株式会社みほん</t></si>" * 300_000
    file = pack('<row r="1"><c r="A1" t="s"><v>299999</v></c></row>', strings=strings)
    tracemalloc.start()
    assert cells_of(file) == [["株式会社みほん"]]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


def test_a_text_that_lies_far_away_is_left_out_of_a_preview_only() -> None:
    strings = "<si><t>x</t></si>" * 40_000
    file = pack('<row r="1"><c r="A1" t="s"><v>39999</v></c></row>', strings=strings)
    assert preview_sheet(file, "名簿", 21)[0] == [Row(1, ["…"])]
    assert read(file) == [Row(1, ["x"])]


@given(st.binary(max_size=400), st.integers(0, 3000), st.integers(1, 50))
def test_damaged_bytes_are_rows_or_a_sentence(noise: bytes, at: int, length: int) -> None:
    content = bytearray(pack(f'<row r="1">{cell("A1", "a@example.jp")}</row>').getvalue())
    content[at : at + length] = noise
    try:
        rows = read(BytesIO(content))
    except UnreadableFile as error:
        assert error.sentence  # noqa: PT017
        return
    assert all(isinstance(cell, str) for row in rows for cell in row.cells)


@given(st.text(st.sampled_from("<>/=\"' rctvsi:_x0D8&;#1a\u0000") | st.characters(), max_size=200))
def test_any_sheet_is_rows_or_a_sentence(text: str) -> None:
    sheet = SHEET.format(main=MAIN, rows=text).encode("utf-8", "replace")
    try:
        read(pack(sheet1=sheet))
    except UnreadableFile as error:
        assert error.sentence  # noqa: PT017

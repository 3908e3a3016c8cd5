"""Reads the rows of an Excel workbook as they are shown, piece by piece, whatever its size."""

import posixpath
from collections.abc import Iterator
from itertools import islice
from types import TracebackType
from typing import BinaryIO, Self

from django.utils.translation import gettext as _

from lists.csv_reading import MAX_COLUMNS, PREVIEW_BLANKS, Row, find_fault
from lists.exceptions import UnreadableFile
from lists.import_reasons import RejectReason
from lists.xlsx_package import Package, Start, parse_part
from lists.xlsx_strings import MAX_STRINGS, SharedStrings, check_size, number_of
from lists.xlsx_values import Shape, Shown, shape_of, show_number, unescape

ROOT = "_rels/.rels"
# Where nearly every program puts the main part.
WORKBOOK = "xl/workbook.xml"
# Section 18.3.1.73: the last row of a sheet.
LAST_ROW = 1_048_576
MAX_SHEETS = 200
MAX_FORMATS = 70_000
# Texts that are read for a preview; the first rows of a sheet use the first ones.
PREVIEW_STRINGS = 20_000
# Bytes of XML that are read while somebody waits for a page, over all sheets that are looked at.
PREVIEW_BYTES = 8 << 20
PREVIEW_SHEETS = 10
# Bytes of XML that a row has at least, for an estimate where the sheet does not say its size.
ROW_BYTES = 150


def sheet_names(file: BinaryIO) -> list[str]:
    """Return the names of the sheets that are shown, in their order; raises UnreadableFile."""
    return list(Workbook(Package(file, PREVIEW_BYTES)).sheets)


def read_sheet(file: BinaryIO, sheet: str) -> Iterator[Row]:
    """Yield the rows of a sheet that are not blank, numbered as in Excel; raises UnreadableFile.

    A cell is what it shows, but for the signs of currencies and percentages (12% is 0.12): dates in ISO form, numbers
    without exponent, formulas their stored result.
    """
    with Workbook(Package(file)) as book:
        yield from book.read(sheet, MAX_STRINGS)


def preview_sheet(file: BinaryIO, sheet: str, rows: int) -> tuple[list[Row], int]:
    """Return the first rows of a sheet and about how many there are; raises UnreadableFile."""
    with Workbook(Package(file, PREVIEW_BYTES)) as book:
        return book.preview(sheet, rows)


def preview_filled(file: BinaryIO, rows: int) -> tuple[list[str], str, list[Row], int]:
    """Return the names of the sheets, the first one with rows, its first rows, and about how many it has.

    Without rows on the first sheets there are no first rows. Raises UnreadableFile.
    """
    with Workbook(Package(file, PREVIEW_BYTES)) as book:
        sheets = list(book.sheets)
        for sheet in sheets[:PREVIEW_SHEETS]:
            found, number = book.preview(sheet, rows)
            if found:
                return sheets, sheet, found, number
    return sheets, sheets[0], [], 0


class Workbook:
    """An open workbook: its sheets, number formats and shared texts."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self.since_1904 = False
        self.rows_said = 0
        # Read with the first sheet.
        self.strings: SharedStrings | None = None
        self.shapes: list[Shape] = []
        self.main = self._find_main()
        folder, name = posixpath.split(self.main)
        self.relations = posixpath.join(folder, "_rels", f"{name}.rels")
        if not (package.has(self.main) and package.has(self.relations)):
            raise UnreadableFile(
                _("Excelのブックではない圧縮ファイルです。中のCSVファイルを取り出して、アップロードしてください。")
            )
        self.targets = self._read_relations(self.relations, folder)
        self.sheets = self._read_sheets()
        if not self.sheets:
            raise UnreadableFile(_("Excelのブックに、読み込めるシートがありません。"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.strings is not None:
            self.strings.close()

    def _find_main(self) -> str:
        """Return the part that names the sheets; ECMA-376 part 2 leaves its place to the package's relations."""
        if self.package.has(WORKBOOK) or not self.package.has(ROOT):
            return WORKBOOK
        kinds = dict(self._read_relations(ROOT, "").values())
        return kinds.get("officeDocument", WORKBOOK)

    def _read_relations(self, part: str, folder: str) -> dict[str, tuple[str, str]]:
        """Return the kind and the target of each relation by its id; a target is seen from a folder."""
        found: dict[str, tuple[str, str]] = {}

        def start(name: str, attributes: dict[str, str]) -> None:
            if name == "Relationship" and len(found) < MAX_SHEETS:
                kind = attributes.get("Type", "").rpartition("/")[2]
                target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", ""))).lstrip("/")
                found[attributes.get("Id", "")] = (kind, target)

        _parse(self.package, part, start)
        return found

    def _read_sheets(self) -> dict[str, str]:
        shown: dict[str, str] = {}
        hidden: dict[str, str] = {}

        def start(name: str, attributes: dict[str, str]) -> None:
            if name == "workbookPr":
                self.since_1904 = attributes.get("date1904") in ("1", "true")
            if name != "sheet" or len(shown) + len(hidden) >= MAX_SHEETS:
                return
            relation = next((value for key, value in attributes.items() if key.rpartition(":")[2] == "id"), "")
            kind, target = self.targets.get(relation, ("", ""))
            if kind == "worksheet" and self.package.has(target):
                place = shown if attributes.get("state", "visible") == "visible" else hidden
                place[attributes.get("name", "")[:100]] = target

        _parse(self.package, self.main, start)
        return shown or hidden

    def _part(self, kind: str) -> str:
        return next((target for found, target in self.targets.values() if found == kind), "")

    def _read_formats(self) -> list[Shape]:
        codes: dict[int, str] = {}
        shapes: list[Shape] = []
        is_inside = False

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal is_inside
            if name == "numFmt" and len(codes) < MAX_FORMATS:
                codes[number_of(attributes.get("numFmtId", ""))] = attributes.get("formatCode", "")[:255]
            elif name == "cellXfs":
                is_inside = True
            elif name == "xf" and is_inside and len(shapes) < MAX_FORMATS:
                number = number_of(attributes.get("numFmtId", ""))
                shapes.append(shape_of(number, codes.get(number, "")))

        def end(name: str) -> None:
            nonlocal is_inside
            if name == "cellXfs":
                is_inside = False

        part = self._part("styles")
        if self.package.has(part):
            for _piece in parse_part(self.package.read(part), start=start, end=end):
                pass
        return shapes

    def preview(self, sheet: str, rows: int) -> tuple[list[Row], int]:
        """Return the first rows of a sheet and about how many there are; a sheet of blank rows ends early."""
        found = list(islice(self.read(sheet, PREVIEW_STRINGS, most_blanks=PREVIEW_BLANKS), rows))
        by_size = self.package.size(self.sheets[sheet]) // ROW_BYTES
        return found, max(1, min(self.rows_said or by_size, LAST_ROW))

    def read(self, sheet: str, most_strings: int, *, most_blanks: int | None = None) -> Iterator[Row]:
        """Yield the rows of a sheet; of the shared texts at most so many are known, others are "…".

        With `most_blanks` it ends soon after so many blank rows, as if the sheet did.
        """
        part = self.sheets.get(sheet)
        if part is None:
            raise UnreadableFile(_("選ばれたシートがブックの中にありません。"))
        if self.strings is None:
            self.strings = SharedStrings(self.package, self._part("sharedStrings"), most_strings)
            self.shapes = self._read_formats()
        reader = SheetReader(self.strings, self.shapes, since_1904=self.since_1904)
        pieces = parse_part(self.package.read(part), start=reader.start, end=reader.end, text=reader.text)
        for _piece in pieces:
            self.rows_said = reader.rows_said
            yield from reader.rows
            reader.rows.clear()
            if most_blanks is not None and reader.blanks >= most_blanks:
                return


class SheetReader:
    """Turns the XML of a sheet into rows."""

    def __init__(self, strings: SharedStrings, shapes: list[Shape], *, since_1904: bool) -> None:
        self.strings = strings
        self.shapes = shapes
        self.since_1904 = since_1904
        self.rows: list[Row] = []
        self.rows_said = 0
        self.blanks = 0
        self.line = 0
        self.cells: list[str] = []
        self.row_size = 0
        self.fault: tuple[str, str] = ("", "")
        self.column = 0
        self.kind = ""
        self.shape: Shape = Shown.NUMBER
        self.parts: list[str] = []
        self.is_text = False
        self.is_reading = False
        self.has_formula = False
        self.places: dict[str, int] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._begin_cell(attributes)
        elif name in ("v", "t"):
            self.is_text = not self.is_reading
        elif name == "f":
            self.has_formula = True
        elif name == "rPh":
            self.is_reading = True
        elif name == "row":
            line = number_of(attributes.get("r", ""))
            self.line = line if self.line < line <= LAST_ROW else self.line + 1
            self.cells, self.row_size, self.fault, self.column = [], 0, ("", ""), -1
        elif name == "dimension":
            last = attributes.get("ref", "").rpartition(":")[2]
            self.rows_said = number_of(last.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        letters = attributes.get("r", "").rstrip("0123456789")
        place = self.places.get(letters)
        if place is None:
            place = self.places[letters] = _column_number(letters)
        self.column = place if place >= 0 else self.column + 1
        self.kind = attributes.get("t", "n")
        style = attributes.get("s")
        self.shape = Shown.NUMBER
        if style is not None and self.kind == "n":
            number = number_of(style)
            self.shape = self.shapes[number] if number < len(self.shapes) else Shown.NUMBER
        self.parts = []
        self.has_formula = False

    def text(self, data: str) -> None:
        if self.is_text:
            self.row_size += len(data)
            check_size(self.row_size)
            self.parts.append(data)

    def end(self, name: str) -> None:
        if name == "c":
            self._end_cell()
        elif name in ("v", "t"):
            self.is_text = False
        elif name == "rPh":
            self.is_reading = False
        elif name == "row":
            self._end_row()

    def _end_cell(self) -> None:
        raw = "".join(self.parts)
        if self.has_formula and not raw and self.kind != "str":
            self.fault = (
                _("数式の計算結果が保存されていません。Excelで開いて保存し直してください。"),
                RejectReason.UNREADABLE,
            )
        value = self._value(raw)
        if not value:
            return
        if self.column >= MAX_COLUMNS:
            self.fault = (_("列が多すぎます(%d列まで)。") % MAX_COLUMNS, RejectReason.COLUMNS)
            return
        missing = self.column - len(self.cells)
        if missing > 0:
            self.cells.extend([""] * missing)
        if missing < 0:
            self.cells[self.column] = value
        else:
            self.cells.append(value)

    def _value(self, raw: str) -> str:
        if self.kind == "s":
            value = self.strings.get(number_of(raw)) if raw else ""
            self.row_size += len(value)
            check_size(self.row_size)
            return value
        if self.kind == "n":
            return show_number(raw.strip(), self.shape, since_1904=self.since_1904) if raw else ""
        if self.kind == "b":
            return "TRUE" if raw.strip() in ("1", "true") else "FALSE"
        # "#N/A" and the like are no value that could stand in a mail.
        return "" if self.kind == "e" else unescape(raw)

    def _end_row(self) -> None:
        if self.line > LAST_ROW:
            raise UnreadableFile(_("シートの行が多すぎます。"))
        if self.fault[0]:
            self.rows.append(Row(self.line, self.cells, *self.fault))
        elif any(cell and not cell.isspace() for cell in self.cells):
            self.rows.append(Row(self.line, self.cells, *find_fault(self.cells)))
        else:
            self.blanks += 1


def _parse(package: Package, part: str, start: Start) -> None:
    for _piece in parse_part(package.read(part), start=start):
        pass


def _column_number(letters: str) -> int:
    """Return 0 for "A", 26 for "AA", -1 where it is no column."""
    if not (letters.isascii() and letters.isalpha() and len(letters) <= 3):
        return -1
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1

"""Excel workbooks for tests: written by openpyxl, or part by part where no program would write them so."""

import zipfile
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any

from openpyxl import Workbook

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SHEET = '<?xml version="1.0"?><worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'
BOOK = (
    '<?xml version="1.0"?><workbook xmlns="{main}" xmlns:r="{office}">{more}<sheets>'
    '<sheet name="名簿" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
    '<Relationship Id="rId2" Type="{office}/sharedStrings" Target="/xl/sharedStrings.xml"/>'
    '<Relationship Id="rId3" Type="{office}/styles" Target="styles.xml"/></Relationships>'
)


def make_workbook(sheets: Mapping[str, Iterable[Iterable[Any]]]) -> BytesIO:
    """Return a workbook as Excel would save it: shared texts, number formats."""
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    return save(book)


def save(book: Workbook) -> BytesIO:
    """Return an openpyxl workbook as a file."""
    file = BytesIO()
    book.save(file)
    file.seek(0)
    return file


def pack(rows: str = "", *, strings: str = "", styles: str = "", more: str = "", **parts: bytes | str) -> BytesIO:
    """Return a workbook of one sheet from bits of XML. `parts` are whole parts by file name (sheet1, workbook …)."""
    contents: dict[str, bytes | str] = {
        "workbook": BOOK.format(main=MAIN, office=OFFICE, more=more),
        "sheet1": SHEET.format(main=MAIN, rows=rows),
        "strings": f'<sst xmlns="{MAIN}">{strings}</sst>',
        "styles": f'<styleSheet xmlns="{MAIN}">{styles}</styleSheet>',
        **parts,
    }
    names = {"workbook": "xl/workbook.xml", "sheet1": "xl/worksheets/sheet1.xml", "strings": "xl/sharedStrings.xml"}
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/_rels/workbook.xml.rels", RELATIONS.format(office=OFFICE))
        for name, content in contents.items():
            archive.writestr(names.get(name, f"xl/{name}.xml"), content)
    file.seek(0)
    return file


def cell(place: str, text: str, kind: str = "inlineStr") -> str:
    """Return the XML of a cell."""
    inner = f"<is><t>{text}</t></is>" if kind == "inlineStr" else f"<v>{text}</v>"
    return f'<c r="{place}" t="{kind}">{inner}</c>'

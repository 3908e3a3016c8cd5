"""Cleans the rows of a file: `check_row` says what is right, a compiled cleaner does the same for a million of them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from lists.address import clean_address
from lists.address_hints import hints_of
from lists.attribute_values import Value
from lists.columns import ADDRESS, MAX_NAME, NAME, Column, clean_attribute, clean_name
from lists.csv_reading import Row
from lists.csv_writing import unguard_cell
from lists.exceptions import ImportRefused, InvalidAddress, RowRefused
from lists.import_reasons import RejectReason

# line, address, address_key, name, attributes as JSON text (ASCII escapes), flags (lists.address_hints.Hint).
StagedTuple = tuple[int, str, str, str, str, int]
Cleaner = Callable[[Row], StagedTuple]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the values of a row stand. `attributes` are (column index, column)."""

    address: int
    names: list[int]
    attributes: list[tuple[int, Column]]
    headers: list[str]
    # An empty cell empties the value (差し替え) instead of leaving it as it is.
    keeps_blank: bool

    def label(self, index: int) -> str:
        """Return what people call the column."""
        return self.headers[index] if index < len(self.headers) else _("列%d") % (index + 1)

    def is_header(self, cells: list[str]) -> bool:
        """Say whether the row repeats the header, as in files that were joined."""
        if not self.headers or not cells or cells[0].strip() != self.headers[0]:
            return False
        return [cell.strip() for cell in cells] == self.headers


def make_layout(
    targets: Mapping[str, str], headers: Sequence[str], columns: Sequence[Column], *, keeps_blank: bool
) -> Layout:
    """Return the layout of a file: `targets` says what each column number (as text) is, `columns` are all that
    the workspace has. Raises ImportRefused where not exactly one column is the address.
    """
    known = {column.name: column for column in columns}
    sorted_targets = sorted((int(number), target) for number, target in targets.items())
    addresses = [index for index, target in sorted_targets if target == ADDRESS]
    if len(addresses) != 1:
        raise ImportRefused(_("メールアドレスの列を1つ選んでください。"))
    return Layout(
        address=addresses[0],
        names=[index for index, target in sorted_targets if target == NAME],
        attributes=[
            (index, known.get(target) or Column(target, target))
            for index, target in sorted_targets
            if target not in (ADDRESS, NAME)
        ],
        headers=list(headers),
        keeps_blank=keeps_blank,
    )


def compile_cleaner(layout: Layout) -> Cleaner:
    """Return a function that cleans one row of the layout; it raises RowRefused as `check_row` does."""

    def clean(row: Row) -> StagedTuple:
        return check_row(row, layout)

    return clean


def check_row(row: Row, layout: Layout) -> StagedTuple:
    """Return the row cleaned; raises RowRefused with what is wrong in it, in which column, and of what kind."""
    cells = row.cells
    _check_shape(row, layout)
    cells = [unguard_cell(cell) for cell in cells] + [""] * (layout.address + 1 - len(cells))
    try:
        address = clean_address(cells[layout.address])
    except InvalidAddress as error:
        text = cells[layout.address]
        raise RowRefused(error.sentence, layout.label(layout.address), text, RejectReason.ADDRESS) from error
    attributes = _clean_attributes(cells, layout)
    name = _clean_name(cells, layout)
    return row.line, address.address, address.key, name, json.dumps(attributes), int(hints_of(address))


def _check_shape(row: Row, layout: Layout) -> None:
    cells = row.cells
    if row.fault:
        raise RowRefused(row.fault, value=",".join(cells), code=row.code)
    if layout.is_header(cells):
        raise RowRefused(_("見出しの行が繰り返されています。"), value=",".join(cells), code=RejectReason.HEADER)
    if layout.headers and any(cell.strip() for cell in cells[len(layout.headers) :]):
        sentence = _("列の数が見出しより多いです。値の中の区切り文字を確かめてください。")
        raise RowRefused(sentence, value=",".join(cells), code=RejectReason.COLUMNS)


def _clean_name(cells: list[str], layout: Layout) -> str:
    found = [clean_name(cells[index], layout.label(index)) for index in layout.names if index < len(cells)]
    name = " ".join(part for part in found if part)
    if len(name) > MAX_NAME:
        sentence = _("お名前が長すぎます(%d文字まで)。") % MAX_NAME
        raise RowRefused(sentence, layout.label(layout.names[0]), name, RejectReason.NAME)
    return name


def _clean_attributes(cells: list[str], layout: Layout) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for index, column in layout.attributes:
        value = clean_attribute(column, cells[index] if index < len(cells) else "", layout.label(index))
        if value != "" or layout.keeps_blank:
            values[column.name] = value
    return values

"""Cleans the rows of a file: `check_row` says what is right, a compiled cleaner does the same for a million of them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii

from django.utils.translation import gettext as _

from lists.address import MAX_ADDRESS, MAX_LOCAL, PLAIN_DOMAIN, PLAIN_LOCAL, clean_address
from lists.address_hints import Hint, flags_of, hints_of, role_names
from lists.attribute_values import Value, parse
from lists.columns import (
    ADDRESS,
    CONSENT_AT,
    CONSENT_IP,
    CONTROLS,
    MAX_NAME,
    NAME,
    NO_ATTRIBUTES,
    Column,
    clean_attribute,
    clean_name,
)
from lists.csv_reading import Row, name_column, name_columns
from lists.csv_writing import unguard_cell
from lists.exceptions import ImportRefused, InvalidAddress, ListsError, RowRefused
from lists.import_reasons import RejectReason
from lists.models import AttributeKind

# line, address, address_key, name, attributes as JSON text (ASCII escapes), flags (lists.address_hints.Hint).
StagedTuple = tuple[int, str, str, str, str, int]
Cleaner = Callable[[Row], StagedTuple]

# Domains and values whose meaning is kept while a file is read.
MAX_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the values of a row stand. `attributes` are (column index, column)."""

    address: int
    names: list[int]
    attributes: list[tuple[int, Column]]
    headers: list[str]
    # An empty cell empties the value (差し替え) instead of leaving it as it is.
    keeps_blank: bool
    # -1: no column tells it.
    consent_at: int = -1
    consent_ip: int = -1

    def tells_consent(self) -> bool:
        """Say whether a column says when, or from where, the people agreed."""
        return self.consent_at >= 0 or self.consent_ip >= 0

    def label(self, index: int) -> str:
        """Return what people call the column."""
        return self.headers[index] if index < len(self.headers) else name_column(index)

    def is_header(self, cells: list[str]) -> bool:
        """Say whether the row repeats the header, as in files that were joined."""
        if not self.headers or not cells or cells[0].strip() not in ("", self.headers[0]):
            return False
        return name_columns(cells, len(self.headers)) == self.headers


def make_layout(
    targets: Mapping[str, str], headers: Sequence[str], columns: Sequence[Column], *, keeps_blank: bool
) -> Layout:
    """Return the layout of a file: `targets` says what each column number (as text) is, `columns` are all that
    the workspace has. Raises ImportRefused where not exactly one column is the address.
    """
    known = {column.name: column for column in columns}
    sorted_targets = sorted((int(number), target) for number, target in targets.items())
    place = {target: index for index, target in sorted_targets}
    addresses = [index for index, target in sorted_targets if target == ADDRESS]
    if len(addresses) != 1:
        raise ImportRefused(_("メールアドレスの列を1つ選んでください。"))
    return Layout(
        address=addresses[0],
        names=[index for index, target in sorted_targets if target == NAME],
        attributes=[
            (index, known.get(target) or Column(target, target))
            for index, target in sorted_targets
            if target not in NO_ATTRIBUTES
        ],
        headers=list(headers),
        keeps_blank=keeps_blank,
        consent_at=place.get(CONSENT_AT, -1),
        consent_ip=place.get(CONSENT_IP, -1),
    )


def compile_cleaner(layout: Layout) -> Cleaner:
    """Return a function that does for one row what `check_row` does, several times as fast.

    Rows that are plain in every respect are cleaned here; each other one goes through `check_row`, which
    also finds the sentence for what is wrong. Raises RowRefused.
    """
    if _is_unusual(layout):
        return lambda row: check_row(row, layout)
    at, names = layout.address, layout.names
    others = [index for index, _column in layout.attributes] + [layout.consent_at, layout.consent_ip]
    width = len(layout.headers) or 1 + max([at, *names, *others])
    one_name = names[0] if len(names) == 1 else -1
    look, write = _compile_address(), _compile_attributes(layout)

    def clean(row: Row) -> StagedTuple:
        line, cells, fault, _code = row
        if fault or len(cells) != width:
            return check_row(row, layout)
        text = "".join(cells)
        # An apostrophe may be a guard before a formula; most rows have none.
        if "'" in text or (not text.isprintable() and CONTROLS.search(text)):
            return check_row(row, layout)
        if len(text) > MAX_NAME and max(map(len, cells)) > MAX_NAME:
            return check_row(row, layout)
        address = cells[at]
        flags, attributes = look(address), write(cells)
        if flags < 0 or not attributes:
            return check_row(row, layout)
        if one_name >= 0:
            name = cells[one_name].strip()
        else:
            name = " ".join([part for index in names if (part := cells[index].strip())])
            if len(name) > MAX_NAME:
                return check_row(row, layout)
        return line, address, address.lower(), name, attributes, flags

    return clean


def _compile_address() -> Callable[[str], int]:
    """Return a function from an address to its hints (lists.address_hints.Hint), -1 where it is not plain."""
    domains: dict[str, int] = {}
    roles = role_names()

    def look(address: str) -> int:
        local, _at, domain = address.partition("@")
        flags = domains.get(domain)
        if flags is None:
            flags = _look_at_domain(domain, domains)
        if flags < 0 or len(local) > MAX_LOCAL or len(address) > MAX_ADDRESS or not PLAIN_LOCAL.fullmatch(local):
            return -1
        return flags | Hint.ROLE.value if local.lower().partition("+")[0] in roles else flags

    return look


def _compile_attributes(layout: Layout) -> Callable[[list[str]], str]:
    """Return a function from the cells to their attributes as JSON, "" where `check_row` has to look at them."""
    keeps_blank = layout.keeps_blank
    writers = [(index, json.dumps(column.name) + ": ", _make_writer(column)) for index, column in layout.attributes]

    def write(cells: list[str]) -> str:
        values = []
        for index, head, write_one in writers:
            value = cells[index].strip()
            if value or keeps_blank:
                written = write_one(value)
                if not written:
                    return ""
                values.append(head + written)
        return "{" + ", ".join(values) + "}"

    return write


def _is_unusual(layout: Layout) -> bool:
    """Say whether two columns are the same attribute, or a header is itself an address."""
    targets = [column.name for _index, column in layout.attributes]
    return len(set(targets)) < len(targets) or any("@" in header for header in layout.headers)


def _look_at_domain(domain: str, domains: dict[str, int]) -> int:
    """Return a domain's hints, -1 where it is not plain, and keep them for its next address."""
    flags = flags_of("x", domain) if PLAIN_DOMAIN.fullmatch(domain) else -1
    if len(domains) < MAX_KEPT:
        domains[domain] = flags
    return flags


def _make_writer(column: Column) -> Callable[[str], str]:
    """Return a function from a stripped text to the value's JSON, "" where `check_row` has to look at it."""
    if column.kind == AttributeKind.TEXT:
        return encode_basestring_ascii
    written: dict[str, str] = {"": '""'}

    def write(text: str) -> str:
        found = written.get(text)
        if found is None:
            try:
                found = json.dumps(parse(column.kind, text, column.choices))
            except ListsError:
                found = ""
            if len(written) < MAX_KEPT:
                written[text] = found
        return found

    return write


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
    name = _clean_name(cells, layout)
    attributes = json.dumps(_clean_attributes(cells, layout))
    return row.line, address.address, address.key, name, attributes, int(hints_of(address))


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

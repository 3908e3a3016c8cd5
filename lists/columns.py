"""The one definition of a list's columns: what they are called, how a value is cleaned, what is said where it is not."""

import re
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Workspace
from lists.address import clean_address
from lists.attribute_values import MAX_VALUE, Value, parse
from lists.attributes import attributes_of
from lists.exceptions import InvalidAddress, ListsError, RowRefused
from lists.import_reasons import RejectReason
from lists.models import AttributeDefinition, AttributeKind

__all__ = ["ADDRESS", "LEFT_OUT", "MAX_NAME", "MAX_VALUE", "NAME", "Column", "clean_value", "columns_of"]

# What a column is, where it is no attribute; no attribute has one of these names.
ADDRESS = "address"
NAME = "name"
# A column that is not imported.
LEFT_OUT = "-"

MAX_NAME = 200
LINE_BREAKS = str.maketrans({"\r": " ", "\n": " ", "\t": " "})
# Control characters, lone surrogates, line and paragraph separators (Unicode categories Cc, Cs, Zl, Zp).
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of imports and exports. `name` is ADDRESS, NAME or the attribute's name (its merge tag)."""

    name: str
    label: str
    kind: AttributeKind = AttributeKind.TEXT
    choices: tuple[str, ...] = ()


def columns_of(workspace: Workspace) -> list[Column]:
    """Return the address, the name and the attributes that a workspace offers, in their order."""
    return [
        Column(ADDRESS, _("メールアドレス")),
        Column(NAME, _("お名前")),
        *(column_for(definition) for definition in attributes_of(workspace)),
    ]


def column_for(definition: AttributeDefinition) -> Column:
    """Return the column of an attribute."""
    return Column(definition.name, definition.label, AttributeKind(definition.kind), tuple(definition.choices))


def clean_value(column: Column, text: str) -> Value:
    """Return the value that a cell or a form's field means in a column; "" for none.

    Raises RowRefused with a sentence, the column's label, the text and a RejectReason.
    """
    if column.name == ADDRESS:
        try:
            return clean_address(text).address
        except InvalidAddress as error:
            raise RowRefused(error.sentence, column.label, text, RejectReason.ADDRESS) from error
    return clean_name(text, column.label) if column.name == NAME else clean_attribute(column, text, column.label)


def clean_name(text: str, label: str) -> str:
    """Return a person's name; raises RowRefused."""
    name = text.strip()
    # A line break in a name is an attempt to add a mail header, or a row that broke.
    if CONTROLS.search(name):
        raise RowRefused(_("お名前に改行や制御文字が入っています。"), label, text, RejectReason.NAME)
    if len(name) > MAX_NAME:
        raise RowRefused(_("お名前が長すぎます(%d文字まで)。") % MAX_NAME, label, text, RejectReason.NAME)
    return name


def clean_attribute(column: Column, text: str, label: str) -> Value:
    """Return an attribute's value; line breaks become spaces. Raises RowRefused."""
    value: Any = text.translate(LINE_BREAKS).strip()
    if CONTROLS.search(value):
        raise RowRefused(_("制御文字が入っています。"), label, text, RejectReason.VALUE)
    try:
        return parse(column.kind, value, column.choices)
    except ListsError as error:
        raise RowRefused(error.sentence, label, text, RejectReason.VALUE) from error

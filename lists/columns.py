"""The one definition of a list's columns: what they are called, how a value is cleaned, what is said where it is not.

The wizard, the merge, the forms of subscribers and the exports use it; there is no admin, the pages of operators and of
customers take its place. It is no django-import-export resource: that makes a model instance of each row (over ten minutes
for a million), and saves it without a consent and without asking who was erased, stopped or excluded. Nor would its fields
clean a row: the messages name the heading of the file, and a name may stand in two columns. The 除外リスト, which is neither
so long nor anybody's consent, is exported by one (lists/exclusion_files.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Workspace
from lists.address import clean_address
from lists.attribute_values import Value, parse
from lists.attributes import attributes_of
from lists.exceptions import InvalidAddress, ListsError, RowRefused
from lists.import_reasons import RejectReason
from lists.models import AttributeDefinition, AttributeKind

# What a column is, where it is no attribute; no attribute has one of these names.
ADDRESS = "address"
NAME = "name"
# When and from where a person agreed: kept with the consent (lists.consent_values). No attribute's name holds "|".
CONSENT_AT = "consent|at"
CONSENT_IP = "consent|ip"
NO_ATTRIBUTES = frozenset({ADDRESS, NAME, CONSENT_AT, CONSENT_IP})
# A column that is not imported.
LEFT_OUT = "-"

MAX_NAME = 200
LINE_BREAKS = str.maketrans({"\r": " ", "\n": " ", "\t": " "})
# Control characters, lone surrogates, line and paragraph separators (Unicode categories Cc, Cs, Zl, Zp).
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of imports and exports. `name` is one of NO_ATTRIBUTES or the attribute's name (its merge tag)."""

    name: str
    label: str
    kind: AttributeKind = AttributeKind.TEXT
    choices: tuple[str, ...] = ()
    # Of an attribute that is not offered any more.
    is_archived: bool = False


def columns_of(workspace: Workspace) -> list[Column]:
    """Return the address, the name and the attributes that a workspace offers, in their order."""
    return [*fixed_columns(), *(column_for(definition) for definition in attributes_of(workspace))]


def importable_columns(workspace: Workspace, kinds: Mapping[str, str]) -> list[Column]:
    """Return what the columns of a file can be: those of the workspace, the archived as well, and those that are made
    with the file, whose kinds (AttributeKind) are in `kinds` by their names.
    """
    known = {found.name: column_for(found) for found in workspace.attribute_definitions.all()}
    new = [Column(name, name, AttributeKind(kind)) for name, kind in kinds.items() if name not in known]
    return [*fixed_columns(), *known.values(), *new]


def fixed_columns() -> list[Column]:
    """Return the columns that every workspace has."""
    return [Column(ADDRESS, _("メールアドレス")), Column(NAME, _("お名前"))]


def consent_columns() -> list[Column]:
    """Return what columns of a file can be besides, which tell of the consent and nothing of the subscriber."""
    return [Column(CONSENT_AT, _("同意日時")), Column(CONSENT_IP, _("同意したときのIPアドレス"))]


def column_for(definition: AttributeDefinition) -> Column:
    """Return the column of an attribute."""
    return Column(
        definition.name,
        definition.label,
        AttributeKind(definition.kind),
        tuple(definition.choices),
        definition.archived_at is not None,
    )


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

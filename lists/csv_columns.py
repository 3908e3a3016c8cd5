"""Which column of a file is what: remembered from earlier files, guessed from headers and cells."""

import re
import unicodedata
from collections.abc import Sequence

from django.utils.translation import gettext as _

from lists.column_memory import fold_header, recall
from lists.columns import ADDRESS, LEFT_OUT, NAME, columns_of
from lists.csv_reading import Preview, has_address
from lists.models import MailingList

__all__ = ["ADDRESS", "NAME", "attribute_names_for", "clean_attribute_name", "guess_columns"]

# Headers as `fold_header` leaves them.
ADDRESS_WORDS = frozenset(
    [
        "メールアドレス",
        "メアド",
        "メール",
        "eメール",
        "eメールアドレス",
        "電子メール",
        "電子メールアドレス",
        "宛先",
        "宛先アドレス",
        "配信先",
        "配信先アドレス",
        "送信先",
        "送信先アドレス",
        "email",
        "emailaddress",
        "mail",
        "mailaddress",
        "mailadress",
        "address1email",
        "pcメール",
        "pcメールアドレス",
        "携帯メール",
        "携帯メールアドレス",
        "メールアドレス1",
        "email1",
        "eメール1",
        "連絡先メールアドレス",
        "会員メールアドレス",
    ]
)
NAME_WORDS = frozenset(
    [
        "氏名",
        "お名前",
        "名前",
        "姓名",
        "名",
        "姓",
        "会員名",
        "顧客名",
        "お客様名",
        "担当者",
        "担当者名",
        "ご担当者名",
        "ご担当者",
        "宛名",
        "受信者名",
        "漢字氏名",
        "氏名漢字",
        "お名前漢字",
        "name",
        "fullname",
        "yourname",
        "displayname",
        "username",
        "customername",
        "lastname",
        "firstname",
        "familyname",
        "givenname",
        "surname",
        "苗字",
        "名字",
        "ファーストネーム",
        "ラストネーム",
    ]
)
FAMILY_NAME_WORDS = frozenset(["姓", "苗字", "名字", "lastname", "familyname", "surname", "ラストネーム"])
GIVEN_NAME_WORDS = frozenset(["名", "firstname", "givenname", "ファーストネーム"])

# What our own export adds to a list and nobody wants back as an attribute.
EXPORT_ONLY = frozenset(["状態", "停止理由", "登録日時", "停止日時", "停止のメモ", "エラー回数"])

# An attribute's name stands in {{…|…}}; names that the mailing itself fills are not given away.
MAX_ATTRIBUTE_NAME = 50
RESERVED = frozenset(
    {ADDRESS, NAME, "unsubscribe_url", "sender_name", "legal_name", "postal_address", "contact", "email"}
)


def guess_columns(mailing_list: MailingList, preview: Preview) -> dict[str, str]:
    """Return column number (as text) → "address", "name" or an attribute's name, for every column.

    What a column with the same header was the last time comes first; then the attributes of the workspace,
    by their labels and names; then the usual words; anything else is an attribute of its own.
    """
    remembered = recall(mailing_list, preview.headers)
    labels = _attribute_labels(mailing_list)
    attributes = attribute_names_for(preview.headers)
    columns = {
        str(number): (
            remembered.get(header) or _guess_column(header) or labels.get(fold_header(header)) or attributes[number]
        )
        for number, header in enumerate(preview.headers)
    }
    _settle_address(columns, preview, attributes)
    _settle_names(columns, preview, attributes)
    _settle_attributes(columns, attributes)
    return {number: target for number, target in columns.items() if target != LEFT_OUT}


def _attribute_labels(mailing_list: MailingList) -> dict[str, str]:
    labels: dict[str, str] = {}
    for column in columns_of(mailing_list.workspace):
        if column.name not in (ADDRESS, NAME):
            labels.setdefault(fold_header(column.label), column.name)
            labels[fold_header(column.name)] = column.name
    labels.pop("", None)
    return labels


def _guess_column(header: str) -> str:
    folded = fold_header(header)
    if folded in ADDRESS_WORDS:
        return ADDRESS
    if folded in NAME_WORDS:
        return NAME
    return LEFT_OUT if folded in EXPORT_ONLY else ""


def _settle_address(columns: dict[str, str], preview: Preview, attributes: Sequence[str]) -> None:
    """Leave one address column; without a header that says so it is the one whose cells are addresses."""
    found = [number for number, target in columns.items() if target == ADDRESS]
    filled = [number for number in found or columns if _has_addresses(preview, int(number))]
    chosen = next(iter(filled or found), None)
    for number in found:
        columns[number] = attributes[int(number)]
    if chosen is not None:
        columns[chosen] = ADDRESS


def _has_addresses(preview: Preview, number: int) -> bool:
    return any(number < len(row.cells) and has_address([row.cells[number]]) for row in preview.rows)


def _settle_names(columns: dict[str, str], preview: Preview, attributes: Sequence[str]) -> None:
    """Leave one column for the name, or the two of 姓 and 名."""
    found = [number for number, target in columns.items() if target == NAME]
    folded = {number: fold_header(preview.headers[int(number)]) for number in found}
    family = [number for number in found if folded[number] in FAMILY_NAME_WORDS]
    given = [number for number in found if folded[number] in GIVEN_NAME_WORDS]
    whole = [number for number in found if number not in family + given]
    keep = whole[:1] or family[:1] + given[:1]
    for number in found:
        if number not in keep:
            columns[number] = attributes[int(number)]


def _settle_attributes(columns: dict[str, str], attributes: Sequence[str]) -> None:
    """Leave each attribute to one column, the first of those that could be it."""
    taken: set[str] = set()
    for number, target in columns.items():
        if target in taken and target not in (ADDRESS, NAME, LEFT_OUT):
            own = attributes[int(number)]
            columns[number] = own if own not in {*taken, *columns.values()} else LEFT_OUT
        taken.add(columns[number])


def attribute_names_for(headers: Sequence[str]) -> list[str]:
    """Return the name that each column has as an attribute: its header, made fit for a merge tag, each once."""
    names: list[str] = []
    taken = set(RESERVED)
    for number, header in enumerate(headers, start=1):
        base = clean_attribute_name(header) or _("列%d") % number
        name, copy = base, 1
        while name in taken:
            copy += 1
            name = f"{base}_{copy}"
        taken.add(name)
        names.append(name)
    return names


def clean_attribute_name(header: str) -> str:
    """Return the header without what a merge tag cannot hold: braces, bars, control characters; NFKC."""
    folded = unicodedata.normalize("NFKC", header)
    kept = "".join(" " if unicodedata.category(character)[0] in "CZ" else character for character in folded)
    return " ".join(re.sub(r"[{}|]", " ", kept).split())[:MAX_ATTRIBUTE_NAME].strip()

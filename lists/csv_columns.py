"""Which column of a file is what: remembered from earlier files, guessed from headers and cells."""

import re
import unicodedata
from collections.abc import Callable, Sequence

from lists.column_memory import LONGEST, fold_header, recall
from lists.columns import ADDRESS, CONSENT_AT, CONSENT_IP, LEFT_OUT, NAME, NO_ATTRIBUTES, columns_of
from lists.csv_reading import Preview, has_address, name_column
from lists.models import MailingList, StopReason, SubscriberStatus

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

# As our own ledger of consents and other programs call it.
CONSENT_AT_WORDS = frozenset(
    ["同意日時", "同意の日時", "同意日", "同意した日時", "同意した日", "同意取得日時", "同意取得日", "配信同意日時",
     "配信同意日", "許諾日時", "許諾日", "オプトイン日時", "オプトイン日", "consentat", "consenttime", "consentdate",
     "optinat", "optintime", "optindate", "confirmtime"]
)  # fmt: skip
CONSENT_IP_WORDS = frozenset(
    ["同意ip", "同意ipアドレス", "同意時ip", "同意時ipアドレス", "同意時のip", "同意時のipアドレス",
     "同意したときのipアドレス", "オプトインip", "オプトインipアドレス", "consentip", "consentipaddress", "optinip",
     "optinipaddress", "confirmip"]
)  # fmt: skip

# To the minute as our export writes it, also where Excel stored the file since.
MOMENT = re.compile(r"\d{4}([-/])\d{1,2}\1\d{1,2} \d{1,2}:\d\d", re.ASCII)
# What our own export adds to a list and nobody wants back as an attribute, with whether a value can be one of its own; and
# what it adds to a label of these where an attribute has the same one.
EXPORT_ONLY: dict[str, Callable[[str], object]] = {
    "状態": lambda value: value in map(str, SubscriberStatus.labels),
    "停止理由": lambda value: value in map(str, StopReason.labels),
    "登録日時": MOMENT.fullmatch,
    "停止日時": MOMENT.fullmatch,
    "停止のメモ": lambda value: True,
    "エラー回数": str.isdecimal,
}
OURS = "(Hypermail)"
SURELY_OURS = frozenset(fold_header(label + OURS) for label in EXPORT_ONLY)

# An attribute's name stands in {{…|…}}; names that the mailing itself fills are not given away.
MAX_ATTRIBUTE_NAME = 50
# A tag's own signs, and what stands between quotes in a database's path.
FORBIDDEN = frozenset('{}|"\\')
# "@" stands for a recipient in the links that are measured.
RESERVED = frozenset(
    {
        ADDRESS,
        NAME,
        "unsubscribe_url",
        "allow_url",
        "sender_name",
        "legal_name",
        "postal_address",
        "contact",
        "email",
        "@",
    }
)


def guess_columns(mailing_list: MailingList, preview: Preview) -> dict[str, str]:
    """Return column number (as text) → "address", "name" or an attribute's name, for the columns worth importing.

    What a column with the same header was the last time comes first; then the usual words for addresses and names; then
    the attributes of the workspace, by their labels and names; then the words for the consent. Anything else is an
    attribute of its own, but for what our own exports add and for columns without a name and a value.
    """
    remembered = recall(mailing_list, preview.headers)
    labels = _attribute_labels(mailing_list)
    attributes = attribute_names_for(preview.headers)
    columns = {
        str(number): (
            remembered.get(header)
            or _guess_column(header)
            or labels.get(fold_header(header))
            or _guess_consent(header)
            or (LEFT_OUT if is_nothing(preview, number) else attributes[number])
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
        if column.name not in NO_ATTRIBUTES:
            labels.setdefault(fold_header(column.label), column.name)
            labels[fold_header(column.name)] = column.name
    labels.pop("", None)
    return labels


def _guess_column(header: str) -> str:
    folded = fold_header(header)
    if folded in ADDRESS_WORDS:
        return ADDRESS
    return NAME if folded in NAME_WORDS else ""


def _guess_consent(header: str) -> str:
    folded = fold_header(header)
    if folded in CONSENT_AT_WORDS:
        return CONSENT_AT
    return CONSENT_IP if folded in CONSENT_IP_WORDS else ""


def is_nothing(preview: Preview, number: int) -> bool:
    """Say whether a column is one of our own export's, by its header and its first values (状態 may say 会員 elsewhere),
    or has neither a header nor a value there.
    """
    header = preview.headers[number]
    cells = (row.cells[number].strip() for row in preview.rows if number < len(row.cells))
    values = [cell for cell in cells if cell]
    if can_be_ours := EXPORT_ONLY.get(fold_header(header)):
        return all(map(can_be_ours, values))
    return fold_header(header) in SURELY_OURS or (header == name_column(number) and not values)


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
        base = clean_attribute_name(header) or name_column(number - 1)
        name, copy = base, 1
        while name in taken:
            copy += 1
            suffix = f"_{copy}"
            name = base[: MAX_ATTRIBUTE_NAME - len(suffix)] + suffix
        taken.add(name)
        names.append(name)
    return names


def clean_attribute_name(header: str) -> str:
    """Return the header without what a merge tag cannot hold: FORBIDDEN, control characters; NFKC."""
    folded = unicodedata.normalize("NFKC", header[:LONGEST])
    kept = (" " if sign in FORBIDDEN or unicodedata.category(sign)[0] in "CZ" else sign for sign in folded)
    return " ".join("".join(kept).split())[:MAX_ATTRIBUTE_NAME].strip()

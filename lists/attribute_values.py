"""The kinds of attributes: what a text means as a number, a date or a choice, and how a value is shown."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import date

from django.utils.translation import gettext as _

from lists.exceptions import ListsError
from lists.models import AttributeDefinition, AttributeKind

Value = str | int | float

# So many significant digits are exact in every database (SQLite keeps numbers as IEEE 754 doubles).
MAX_DIGITS = 15
# Smaller numbers are written with an exponent by some programs and without by others.
LEAST = 0.0001
# Characters of a text or a choice.
MAX_VALUE = 1000
# A kind is guessed from at least so many values.
ENOUGH = 3
# Characters that no number and no date has.
LONGEST_GUESSED = 100

NUMBER = re.compile(r"(?P<sign>[-+▲△]?)[¥\\]?(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?P<rest>\.[0-9]+)?円?")
# Signs that mean minus where a person writes or pastes a number.
MINUS = str.maketrans("−‐‑–—", "-----")
TIME = r"(?:[ T][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
DATE = re.compile(rf"([0-9]{{4}})(?:([-/.])([0-9]{{1,2}})\2([0-9]{{1,2}})|年([0-9]{{1,2}})月([0-9]{{1,2}})日?){TIME}")
COMPACT_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
ERA_DATE = re.compile(
    r"(明治|大正|昭和|平成|令和|[MTSHR])([0-9]{1,2}|元)(?:年([0-9]{1,2})月([0-9]{1,2})日?|[-/.]([0-9]{1,2})[-/.]([0-9]{1,2}))",
    re.IGNORECASE,
)
# The year before the first of each era.
ERAS = {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}
ERA_LETTERS = {"M": "明治", "T": "大正", "S": "昭和", "H": "平成", "R": "令和"}
# Headers of numbers that are names of something: nobody adds them up, and leading zeros matter.
NUMBERED_NAMES = re.compile(
    r"番号|コード|電話|携帯|郵便|ナンバー|\bno\b|\bid\b|code|number|phone|tel|zip|fax", re.IGNORECASE
)


def parse(kind: str, text: str, choices: Sequence[str] = ()) -> Value:
    """Return what `text` means as a value of `kind` (AttributeKind); "" for a blank text.

    A number is an int or a float of at most MAX_DIGITS digits, a date an ISO string, a choice one of
    `choices` as it is written there (any text where there are none). Raises ListsError with a sentence.
    """
    # Before it is folded, which takes quadratic time.
    stripped = _check_length(text.strip())
    if not stripped or kind == AttributeKind.TEXT:
        return stripped
    folded = unicodedata.normalize("NFKC", stripped).strip()
    if kind == AttributeKind.NUMBER:
        return _parse_number(folded)
    if kind == AttributeKind.DATE:
        return _parse_date(folded)
    return _find_choice(stripped, folded, choices)


def _check_length(text: str) -> str:
    if len(text) > MAX_VALUE:
        raise ListsError(_("値が長すぎます(%d文字まで)。") % MAX_VALUE, text)
    return text


def _parse_number(folded: str) -> int | float:
    match = NUMBER.fullmatch(folded.translate(MINUS))
    if match is None:
        raise ListsError(_("数値として読めません(例: 1200、-3.5)。"), folded)
    whole, rest = match["whole"].replace(",", "").lstrip("0") or "0", (match["rest"] or "").rstrip("0").rstrip(".")
    if len((whole + rest).replace(".", "").lstrip("0")) > MAX_DIGITS:
        raise ListsError(
            _("数値の桁が多すぎます(%d桁まで)。会員番号などは、差し込み項目の種類を「文字」にしてください。")
            % MAX_DIGITS,
            folded,
        )
    minus = match["sign"] in ("-", "▲", "△")
    if not rest:
        return -int(whole) if minus else int(whole)
    number = float(whole + rest)
    if number < LEAST:
        raise ListsError(_("0.0001より小さい数値は扱えません。差し込み項目の種類を「文字」にしてください。"), folded)
    return -number if minus else number


def _parse_date(folded: str) -> str:
    if match := DATE.fullmatch(folded):
        year, month, day = match[1], match[3] or match[5], match[4] or match[6]
    elif match := COMPACT_DATE.fullmatch(folded):
        year, month, day = match[1], match[2], match[3]
    elif match := ERA_DATE.fullmatch(folded):
        era = ERA_LETTERS.get(match[1].upper(), match[1])
        year = str(ERAS[era] + (1 if match[2] == "元" else int(match[2])))
        month, day = match[3] or match[5], match[4] or match[6]
    else:
        raise ListsError(_("日付として読めません(例: 2026-04-01、2026年4月1日)。"), folded)
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError as error:
        raise ListsError(_("暦にない日付です(例: 2026-04-01)。"), folded) from error


def _find_choice(stripped: str, folded: str, choices: Sequence[str]) -> str:
    if stripped in choices or not choices:
        return stripped
    for choice in choices:
        if unicodedata.normalize("NFKC", choice).strip().casefold() == folded.casefold():
            return choice
    shown = "、".join(choices[:5]) + (_(" など") if len(choices) > 5 else "")
    raise ListsError(_("選択肢にない値です(選択肢: %s)。") % shown[:120], stripped)


def show(definition: AttributeDefinition, value: object) -> str:
    """Return a stored value as people read it on pages; "" where there is none."""
    if value is None or value == "":
        return ""
    text = str(value)
    # The kind may have been changed after the value was stored.
    if definition.kind == AttributeKind.DATE and COMPACT_DATE.fullmatch(text.replace("-", "")):
        return text.replace("-", "/")
    return text


def guess_kind(header: str, samples: Iterable[str]) -> AttributeKind:
    """Return the kind that a new column most likely has: a number or a date only where every value is one.

    Never a choice: a few rows do not tell which values the rest of a file has.
    """
    filled = [sample.strip() for sample in samples if sample.strip()]
    # Before anything is folded, which takes quadratic time.
    if len(filled) < ENOUGH or max(map(len, filled)) > LONGEST_GUESSED:
        return AttributeKind.TEXT
    values = [unicodedata.normalize("NFKC", sample).strip() for sample in filled]
    if NUMBERED_NAMES.search(unicodedata.normalize("NFKC", header[:MAX_VALUE])):
        return AttributeKind.TEXT
    if all(_is_clear_date(value) for value in values):
        return AttributeKind.DATE
    if all(_is_clear_number(value) for value in values):
        return AttributeKind.NUMBER
    return AttributeKind.TEXT


def _is_clear_date(text: str) -> bool:
    # Eight digits may be anything.
    return not text.isdigit() and _is_read(_parse_date, text)


def _is_clear_number(text: str) -> bool:
    # A leading zero belongs to a telephone number, a postal code, a number of a member.
    is_code = text.startswith("0") and len(text) > 1 and not text.startswith("0.")
    return not is_code and _is_read(_parse_number, text)


def _is_read(parse_one: Callable[[str], Value], text: str) -> bool:
    try:
        parse_one(text)
    except ListsError:
        return False
    return True

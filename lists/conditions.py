"""The conditions of a segment: their JSON, what may stand in it, and what it says when something is wrong.

`{"v": 1, "all": [...]}` or `{"v": 1, "any": [...]}`; in the list stand conditions,
`{"field": "attribute:ランク", "op": "is", "value": "金"}`, and groups like the whole.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.numbers import read_number
from lists.exceptions import ListsError

VERSION: Final = 1
MAX_DEPTH: Final = 3
MAX_CONDITIONS: Final = 50
MAX_BYTES: Final = 20_000
MAX_TEXT: Final = 200
MAX_TEXTS: Final = 100
MAX_DAYS: Final = 36_500
# More digits than these are not the same number on every database (SQLite keeps decimals as REAL).
MAX_DIGITS: Final = 15
# In front of an attribute's name, where a condition is about an attribute.
ATTRIBUTE: Final = "attribute:"
MAX_FIELD: Final = len(ATTRIBUTE) + 50
THIS_MONTH, NEXT_MONTH = "this", "next"


class Kind(StrEnum):
    """What a condition compares."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"
    LIST = "list"
    EVENT = "event"
    ANY = "any"


class Shape(StrEnum):
    """What a person gives beside field and operator."""

    NOTHING = "nothing"
    TEXT = "text"
    NUMBER = "number"
    NUMBERS = "numbers"
    DATE = "date"
    DATES = "dates"
    DAYS = "days"
    MONTH = "month"
    TEXTS = "texts"
    LISTS = "lists"
    CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True)
class Operator:
    """A way to compare: of which kind, what is given, and how it reads; `%s` stands for what is given."""

    kind: Kind
    shape: Shape
    label: Any
    words: Any


# "Is not", "none of" and "not on" include those without a value.
OPERATORS: Final[dict[str, Operator]] = {
    "is": Operator(Kind.TEXT, Shape.TEXT, gettext_lazy("次と同じ"), gettext_lazy("が「%s」")),
    "is_not": Operator(Kind.TEXT, Shape.TEXT, gettext_lazy("次と違う"), gettext_lazy("が「%s」ではない")),
    "contains": Operator(Kind.TEXT, Shape.TEXT, gettext_lazy("次を含む"), gettext_lazy("に「%s」を含む")),
    "contains_not": Operator(Kind.TEXT, Shape.TEXT, gettext_lazy("次を含まない"), gettext_lazy("に「%s」を含まない")),
    "begins": Operator(Kind.TEXT, Shape.TEXT, gettext_lazy("次で始まる"), gettext_lazy("が「%s」で始まる")),
    "ends": Operator(Kind.TEXT, Shape.TEXT, gettext_lazy("次で終わる"), gettext_lazy("が「%s」で終わる")),
    "eq": Operator(Kind.NUMBER, Shape.NUMBER, gettext_lazy("次と等しい"), gettext_lazy("が%sと等しい")),
    "ne": Operator(Kind.NUMBER, Shape.NUMBER, gettext_lazy("次と等しくない"), gettext_lazy("が%sと等しくない")),
    "ge": Operator(Kind.NUMBER, Shape.NUMBER, gettext_lazy("次の値以上"), gettext_lazy("が%s以上")),
    "gt": Operator(Kind.NUMBER, Shape.NUMBER, gettext_lazy("次の値より大きい"), gettext_lazy("が%sより大きい")),
    "le": Operator(Kind.NUMBER, Shape.NUMBER, gettext_lazy("次の値以下"), gettext_lazy("が%s以下")),
    "lt": Operator(Kind.NUMBER, Shape.NUMBER, gettext_lazy("次の値より小さい"), gettext_lazy("が%sより小さい")),
    "between": Operator(Kind.NUMBER, Shape.NUMBERS, gettext_lazy("次の範囲"), gettext_lazy("が%s")),
    "date_is": Operator(Kind.DATE, Shape.DATE, gettext_lazy("次の日"), gettext_lazy("が%s")),
    "before": Operator(Kind.DATE, Shape.DATE, gettext_lazy("次の日より前"), gettext_lazy("が%sより前")),
    "after": Operator(Kind.DATE, Shape.DATE, gettext_lazy("次の日より後"), gettext_lazy("が%sより後")),
    "dates": Operator(Kind.DATE, Shape.DATES, gettext_lazy("次の期間"), gettext_lazy("が%s")),
    "last_days": Operator(
        Kind.DATE, Shape.DAYS, gettext_lazy("今日までの○日間"), gettext_lazy("が今日までの%s日間のうち")
    ),
    "older_days": Operator(Kind.DATE, Shape.DAYS, gettext_lazy("○日前より前"), gettext_lazy("が%s日前より前")),
    "next_days": Operator(
        Kind.DATE, Shape.DAYS, gettext_lazy("今日からの○日間"), gettext_lazy("が今日からの%s日間のうち")
    ),
    "anniversary": Operator(
        Kind.DATE,
        Shape.DAYS,
        gettext_lazy("○日後が誕生日・記念日"),
        gettext_lazy("の月日が%s日後と同じ"),
    ),
    "month": Operator(Kind.DATE, Shape.MONTH, gettext_lazy("次の月"), gettext_lazy("が%s")),
    "one_of": Operator(Kind.CHOICE, Shape.TEXTS, gettext_lazy("次のどれか"), gettext_lazy("が%s")),
    "none_of": Operator(Kind.CHOICE, Shape.TEXTS, gettext_lazy("次のどれでもない"), gettext_lazy("が%sではない")),
    "on": Operator(Kind.LIST, Shape.LISTS, gettext_lazy("入っている"), gettext_lazy("が%s")),
    "not_on": Operator(Kind.LIST, Shape.LISTS, gettext_lazy("入っていない"), gettext_lazy("が%sではない")),
    "ever": Operator(Kind.EVENT, Shape.NOTHING, gettext_lazy("したことがある"), gettext_lazy("したことがある")),
    "never": Operator(Kind.EVENT, Shape.NOTHING, gettext_lazy("したことがない"), gettext_lazy("したことがない")),
    "in_days": Operator(Kind.EVENT, Shape.DAYS, gettext_lazy("○日以内にした"), gettext_lazy("を%s日以内にした")),
    "not_in_days": Operator(
        Kind.EVENT, Shape.DAYS, gettext_lazy("○日以内にはしていない"), gettext_lazy("を%s日以内にはしていない")
    ),
    "campaign": Operator(Kind.EVENT, Shape.CAMPAIGN, gettext_lazy("次の配信でした"), gettext_lazy("を配信%sでした")),
    "not_campaign": Operator(
        Kind.EVENT, Shape.CAMPAIGN, gettext_lazy("次の配信ではしていない"), gettext_lazy("を配信%sではしていない")
    ),
    "is_filled": Operator(Kind.ANY, Shape.NOTHING, gettext_lazy("値がある"), gettext_lazy("に値がある")),
    "is_empty": Operator(Kind.ANY, Shape.NOTHING, gettext_lazy("値がない"), gettext_lazy("に値がない")),
}
# The fields that everybody has, with what they are compared as.
FIXED: Final[dict[str, Kind]] = {
    "address": Kind.TEXT,
    "domain": Kind.TEXT,
    "name": Kind.TEXT,
    "list": Kind.LIST,
    "joined_at": Kind.DATE,
    "status": Kind.CHOICE,
    "stop_reason": Kind.CHOICE,
    "consent_source": Kind.CHOICE,
    "errors": Kind.NUMBER,
    "opened": Kind.EVENT,
    "clicked": Kind.EVENT,
}
# Of these also whether there is a value at all.
MAY_BE_EMPTY: Final = frozenset({"name", "stop_reason", "consent_source"})
ATTRIBUTE_KINDS: Final = (Kind.TEXT, Kind.NUMBER, Kind.DATE, Kind.CHOICE)


class SegmentRefused(ListsError):
    """Conditions that cannot be used; `subject` is the place ("0-2": the third part of the first group)."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison; the value is what the operator's shape says, normalised."""

    field: str
    op: str
    value: Any = None

    @property
    def attribute(self) -> str:
        """Return the name of the attribute that it is about, or nothing."""
        return self.field.removeprefix(ATTRIBUTE) if self.field.startswith(ATTRIBUTE) else ""

    @property
    def operator(self) -> Operator:
        """Return what the operator means."""
        return OPERATORS[self.op]

    def as_json(self) -> dict[str, Any]:
        """Return the JSON that `read_conditions` reads."""
        data = {"field": self.field, "op": self.op}
        return data if self.value is None else data | {"value": self.value}


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions and groups of which all, or any, have to be fulfilled."""

    parts: tuple[Condition | Group, ...] = ()
    is_any: bool = False

    def conditions(self) -> Iterator[Condition]:
        """Yield every condition, also those of the groups in it."""
        for part in self.parts:
            if isinstance(part, Condition):
                yield part
            else:
                yield from part.conditions()

    def as_json(self) -> dict[str, Any]:
        """Return the JSON that `read_conditions` reads."""
        return {"v": VERSION, "any" if self.is_any else "all": [part.as_json() for part in self.parts]}


def read_conditions(data: Mapping[str, Any]) -> Group:
    """Return the conditions that a segment's JSON holds. Raises SegmentRefused for what is no such JSON."""
    if not isinstance(data, Mapping) or data.get("v", VERSION) != VERSION:
        raise SegmentRefused(_("条件を読み取れません。条件を作り直してください。"))
    # A tree that is too deep to be written cannot be read either.
    group = _read_group(data, "", 1)
    number = sum(1 for _condition in group.conditions())
    if number > MAX_CONDITIONS:
        raise SegmentRefused(_("条件は%d個までです。条件を減らすか、セグメントを分けてください。") % MAX_CONDITIONS)
    if len(json.dumps(group.as_json(), ensure_ascii=False).encode()) > MAX_BYTES:
        raise SegmentRefused(_("条件の文字が多すぎます。条件を減らすか、セグメントを分けてください。"))
    return group


def make_empty(place: str = "") -> SegmentRefused:
    """Return the error of a group without conditions."""
    return SegmentRefused(_("条件がありません。条件を1つ以上加えてください。"), place)


def _read_group(data: Mapping[str, Any], place: str, depth: int) -> Group:
    if depth > MAX_DEPTH:
        raise SegmentRefused(_("グループの中のグループは%d段までです。") % MAX_DEPTH, place)
    is_any = "any" in data
    parts = data.get("any" if is_any else "all")
    if not isinstance(parts, Sequence) or isinstance(parts, str) or (is_any and "all" in data):
        raise SegmentRefused(_("条件を読み取れません。条件を作り直してください。"), place)
    if not parts:
        raise make_empty(place)
    if len(parts) > MAX_CONDITIONS:
        raise SegmentRefused(
            _("条件は%d個までです。条件を減らすか、セグメントを分けてください。") % MAX_CONDITIONS, place
        )
    return Group(tuple(_read_part(part, f"{place}-{i}".lstrip("-"), depth) for i, part in enumerate(parts)), is_any)


def _read_part(data: Any, place: str, depth: int) -> Condition | Group:
    if not isinstance(data, Mapping):
        raise SegmentRefused(_("条件を読み取れません。条件を作り直してください。"), place)
    if "field" not in data:
        return _read_group(data, place, depth + 1)
    return read_condition(str(data["field"]), str(data.get("op", "")), as_texts(data.get("value")), place)


def as_texts(value: Any) -> list[str]:
    """Return a JSON value as the texts that a form gives."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [str(item) for item in values[: MAX_TEXTS + 1]]


def read_condition(field: str, op: str, texts: Sequence[str], place: str = "") -> Condition:
    """Return a condition from what a person, or the JSON, gives. Raises SegmentRefused with `place` as its subject."""
    if not field or len(field) > MAX_FIELD or "\0" in field or field == ATTRIBUTE:
        raise SegmentRefused(_("条件の項目を選んでください。"), place)
    if op not in operators_for(field):
        raise SegmentRefused(_("条件の比べ方を選んでください。"), place)
    texts = [text.strip() for text in texts]
    try:
        return Condition(field, op, READERS[OPERATORS[op].shape](texts))
    except SegmentRefused as error:
        raise SegmentRefused(error.sentence, place) from error


def operators_for(field: str) -> list[str]:
    """Return the operators that fit a field; for an attribute those of every kind that it may have. Unknown: none."""
    is_attribute = field.startswith(ATTRIBUTE)
    if not is_attribute and field not in FIXED:
        return []
    kinds = ATTRIBUTE_KINDS if is_attribute else (FIXED[field],)
    may_be_empty = is_attribute or field in MAY_BE_EMPTY
    return [op for op, found in OPERATORS.items() if found.kind in kinds or (found.kind == Kind.ANY and may_be_empty)]


def _read_nothing(texts: Sequence[str]) -> None:
    """Whatever is left of another operator does not count."""


def _read_text(texts: Sequence[str]) -> str:
    text = texts[0] if texts else ""
    if not text:
        raise SegmentRefused(_("比べる言葉を入力してください。"))
    if len(text) > MAX_TEXT:
        raise SegmentRefused(_("比べる言葉は%d文字までです。") % MAX_TEXT)
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise SegmentRefused(_("改行や制御文字は使えません。"))
    return text


def _read_texts(texts: Sequence[str]) -> list[str]:
    found = list(dict.fromkeys(_read_text([text]) for text in texts if text))
    if not found:
        raise SegmentRefused(_("1つ以上選んでください。"))
    _require_few(found)
    return found


def _require_few(found: Sequence[object]) -> None:
    if len(found) > MAX_TEXTS:
        raise SegmentRefused(_("選べるのは%d個までです。") % MAX_TEXTS)


def _read_number(texts: Sequence[str]) -> int | float:
    text = unicodedata.normalize("NFKC", texts[0] if texts else "").replace(",", "")
    if not text:
        raise SegmentRefused(_("数値を入力してください。"))
    try:
        number = Decimal(text) if len(text) <= 2 * MAX_DIGITS else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not (number == 0 or -MAX_DIGITS <= number.adjusted() < MAX_DIGITS):
        raise SegmentRefused(_("数値は「1000」や「-0.5」のように、%d桁までで入力してください。") % MAX_DIGITS)
    if len(number.normalize().as_tuple().digits) > MAX_DIGITS:
        raise SegmentRefused(_("数値は「1000」や「-0.5」のように、%d桁までで入力してください。") % MAX_DIGITS)
    return int(number) if number == number.to_integral_value() else float(number)


def _read_numbers(texts: Sequence[str]) -> list[int | float]:
    low, high = (_read_number([text]) for text in [*texts, "", ""][:2])
    if low > high:
        raise SegmentRefused(_("範囲は小さい値、大きい値の順に入力してください。"))
    return [low, high]


def _read_date(texts: Sequence[str]) -> str:
    text = unicodedata.normalize("NFKC", texts[0] if texts else "").replace("/", "-")
    try:
        year, month, day = (int(part) for part in text.split("-"))
        found = date(year, month, day)
    except ValueError as error:
        raise SegmentRefused(_("日付は「2026-12-01」の形で入力してください。")) from error
    if found.year < 1000:
        raise SegmentRefused(_("年は西暦4桁で入力してください。"))
    return found.isoformat()


def _read_dates(texts: Sequence[str]) -> list[str]:
    first, last = (_read_date([text]) for text in [*texts, "", ""][:2])
    if first > last:
        raise SegmentRefused(_("期間は早い日、遅い日の順に入力してください。"))
    return [first, last]


def _read_days(texts: Sequence[str]) -> int:
    text = unicodedata.normalize("NFKC", texts[0] if texts else "")
    if not (text.isdecimal() and text.isascii() and len(text) <= 5 and int(text) <= MAX_DAYS):
        raise SegmentRefused(_("日数は0から%dまでの数で入力してください。") % MAX_DAYS)
    return int(text)


def _read_month(texts: Sequence[str]) -> str:
    text = texts[0] if texts else ""
    if text not in (THIS_MONTH, NEXT_MONTH, *map(str, range(1, 13))):
        raise SegmentRefused(_("月を選んでください。"))
    return text


def _read_ids(texts: Sequence[str]) -> list[int]:
    found = [number for text in dict.fromkeys(texts) if (number := read_number(text)) is not None]
    if not found or len(found) < len(set(filter(None, texts))):
        raise SegmentRefused(_("リストを1つ以上選んでください。"))
    _require_few(found)
    return sorted(found)


def _read_campaign(texts: Sequence[str]) -> int:
    try:
        return _read_ids(texts[:1])[0]
    except SegmentRefused as error:
        raise SegmentRefused(_("配信を選んでください。")) from error


READERS: Final[dict[Shape, Any]] = {
    Shape.NOTHING: _read_nothing,
    Shape.TEXT: _read_text,
    Shape.TEXTS: _read_texts,
    Shape.NUMBER: _read_number,
    Shape.NUMBERS: _read_numbers,
    Shape.DATE: _read_date,
    Shape.DATES: _read_dates,
    Shape.DAYS: _read_days,
    Shape.MONTH: _read_month,
    Shape.LISTS: _read_ids,
    Shape.CAMPAIGN: _read_campaign,
}

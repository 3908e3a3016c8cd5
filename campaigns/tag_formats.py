"""書式: how a merge tag writes a date or a number (`{{入会日:年月日}}`). Pure; what is no such value stays as it is."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext

WEEKDAYS = "月火水木金土日"
# The first day of each era, the newest first (元号法; 改元の政令).
ERAS = (
    (date(2019, 5, 1), "令和"),
    (date(1989, 1, 8), "平成"),
    (date(1926, 12, 25), "昭和"),
    (date(1912, 7, 30), "大正"),
    # Before, dates were those of another calendar.
    (date(1873, 1, 1), "明治"),
)
NUMBER = re.compile(r"[-+]?[0-9]{1,30}(?:\.[0-9]{1,30})?")


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a value, with a stored value as an example."""

    sample: str
    write: Callable[[str], str]

    @property
    def example(self) -> str:
        """Return the example as it is written."""
        return self.write(self.sample)


def write_value(value: str, name: str) -> str:
    """Return a stored value in the format `name`, or as it is where it is none of its kind."""
    try:
        return FORMATS[name].write(value)
    except ValueError:
        return value


def split_format(tag: str) -> tuple[str, str]:
    """Return the name before the last colon of a tag and the format behind it; a tag without a format has ""."""
    place = max(tag.rfind(":"), tag.rfind("："))
    name = unicodedata.normalize("NFKC", tag[place + 1 :]).strip() if place > 0 else ""
    return (tag[:place].rstrip(), name) if name in FORMATS else (tag, "")


def find_value(tag: str, values: Mapping[str, str]) -> str:
    """Return what stands for a tag, "" where nothing does. A value of the whole name wins over a format."""
    if value := values.get(tag, "").strip():
        return value
    name, written = split_format(tag)
    value = values.get(name, "").strip() if written else ""
    return write_value(value, written) if value else ""


def _date_by(write: Callable[[date], str]) -> Callable[[str], str]:
    return lambda value: write(date.fromisoformat(value))


def _by_era(day: date) -> str:
    for first, era in ERAS:
        if day >= first:
            year = day.year - first.year + 1 if era != "明治" else day.year - 1867
            return f"{era}{'元' if year == 1 else year}年{day.month}月{day.day}日"
    raise ValueError(day)


def _number_by(write: Callable[[Decimal], str]) -> Callable[[str], str]:
    def read(value: str) -> str:
        if not NUMBER.fullmatch(value):
            raise ValueError(value)
        return write(Decimal(value))

    return read


def _group(number: Decimal) -> str:
    return f"{number:,f}"


def _one_place(number: Decimal) -> str:
    with localcontext(prec=60):
        return f"{number.quantize(Decimal('0.1'), ROUND_HALF_UP):,f}"


FORMATS: dict[str, Format] = {
    "年月日": Format("2026-04-01", _date_by(lambda day: f"{day.year}年{day.month}月{day.day}日")),
    "月日": Format("2026-04-01", _date_by(lambda day: f"{day.month}月{day.day}日")),
    "月日(曜)": Format("2026-04-01", _date_by(lambda day: f"{day.month}月{day.day}日({WEEKDAYS[day.weekday()]})")),
    "年/月/日": Format("2026-04-01", _date_by(lambda day: f"{day.year}/{day.month:02}/{day.day:02}")),
    "和暦": Format("2026-04-01", _date_by(_by_era)),
    "桁区切り": Format("1234", _number_by(_group)),
    "円": Format("1234", _number_by(lambda number: f"{_group(number)}円")),
    "小数1桁": Format("1234.5", _number_by(_one_place)),
}

"""What the value of a workbook's cell is in text: numbers, dates by their number format, escapes (ECMA-376 part 1)."""

import re
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum

# Built-in formats of section 18.8.30 that are dates, times or both; 27 to 36 and 50 to 58 are those of Japan.
DATES = frozenset({14, 15, 16, 17, 27, 28, 29, 30, 31, 34, 35, 36, 50, 51, 52, 53, 54, 55, 56, 57, 58})
TIMES = frozenset({18, 19, 20, 21, 32, 33, 45, 47})
SPANS = frozenset({46})
BOTH = frozenset({22})

# What says nothing about the kind: texts in quotes, escaped characters, colours, locales, fillers.
NOT_FORMAT = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!(?:h+|m+|s+)\])[^\]]*\]', re.IGNORECASE)
IS_SPAN = re.compile(r"\[[hms]")
ONLY_ZEROS = re.compile(r"0[0-]*0")
ESCAPE = re.compile(r"((?:_x[0-9A-Fa-f]{4}_)+)")
# Days on which counting starts; 1900 is taken for a leap year, so that it is right from 1 March 1900 on.
EPOCH_1900 = datetime(1899, 12, 30)  # noqa: DTZ001  A workbook's times have no zone.
EPOCH_1904 = datetime(1904, 1, 1)  # noqa: DTZ001
# 31 December 9999.
LAST_MOMENT = datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001


class Shown(Enum):
    """How a number format shows a number."""

    NUMBER = 1
    DATE = 2
    TIME = 3
    BOTH = 4
    # Hours that go on after 24.
    SPAN = 5


Shape = Shown | str


def shape_of(number: int, code: str = "") -> Shape:
    """Return how the format shows numbers; a text of zeros and hyphens ("000-0000") is a pattern of digits."""
    if not code:
        built_in = {Shown.DATE: DATES, Shown.TIME: TIMES, Shown.BOTH: BOTH, Shown.SPAN: SPANS}
        return next((shown for shown, numbers in built_in.items() if number in numbers), Shown.NUMBER)
    section = NOT_FORMAT.sub("", code.split(";")[0]).lower()
    if ONLY_ZEROS.fullmatch(section):
        return section
    has_date = any(letter in section for letter in "yde") or ("g" in section and "general" not in section)
    has_time = "h" in section or "s" in section
    if IS_SPAN.search(section):
        return Shown.SPAN
    if has_date or ("m" in section and not has_time):
        return Shown.BOTH if has_time else Shown.DATE
    return Shown.TIME if has_time else Shown.NUMBER


def show_number(text: str, shape: Shape = Shown.NUMBER, *, since_1904: bool = False) -> str:
    """Return the number of a cell as text: without exponent, with the zeros of its format, dates in ISO form."""
    if shape is Shown.NUMBER:
        return text if text.isdigit() else _plain(text)
    if isinstance(shape, str):
        return _fill(_plain(text), shape)
    try:
        days = float(text)
    except ValueError:
        return text
    epoch = EPOCH_1904 if since_1904 else EPOCH_1900
    if not 0 <= days <= (LAST_MOMENT - epoch) / timedelta(days=1):
        return _plain(text)
    return _show_span(days) if shape is Shown.SPAN else _show_time(days, shape, epoch)


def _plain(text: str) -> str:
    """Write a number as Excel shows it: at most 15 digits, no exponent."""
    try:
        number = Decimal(f"{float(text):.15g}")
    except (ValueError, InvalidOperation):
        return text
    # Decimal would write some hundred digits for what nobody has in a list.
    return f"{number:f}" if number.is_finite() and abs(number.adjusted()) < 30 else text


def _fill(digits: str, pattern: str) -> str:
    """Return 1000001 as "100-0001" for the pattern "000-0000"."""
    if not digits.isdigit():
        return digits
    filled = digits.zfill(pattern.count("0"))
    extra = len(filled) - pattern.count("0")
    rest = iter(filled[extra:])
    return filled[:extra] + "".join(next(rest) if sign == "0" else sign for sign in pattern)


def _show_time(days: float, shape: Shown, epoch: datetime) -> str:
    moment = epoch + timedelta(seconds=round(days * 86400))
    time = f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"
    if shape is Shown.TIME and days < 1:
        return time
    if shape is Shown.DATE or (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%Y-%m-%d} {time}"


def _show_span(days: float) -> str:
    minutes, seconds = divmod(round(days * 86400), 60)
    return f"{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")


def unescape(text: str) -> str:
    """Return a text without the escapes of section 22.9.2.19: "_x000D_" is a carriage return, in UTF-16."""
    return ESCAPE.sub(_decode, text) if "_x" in text else text


def _decode(match: re.Match[str]) -> str:
    units = bytes.fromhex("".join(match[1][place + 2 : place + 6] for place in range(0, len(match[1]), 7)))
    # A half of a pair becomes U+FFFD, by which the row is refused.
    return units.decode("utf-16-be", "replace")

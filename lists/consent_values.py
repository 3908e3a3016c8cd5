"""When and from where the people of a file agreed, as two of its columns may say (A4)."""

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from ipaddress import ip_address
from typing import Final

from django.db import connection
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _

from lists.attribute_values import parse
from lists.csv_reading import Row
from lists.exceptions import ListsError, RowRefused
from lists.import_reasons import RejectReason
from lists.models import AttributeKind
from lists.row_cleaning import Cleaner, Layout

# Characters that no moment and no IP address has.
LONGEST: Final = 100
# Before it nobody agreed to a mail; programs write 1900 or 1970 where they know nothing.
EARLIEST: Final = 1990
JST: Final = timedelta(hours=9)

# As spreadsheets, forms (午後 1:02:03 GMT+9) and databases write it, a day alone as well.
MOMENT = re.compile(
    r"(?P<day>[^T\s:]+)(?:(?:[T\s]+|(?<=日))(?P<before>午前|午後)?\s*(?P<hour>[0-9]{1,2})[:時](?P<minute>[0-9]{1,2})"
    r"(?:[:分](?P<second>[0-9]{1,2})(?:\.[0-9]+)?秒?|分)?\s*(?P<after>午前|午後|[AP]M)?\s*"
    r"(?P<zone>Z|JST|(?:GMT|UTC)?(?P<sign>[+-])(?P<hours>[01]?[0-9])(?::?(?P<minutes>[0-5][0-9]))?|GMT|UTC)?)?",
    re.IGNORECASE,
)
# The most frequent by far, by the local clock; read in a tenth of the time.
PLAIN = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?")

# A row as `row_cleaning` leaves it, then when and from which IP address the person agreed.
ToldTuple = tuple[int, str, str, str, str, int, str | None, str | None]


def with_consent(clean: Cleaner, layout: Layout, *, now: datetime) -> Callable[[Row], ToldTuple]:
    """Return a function that does what `clean` does and adds the time and the IP address of the consent to its result,
    as `load_rows` takes them. Raises RowRefused also for a consent that cannot be read.
    """

    def clean_both(row: Row) -> ToldTuple:
        cleaned = clean(row)
        at = _read(row, layout, layout.consent_at, store_moment)
        return *cleaned, at, _read(row, layout, layout.consent_ip, read_ip)

    def store_moment(text: str) -> str:
        # A text on SQLite, as Django stores it.
        return str(connection.ops.adapt_datetimefield_value(read_moment(text, now=now)))

    return clean_both


def _read(row: Row, layout: Layout, index: int, read: Callable[[str], str]) -> str | None:
    """Return what the cell of a column means, None where it is empty or there is no such column."""
    text = row.cells[index].strip() if 0 <= index < len(row.cells) else ""
    if not text:
        return None
    try:
        return read(text)
    except ListsError as error:
        raise RowRefused(error.sentence, layout.label(index), text, RejectReason.CONSENT) from error


def read_moment(text: str, *, now: datetime) -> datetime:
    """Return the moment that a text means, by the local clock where it names no zone; a day alone is its beginning.

    Raises ListsError with a sentence, also for what is later than `now`.
    """
    day, clock, zone = _read_plain(text) or _read_any(text)
    if day.year < EARLIEST:
        raise ListsError(_("%d年より前の日時です。分からないときは空欄にしてください。") % EARLIEST, text)
    moment = datetime.combine(day, clock, zone) if day.year <= now.year + 1 else None
    if moment is None or moment > now:
        raise ListsError(_("未来の日時です。同意を得た日時を確かめてください。"), text)
    return moment


def read_ip(text: str) -> str:
    """Return an IP address (version 4 or 6) as it is stored; raises ListsError with a sentence."""
    folded = _fold(text)
    try:
        address = ip_address(folded)
    except ValueError as error:
        raise ListsError(_wrong_ip(), text) from error
    # The zone of a link-local address means something on one computer only, and PostgreSQL has no place for it.
    if "%" in folded:
        raise ListsError(_wrong_ip(), text)
    return str(getattr(address, "ipv4_mapped", None) or address)


def _wrong_ip() -> str:
    return _("IPアドレスとして読めません(例: 192.0.2.1)。分からないときは空欄にしてください。")


def _fold(text: str) -> str:
    # Folding takes quadratic time where somebody writes nothing but accents.
    return unicodedata.normalize("NFKC", text).strip() if len(text) <= LONGEST else ""


def _read_plain(text: str) -> tuple[date, time, tzinfo] | None:
    if PLAIN.fullmatch(text) is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        # Not in the calendar, which the long way says.
        return None
    return moment.date(), moment.time(), get_current_timezone()


def _read_any(text: str) -> tuple[date, time, tzinfo]:
    match = MOMENT.fullmatch(_fold(text))
    if match is None:
        raise ListsError(_("日時として読めません(例: 2026-04-01 12:34、2026年4月1日)。"), text)
    day = date.fromisoformat(str(parse(AttributeKind.DATE, match["day"])))
    return day, _read_time(match), _read_zone(match)


def _read_time(match: re.Match[str]) -> time:
    hour, half = int(match["hour"] or 0), (match["before"] or match["after"] or "").upper()
    if half and hour <= 12:
        hour = hour % 12 + (12 if half in ("午後", "PM") else 0)
    try:
        return time(hour, int(match["minute"] or 0), int(match["second"] or 0))
    except ValueError as error:
        raise ListsError(_("時計にない時刻です(例: 2026-04-01 12:34)。"), match[0]) from error


def _read_zone(match: re.Match[str]) -> tzinfo:
    if not match["zone"]:
        return get_current_timezone()
    if match["sign"]:
        ahead = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
        return timezone(-ahead if match["sign"] == "-" else ahead)
    return timezone(JST if match["zone"].upper() == "JST" else timedelta())

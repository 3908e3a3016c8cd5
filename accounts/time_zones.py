"""The zones that a workspace's clock can have: which there are, in words, and kept for the length of a download; and the
days that a form takes.
"""

from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection
from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# Local midnight at both ends of the calendar, and the day after the last one, are no times that can be computed.
COMPUTABLE_DAYS: Final = (MinValueValidator(date(1900, 1, 1)), MaxValueValidator(date(2999, 12, 31)))
# Offered first, from Japan on eastwards and westwards.
COMMON: Final[dict[str, Any]] = {
    "Asia/Tokyo": gettext_lazy("日本"),
    "Asia/Seoul": gettext_lazy("韓国"),
    "Asia/Shanghai": gettext_lazy("中国"),
    "Asia/Taipei": gettext_lazy("台湾"),
    "Asia/Hong_Kong": gettext_lazy("香港"),
    "Asia/Singapore": gettext_lazy("シンガポール"),
    "Asia/Bangkok": gettext_lazy("タイ"),
    "Asia/Ho_Chi_Minh": gettext_lazy("ベトナム"),
    "Asia/Kolkata": gettext_lazy("インド"),
    "Australia/Sydney": gettext_lazy("オーストラリア東部"),
    "Europe/London": gettext_lazy("イギリス"),
    "Europe/Paris": gettext_lazy("フランス"),
    "Europe/Berlin": gettext_lazy("ドイツ"),
    "America/New_York": gettext_lazy("アメリカ東部"),
    "America/Los_Angeles": gettext_lazy("アメリカ西部"),
    "Pacific/Honolulu": gettext_lazy("ハワイ"),
    "UTC": gettext_lazy("協定世界時"),
}
# The other names are aliases of former times, and those of Etc/ count the other way round than people do.
REGIONS: Final = frozenset(
    ["Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"],
)


@lru_cache(maxsize=1)
def zone_names() -> tuple[str, ...]:
    """Return the names (IANA) that can be chosen, the common ones first."""
    others = {name for name in available_timezones() if name.partition("/")[0] in REGIONS and "/" in name}
    return (*COMMON, *sorted(others - COMMON.keys()))


def zone_choices() -> list[tuple[str, str]]:
    """Return the names with what people call the common ones."""
    return [(name, str(COMMON.get(name, ""))) for name in zone_names()]


def find_name(text: str) -> str:
    """Return the name of the zone that somebody typed, in whatever letters; "" where there is none."""
    wanted = text.strip().replace(" ", "_").casefold()
    return next((name for name, label in zone_choices() if wanted in (name.casefold(), label)), "")


def is_known_to_database(name: str) -> bool:
    """Say whether the database knows a zone: PostgreSQL computes with a list of its own, which may be older."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = %s)", [name])
        return bool(cursor.fetchone()[0])


def zone_words(name: str = "") -> str:
    """Return how sentences call the times of a zone, without a name the present one: 日本時間, Europe/Berlin の時刻."""
    name = name or timezone.get_current_timezone_name()
    return _("日本時間") if name == "Asia/Tokyo" else _("%s の時刻") % name


def system_zone() -> ZoneInfo:
    """Return the zone of the installation, in which its operator's pages are."""
    return ZoneInfo(settings.TIME_ZONE)


def keep_zone(response: HttpResponseBase, zone: ZoneInfo) -> None:
    """Let what a response computes while it is being sent be in a zone too; a file as it is stored computes nothing."""
    if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse) and not response.is_async:
        response.streaming_content = _pieces_in(zone, iter(response))


def _pieces_in(zone: ZoneInfo, pieces: Iterator[bytes]) -> Iterator[bytes]:
    # Between two pieces the thread may be another request's.
    while True:
        with timezone.override(zone):
            piece = next(pieces, None)
        if piece is None:
            return
        yield piece

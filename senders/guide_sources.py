"""Where a guide's words are from, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Source:
    """A page, and how it was read.

    Pages are read as stored copies: `copied` is the day of the copy, `read` the day on which a copy without a date was read.
    Neither = the page itself was not seen. `dated` is the day that the page itself bears. `note` is for people: what else limits what is known.
    """

    url: str
    copied: date | None = None
    read: date | None = None
    dated: date | None = None
    is_official: bool = True
    note: Any = ""

    def how_known(self) -> str:
        """Say when and how the page was read."""
        if self.copied:
            return _("%(day)s時点の写しを確認") % {"day": write_day(self.copied)}
        if self.read and self.dated:
            days = {"day": write_day(self.read), "dated": write_day(self.dated)}
            return _("%(day)sに写しを確認(ページの日付は%(dated)s)") % days
        if self.read:
            return _("%(day)sに写しを確認(写しの日付は不明)") % {"day": write_day(self.read)}
        return _("ページを直接確認できていません")


def write_day(day: date) -> str:
    """Return a day as pages show it."""
    return date_format(day, "Y年n月j日")

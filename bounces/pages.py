"""Notices as the pages show them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from django.db.models import Count

from accounts.models import Membership
from bounces.mime_reading import MAX_BYTES, decode_text
from bounces.models import RawNotice, RawNoticeQuerySet
from bounces.processing import unpack
from bounces.rule_words import explain_reading

# More of a mail than this helps nobody on a page.
RAW_LIMIT = 200_000


@dataclass(frozen=True, slots=True)
class RawView:
    """The text of a stored mail; `is_cut` where only its beginning is shown."""

    text: str
    is_cut: bool


def visible_notices(membership: Membership) -> RawNoticeQuerySet:
    """Return the notices that a member may see; those of no workspace are the operator's."""
    own = RawNotice.objects.for_workspace(membership.workspace)
    if membership.user.is_superuser:
        return own | RawNotice.objects.filter(workspace__isnull=True)
    return own


def count_notices(notices: RawNoticeQuerySet) -> dict[str, int]:
    """Return the number of notices in each state that has any."""
    return dict(notices.values_list("state").annotate(Count("pk")).order_by())


def show_raw(notice: RawNotice) -> RawView:
    """Return a stored mail as plain text, which the page escapes."""
    try:
        content = unpack(notice.content)
    except zlib.error:
        return RawView("", False)
    text = decode_text(content[:RAW_LIMIT], "").replace("\r\n", "\n").replace("\0", "")
    return RawView(text, len(content) > RAW_LIMIT or len(content) >= MAX_BYTES)


def describe_reading(notice: RawNotice) -> str:
    """Say in Japanese how a notice was read."""
    return explain_reading(notice.reading)

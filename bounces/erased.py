"""Returned mails about people who were erased: what is kept of them names nobody."""

import zlib
from collections.abc import Collection
from typing import Final

from bounces.models import Bounce, RawNotice
from campaigns.erased import PREFIX

# What is left of a notice's mail, as mails are stored.
NOTHING: Final = zlib.compress(b"")


def blank(bounces: Collection[Bounce]) -> list[Bounce]:
    """Take the addresses out of what a notice says, before it is stored; which error it was stays."""
    for number, bounce in enumerate(bounces):
        bounce.recipient, bounce.text = f"{PREFIX}{bounce.notice_id}-{number}", ""
    return list(bounces)


def forget_mails(notice_ids: Collection[int]) -> None:
    """Delete the mails of notices; that they came stays."""
    RawNotice.objects.filter(pk__in=notice_ids).update(content=NOTHING, note="")

"""Notices in the forms of many servers, written by ourselves; each says in X-Expected what is read in it."""

from email import message_from_bytes
from pathlib import Path

import pytest

from bounces.judging import judge
from bounces.parsing import parse

FORMATS = sorted((Path(__file__).parent.parent / "emails" / "formats").glob("*.eml"))


@pytest.mark.parametrize("path", FORMATS, ids=[path.stem for path in FORMATS])
def test_reads_the_form(path: Path) -> None:
    """B6: who failed and why is read in whatever form a server tells it."""
    content = path.read_bytes()
    notice = parse(content)
    told = [f"{recipient.address} {judge(notice, recipient).reason}" for recipient in notice.recipients]
    assert told == message_from_bytes(content).get_all("X-Expected"), notice

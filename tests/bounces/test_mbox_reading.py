"""Splitting a file of mails."""

from __future__ import annotations

import io
import tracemalloc
from tempfile import TemporaryFile
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounces.mbox_reading import append_mail, append_mbox, is_mbox, read_mails
from bounces.mime_reading import MAX_BYTES

DATED = b"From sender@example.com Mon Jan  5 10:00:00 2026\n"


def split(content: bytes, *, skip: int = 0) -> list[bytes]:
    return list(read_mails(io.BytesIO(content), skip=skip))


def test_splits_at_dated_lines() -> None:
    assert split(DATED + b"A: 1\n\none\n\n" + DATED + b"B: 2\n\ntwo\n\n") == [b"A: 1\n\none\n", b"B: 2\n\ntwo\n"]


def test_keeps_crlf() -> None:
    crlf = (DATED + b"A: 1\n\none\n\n" + DATED + b"B: 2\n\ntwo\n").replace(b"\n", b"\r\n")
    assert split(crlf) == [b"A: 1\r\n\r\none\r\n", b"B: 2\r\n\r\ntwo\r\n"]


def test_needs_no_blank_line_before_a_dated_line() -> None:
    assert split(DATED + b"A: 1\n\none\n" + DATED + b"B: 2\n\ntwo\n") == [b"A: 1\n\none\n", b"B: 2\n\ntwo\n"]


@pytest.mark.parametrize(
    "line",
    [
        b"From - Mon Jan 05 10:00:00 2026",
        b"From MAILER-DAEMON Mon Jan  5 10:00:00 2026",
        b"From 1234@xxx Mon Jan 05 10:00:00 +0000 2026",
        b"From sender@example.com Mon, 5 Jan 2026 10:00:00 +0900",
        b"From sender@example.com ",
        b"From MAILER-DAEMON ",
    ],
)
def test_knows_the_lines_of_several_programs(line: bytes) -> None:
    assert split(line + b"\nA: 1\n\none\n\n" + line + b"\nB: 2\n\ntwo\n") == [b"A: 1\n\none\n", b"B: 2\n\ntwo\n"]


@pytest.mark.parametrize(
    "sentence",
    [
        b"From here on nothing was delivered.\nNote: it says so itself.\n",
        b"From sender@example.com we got this:\nand no header follows\n",
        b">From the beginning\n",
    ],
)
def test_takes_no_sentence_for_a_mail(sentence: bytes) -> None:
    assert len(split(DATED + b"A: 1\n\n" + sentence)) == 1


def test_undoes_the_quoting() -> None:
    assert split(DATED + b"A: 1\n\n>From one\n>>From two\n> From\n") == [b"A: 1\n\nFrom one\n>From two\n> From\n"]


def test_what_stands_before_the_first_mail_is_none() -> None:
    assert split(b"rubbish\n\n" + DATED + b"A: 1\n\none\n") == [b"A: 1\n\none\n"]
    assert split(b"") == []


def test_skips_mails() -> None:
    content = b"".join(DATED + b"N: %d\n\nx\n\n" % number for number in range(5))
    assert split(content, skip=3) == [b"N: 3\n\nx\n", b"N: 4\n\nx\n"]
    assert split(content, skip=9) == []


def test_a_mail_is_cut_at_the_limit_and_memory_stays_bounded() -> None:
    with TemporaryFile() as file:
        file.write(DATED + b"A: 1\n\n")
        for _ in range(40):
            file.write(b"y" * 1024 * 1024)
        file.write(b"\n\n" + DATED + b"B: 2\n\ntwo\n")
        tracemalloc.start()
        sizes = [len(mail) for mail in read_mails(cast(BinaryIO, file))]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert sizes == [MAX_BYTES, len(b"B: 2\n\ntwo\n")]
    assert peak < 4 * MAX_BYTES


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_single_mails_come_back_as_they_were(mails: list[bytes]) -> None:
    """Whatever stands in them, also lines that look like separators."""
    target = io.BytesIO()
    for mail in mails:
        append_mail(target, io.BytesIO(mail))
    ended = [mail if not mail or mail.endswith(b"\n") else mail + b"\n" for mail in mails]
    assert [mail.rstrip(b"\r\n") for mail in split(target.getvalue())] == [mail.rstrip(b"\r\n") for mail in ended]


def test_a_single_mail_with_separators_in_it() -> None:
    target = io.BytesIO()
    mail = b"A: 1\n\n" + DATED + b"B: 2\n\n>From x\nFrom upload@localhost Thu Jan  1 00:00:00 1970\nno end"
    append_mail(target, io.BytesIO(mail))
    append_mbox(target, io.BytesIO(DATED + b"C: 3\n\nlast"))
    assert split(target.getvalue()) == [mail + b"\n", b"C: 3\n\nlast\n\n"[:-1]]


def test_tells_an_mbox_from_a_mail() -> None:
    assert is_mbox(b"\n" + DATED)
    assert not is_mbox(b"From: a@b.example\n")

"""How reading stays within its limits, whatever comes in; and how bytes become text."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bounces.judging import judge
from bounces.mime_reading import MAX_PARTS, UnreadableNotice, decode_base64, decode_text, decode_words, drop_element
from bounces.parsed import NoticeKind
from bounces.parsing import parse
from mta.verdicts import Phase
from tests.bounces.notices import EMAILS, read_email
from tests.bounces.test_parsing import bounce_with, summary, written

BOUNCE, ORDINARY = NoticeKind.BOUNCE, NoticeKind.ORDINARY


@pytest.mark.parametrize("seconds", [0.0, 3.0])
def test_reading_too_long_is_told(seconds: float) -> None:
    """A notice over the limit of time is unreadable, not a hanging worker."""
    times = itertools.chain([0.0], itertools.repeat(seconds))
    content = read_email("postfix-user-unknown")
    if seconds:
        with pytest.raises(UnreadableNotice):
            parse(content, clock=lambda: next(times))
    else:
        assert parse(content, clock=lambda: next(times)).kind == BOUNCE


def test_parts_are_limited() -> None:
    parts = b"--b\nContent-Type: text/plain\n\nx\n" * (MAX_PARTS + 50)
    assert parse(b"Content-Type: multipart/mixed; boundary=b\n\n" + parts).kind == ORDINARY


def test_depth_is_limited() -> None:
    head = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3000))
    assert parse(head + b"\ntext").kind == ORDINARY


def test_many_recipients_are_limited() -> None:
    status = "\n\n".join(f"Final-Recipient: rfc822;u{number}@x.example\nStatus: 5.1.1" for number in range(3000))
    assert 0 < len(bounce_with(status).recipients) <= 101
    text = "\n".join(f"<u{number}@x.example>: 550 no" for number in range(3000))
    assert len(written(text).recipients) == 100


def test_unsplittable_multipart_is_read_as_text() -> None:
    notice = written("<a@x.example>: 550 5.1.1 no\n", "Content-Type: multipart/mixed\n")
    assert summary(notice) == [("a@x.example", "5.1.1", 550, Phase.NOTICE)]


def test_headers_that_are_none_belong_to_the_text() -> None:
    notice = written(
        "--b\n<a@x.example>: 550 5.1.1 no\nmore\n\nand more\n--b--\n", "Content-Type: multipart/mixed; boundary=b\n"
    )
    assert summary(notice) == [("a@x.example", "5.1.1", 550, Phase.NOTICE)]


def test_boundary_within_a_line_divides_nothing() -> None:
    notice = written(
        "--b\n\nsee --b\n<a@x.example>: 550 5.1.1 no\n--b--\n", "Content-Type: multipart/mixed; boundary=b\n"
    )
    assert summary(notice) == [("a@x.example", "5.1.1", 550, Phase.NOTICE)]


def test_line_of_a_mailbox_file_is_no_header() -> None:
    content = b"From MAILER-DAEMON Tue Oct  6 10:00:00 2026\n" + read_email("postfix-user-unknown")
    assert parse(content) == parse(read_email("postfix-user-unknown"))


@pytest.mark.parametrize(
    ("content", "charset", "text"),
    [
        ("日本".encode("cp932"), "shift_jis", "日本"),
        ("日本".encode("iso2022_jp"), "", "日本"),
        ("日本".encode(), "no-such-charset", "日本"),
        (b"caf\xe9", "us-ascii", "café"),
        ("日本".encode("cp932"), "utf-8", "日本"),
    ],
)
def test_decodes_what_is_declared_or_looks_so(content: bytes, charset: str, text: str) -> None:
    assert decode_text(content, charset) == text


def test_broken_iso_2022_jp_keeps_what_it_can() -> None:
    assert decode_text("日本".encode("iso2022_jp") + b"\x1b$B\xff", "iso-2022-jp").startswith("日本")


def test_html_whose_letters_grow_is_kept() -> None:
    assert drop_element("İ<style>x</style>", "style") == "İ<style>x</style>"
    assert drop_element("a<style>x", "style") == "a"


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("=?utf-8?b?5pel5pys?= =?utf-8?q?=E8=AA=9E_x?=", "日本語 x"),
        ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        ("=?bad?x?no?=", "=?bad?x?no?="),
    ],
)
def test_decodes_words_of_headers(word: str, text: str) -> None:
    assert decode_words(word) == text


def test_base64_survives_its_rest() -> None:
    assert decode_base64(b"YWJj ZA") == b"abcd"
    assert decode_base64(b"YWJjZGU") == b"abcde"
    assert decode_base64(b"YWJjZ") == b"abc"


@settings(max_examples=60)
@given(st.binary(max_size=3000))
def test_any_bytes_are_read(content: bytes) -> None:
    """Hostile mail never crashes."""
    assert parse(content).kind in NoticeKind


PIECES = st.sampled_from(
    [line + b"\n" for path in sorted(EMAILS.glob("*.eml")) for line in path.read_bytes().splitlines()]
    + [b"\x00\xff@\n", b'Content-Type: multipart/report; boundary="\xe3"\n', b"=?utf-8?b?////?=\n", b"@" * 3000 + b"\n"]
)


@settings(max_examples=60)
@given(st.lists(PIECES, max_size=80))
def test_any_mixture_of_lines_is_read(lines: list[bytes]) -> None:
    """Hostile mail never crashes, and what is read can be stored."""
    notice = parse(b"".join(lines))
    for recipient in notice.recipients:
        f"{recipient.address}{recipient.text}{recipient.host}".encode()
        assert "\x00" not in recipient.address + recipient.text + recipient.host


@pytest.mark.parametrize(
    "filler",
    [
        b"a" * 1_000_000,
        b"<" * 200_000,
        b"a@" * 200_000,
        b"a@b.example " * 50_000,
        b"<a@b.example>: \n" * 50_000,
        b"550 5.1.1 \n" * 50_000,
        b" " * 500_000,
        b"\n" * 500_000,
        b"--b\n" * 100_000,
        b"Final-Recipient: rfc822; a@b.example\n" * 30_000,
        b"(" * 100_000 + b")" * 100_000,
        b"=?utf-8?q?" * 50_000,
        b"<style>" * 50_000,
        b"delivery failed to " * 20_000,
        # Lines of many addresses, and of what looks like one again and again.
        (b"x a@b.example " * 70 + b"\n") * 1500,
        (b"host x said: 550 5.1.1 <a@b.example> user recipient address " * 16 + b"\n") * 1500,
        (b"a@" * 490 + b"\n") * 1500,
        (b"550 " + b"a@" * 490 + b"\n") * 1500,
        (b"--" * 490 + b"\n") * 1500,
        b"".join(
            b"<u%d@b.example>: " % number + b"host sender mailbox a b c " * 90 + b"%d\n" % number
            for number in range(300)
        ),
    ],
)
@pytest.mark.parametrize("kind", ["text/plain", "text/html", "message/delivery-status", "multipart/mixed; boundary=b"])
def test_no_shape_takes_a_second(filler: bytes, kind: str) -> None:
    """No notice takes over 1 s, whatever its shape."""
    head = f"Return-Path: <>\nFrom: mailer-daemon@x.example\nSubject: Delivery failure\nContent-Type: {kind}\n\n"
    # The processor's time: other work on the machine is not the reader's.
    began = time.process_time()
    notice = parse(head.encode() + b"Delivery failed\n" + filler)
    for recipient in notice.recipients:
        judge(notice, recipient)
    parse(b"Subject: " + filler + b"\n\n")
    assert time.process_time() - began < 1

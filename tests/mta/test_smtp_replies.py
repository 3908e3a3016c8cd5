"""Reading replies: however they are cut, and whatever the server says."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mta.smtp_replies import NoSmtpError, ReplyReader, clean_text

LIMITS = {"replies": 17, "lines": 128, "octets": 70_000}


def read(*pieces: bytes) -> list[tuple[int, tuple[bytes, ...]]]:
    reader = ReplyReader()
    for piece in pieces:
        reader.feed(piece)
    return [(reply.code, reply.lines) for reply in reader.replies]


@pytest.mark.parametrize(
    ("octets", "replies"),
    [
        (b"250 ok\r\n", [(250, (b"ok",))]),
        (b"250 ok\n", [(250, (b"ok",))]),
        (b"250\r\n", [(250, (b"",))]),
        (b"250\n", [(250, (b"",))]),
        (b"250-a\r\n250-b\r\n250 c\r\n354 go\r\n", [(250, (b"a", b"b", b"c")), (354, (b"go",))]),
        (b"250-a\r\n250\r\n", [(250, (b"a", b""))]),
        (b"550 5.1.1 \xff\x00\r\n", [(550, (b"5.1.1 \xff\x00",))]),
        (b"250 no end", []),
        (b"250-no end\r\n", []),
    ],
)
def test_reads_replies(octets: bytes, replies: list[tuple[int, tuple[bytes, ...]]]) -> None:
    assert read(octets) == replies
    assert read(*(octets[at : at + 1] for at in range(len(octets)))) == replies


@pytest.mark.parametrize(
    "octets",
    [
        b"\r\n",
        b"hello\r\n",
        b"150 no\r\n",
        b"600 no\r\n",
        b"2500 no\r\n",
        b"+50 no\r\n",
        b"250_no\r\n",
        b"250-a\r\n251 b\r\n",
        b"250 " + b"x" * 4096 + b"\r\n",
        b"x" * 5000,
        b"250-x\r\n" * 128,
        (b"250-" + b"x" * 4000 + b"\r\n") * 20,
        b"250 ok\r\n" * 17,
    ],
)
def test_refuses_what_is_no_reply(octets: bytes) -> None:
    with pytest.raises(NoSmtpError):
        read(octets)


def test_keeps_what_came_before_the_nonsense() -> None:
    reader = ReplyReader()
    with pytest.raises(NoSmtpError):
        reader.feed(b"250 ok\r\n" + b"x" * 5000)
    assert [reply.code for reply in reader.replies] == [250]


def test_knows_whether_something_is_left() -> None:
    for octets in (b"2", b"250-a\r\n", b"250 a\r\n"):
        reader = ReplyReader()
        assert reader.is_empty()
        reader.feed(octets)
        assert not reader.is_empty()


PIECES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from([b"250 ok\r\n", b"250-", b"354", b" ", b"-", b"\r", b"\n", b"\r\n", b"x" * 3000, b"421 bye\r\n"]),
)


@given(pieces=st.lists(PIECES, max_size=30))
def test_hostile_octets_never_do_more_than_end_the_connection(pieces: list[bytes]) -> None:
    """Whatever comes, in whatever pieces: replies, or the one error, and never more than is allowed."""
    reader = ReplyReader()
    try:
        for piece in pieces:
            reader.feed(piece)
    except NoSmtpError:
        # Nothing more is fed then.
        pass
    assert len(reader.replies) <= LIMITS["replies"]
    for reply in reader.replies:
        assert 200 <= reply.code < 600
        assert len(reply.lines) <= LIMITS["lines"]
        assert sum(map(len, reply.lines)) <= LIMITS["octets"]
        assert len(reply.text) <= 1000
        assert not set(reply.text) & set(map(chr, range(32)))


@given(pieces=st.lists(PIECES, max_size=12), cuts=st.lists(st.integers(0, 3000), max_size=6))
def test_cutting_makes_no_difference(pieces: list[bytes], cuts: list[int]) -> None:
    octets = b"".join(pieces)
    edges = [0, *sorted(min(cut, len(octets)) for cut in cuts), len(octets)]

    def outcome(*parts: bytes) -> object:
        reader = ReplyReader()
        try:
            for part in parts:
                reader.feed(part)
        except NoSmtpError:
            return "no SMTP", [reply.code for reply in reader.replies]
        return [(reply.code, reply.lines) for reply in reader.replies]

    whole = outcome(octets)
    cut = outcome(*(octets[start:end] for start, end in pairwise(edges)))
    assert whole == cut


@given(text=st.text(max_size=1200))
def test_text_is_safe_to_show(text: str) -> None:
    clean = clean_text(text)
    assert len(clean) <= 1000
    assert not any(
        char in clean for char in "\x00\x1b\r\n\x7f\x85\u2028\ufeff\u061c\u200b\u200f\u202a\u202e\u2066\u2069"
    )


@pytest.mark.parametrize("char", "\u061c\u200b\u200e\u200f\u202a\u202e\u2060\u2066\u2069\ufeff")
def test_text_cannot_be_turned_around_or_hidden(char: str) -> None:
    assert clean_text(f"550 {char}exe.png{char}") == "550  exe.png"

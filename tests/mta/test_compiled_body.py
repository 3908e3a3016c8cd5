"""The compiled body gives the bytes of the plain one, whatever the pieces and values are."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mta.compiled_body import CompiledBody
from mta.mime import encode_body

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200) | st.text(
    st.sampled_from("a.= \t\r\n-あ"), max_size=150
)
VALUE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=80)
BODY = st.lists(st.tuples(TEXT, VALUE), max_size=6)

# What quoted-printable takes care of: ends and starts of lines, the 76th column, and what it writes as three bytes.
EDGES = ("", ".", "..", "=", " ", "\t", "a ", "\r\n", "\n", "From ", "-", "--=_b", "é", "あ", "\x00", "\x7f")
LENGTHS = st.integers(70, 80).map("x".__mul__)
LATIN_TEXT = st.lists(st.sampled_from((*EDGES, "\n", "\n", "Dear reader,")) | LENGTHS, max_size=12).map("".join)
VALUES = [*(edge for edge in EDGES if "\n" not in edge), "あ" * 27]
LATIN_VALUE = st.lists(st.sampled_from(VALUES), max_size=4).map("".join) | LENGTHS
LATIN_BODY = st.lists(st.tuples(LATIN_TEXT, LATIN_VALUE), max_size=6)
# Enough of it makes quoted-printable the smaller one, whatever else there is; a little leaves the choice to the rest.
BALLAST = st.sampled_from([0, 1, 3, 10, 40]).map("plain words\n".__mul__)


def joined(body: list[tuple[str, str]], last: str) -> str:
    return "".join(piece + value for piece, value in body) + last


def compiled(body: list[tuple[str, str]], last: str) -> CompiledBody:
    return CompiledBody([*(piece for piece, _value in body), last])


def values_of(body: list[tuple[str, str]]) -> list[bytes]:
    return [value.encode() for _piece, value in body]


@given(BODY, TEXT, st.sampled_from(["", "=_b", "-あ"]))
@example([], "", "")
@example([("", "")], "\n", "")
@example([("あ" * 19, "い" * 19)], "う" * 100, "")
@example([("From ", "x"), ("\nFrom ", "")], "\n", "")
def test_gives_what_the_plain_way_gives(body: list[tuple[str, str]], last: str, boundary: str) -> None:
    pieces = [piece for piece, _value in body]
    if any(piece.endswith("\r") for piece in pieces):
        with pytest.raises(ValueError, match="line end"):
            compiled(body, last)
        return
    assert compiled(body, last).encode(values_of(body), boundary) == encode_body(joined(body, last), boundary)


@given(LATIN_BODY, LATIN_TEXT, BALLAST, st.lists(LATIN_VALUE, min_size=6, max_size=6), st.sampled_from(["", "=_b"]))
@example([("From", " "), (".", "")], "", "x\n", [" "] * 6, "")
@example([("\n", "."), ("\n", " "), ("\n", "")], "\n", "plain words\n" * 40, ["From "] * 6, "-")
def test_quoted_lines_are_those_of_the_plain_way(
    body: list[tuple[str, str]], last: str, ballast: str, others: list[str], boundary: str
) -> None:
    pieces = [*(piece for piece, _value in body), last + ballast]
    assert not any(piece.endswith("\r") for piece in pieces[:-1])
    compiled_body = CompiledBody(pieces)
    values = [value for _piece, value in body]
    # Another mail of the same campaign gets what was kept, and may take the other encoding.
    for own in (values, others[: len(values)], values):
        text = pieces[0] + "".join(value + piece for value, piece in zip(own, pieces[1:], strict=True))
        assert compiled_body.encode([value.encode() for value in own], boundary) == encode_body(text, boundary)


def test_the_value_decides_the_encoding() -> None:
    pieces = ["Dear ", ",\nthank you for reading.\n", "\nBye\n"]
    body = CompiledBody(pieces)
    chosen = []
    for own in ("Taro", "太郎" * 20, "Taro", "", "あ", "From here"):
        encoding, data = body.encode([b"Hanako", own.encode()], "=_b")
        assert (encoding, data) == encode_body("Hanako".join(pieces[:2]) + own + pieces[2], "=_b")
        chosen.append(encoding)
    assert chosen == ["quoted-printable", "base64", *["quoted-printable"] * 3, "base64"]


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 200))
def test_at_every_place_in_a_line(before: int, own: int, after: int) -> None:
    body = CompiledBody(["あ" + "a" * before, "い" * 40 + "b" * after])
    # Twice: the second time from what was kept.
    for _ in range(2):
        assert body.encode([b"v" * own], "") == encode_body("あ" + "a" * before + "v" * own + "い" * 40 + "b" * after)


def test_a_body_too_large_to_keep_all_its_forms() -> None:
    text = "大きな本文です。" * 60_000
    body = CompiledBody(["", text])
    for own in ("", "a", "ab", "あ" * 30):
        assert body.encode([own.encode()], "") == encode_body(own + text)

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

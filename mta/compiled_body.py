"""A body whose shared pieces are encoded once; each mail adds what differs. The oracle is mta.mime.encode_body."""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

from mta.mime import base64_lines, is_quoted_right, may_be_quoted, normalise, quote, quoted_size

# A line of base64 holds 57 bytes in its 76 letters (RFC 2045 section 6.8).
_LINE: Final = 57
# From this size on a piece is worth keeping encoded; shorter ones are encoded together with the values around them.
_WORTH_KEEPING: Final = 512
# What one body may keep of its encoded pieces, in bytes. A piece has up to 57 forms, one for each place in a line.
_MOST_KEPT: Final = 2_000_000


class CompiledBody:
    """A text cut at the places that differ: `pieces` are the n + 1 shared ones around n values.

    Raises ValueError where a shared piece ends in the middle of a line end, whose other half a value or the next
    piece could hold.
    """

    def __init__(self, pieces: Sequence[str]) -> None:
        if any(piece.endswith("\r") for piece in pieces[:-1]):
            raise ValueError("a piece ends in the middle of a line end")
        self._pieces = [normalise(piece) for piece in pieces]
        self._size = sum(map(len, self._pieces))
        self._quoted_size = sum(map(quoted_size, self._pieces))
        self._kept: dict[tuple[int, int], tuple[bytes, bytes]] = {}
        self._room = _MOST_KEPT

    def encode(self, values: Sequence[bytes], boundary: str) -> tuple[str, bytes]:
        """Return the transfer encoding and the encoded lines of the body with `values` (UTF-8, no line ends)."""
        end = b"" if self._ends_with_line_end(values) else b"\r\n"
        own_size = sum(map(len, values)) + len(end)
        # The bare sizes of the values first: most texts are decided without a look at each value.
        if may_be_quoted(self._size + own_size, self._quoted_size + own_size):
            quoted = self._encode_quoted(values, end)
            if is_quoted_right(quoted, self._size + own_size, boundary):
                return "quoted-printable", quoted
        return "base64", self._encode_base64(values, end)

    def _ends_with_line_end(self, values: Sequence[bytes]) -> bool:
        for number in range(len(values), -1, -1):
            if self._pieces[number]:
                return self._pieces[number].endswith(b"\r\n")
            if number and values[number - 1]:
                return False
        return False

    @cached_property
    def _quoted_pieces(self) -> list[tuple[bytes, bytes | None, bytes]]:
        """Return for each piece the rest of the line it begins in, its whole lines encoded, and its last line's start.

        A piece without a line end has its text first, and None.
        """
        return [_cut_at_lines(piece) for piece in self._pieces]

    def _encode_quoted(self, values: Sequence[bytes], end: bytes) -> bytes:
        """Encode the lines around the values; those between are kept encoded."""
        lines: list[bytes] = []
        run: list[bytes] = []
        for number, (before, whole, after) in enumerate(self._quoted_pieces):
            if number:
                run.append(values[number - 1])
            run.append(before)
            if whole is not None:
                lines += (quote(b"".join(run)), whole)
                run = [after]
        lines.append(quote(b"".join([*run, end])))
        return b"".join(lines)

    def _encode_base64(self, values: Sequence[bytes], end: bytes) -> bytes:
        """Encode in runs between the large pieces. A run ends anywhere in a line, whose start waits for the rest."""
        lines: list[bytes] = []
        run: list[bytes] = []
        for number, piece in enumerate(self._pieces):
            if number:
                run.append(values[number - 1])
            if len(piece) < _WORTH_KEEPING:
                run.append(piece)
            else:
                run = [self._add_piece(number, _add(b"".join(run), lines), lines)]
        rest = _add(b"".join([*run, end]), lines)
        if rest:
            lines.append(base64_lines(rest))
        return b"".join(lines)

    def _add_piece(self, number: int, rest: bytes, lines: list[bytes]) -> bytes:
        """Append a large piece behind `rest`, the start of a line; return what does not fill its last line."""
        piece, place = self._pieces[number], len(rest)
        if place:
            lines.append(base64_lines(rest + piece[: _LINE - place]))
        # What follows depends only on the place where the piece begins.
        encoded, tail = self._kept.get((number, place)) or self._encode_piece(number, place)
        lines.append(encoded)
        return tail

    def _encode_piece(self, number: int, place: int) -> tuple[bytes, bytes]:
        lines: list[bytes] = []
        tail = _add(self._pieces[number][(_LINE - place) % _LINE :], lines)
        encoded = b"".join(lines), tail
        if len(encoded[0]) <= self._room:
            self._room -= len(encoded[0])
            self._kept[number, place] = encoded
        return encoded


def _cut_at_lines(piece: bytes) -> tuple[bytes, bytes | None, bytes]:
    line, line_end, rest = piece.partition(b"\r\n")
    if not line_end:
        return piece, None, b""
    whole, whole_end, after = rest.rpartition(b"\r\n")
    return line + line_end, quote(whole + whole_end), after


def _add(data: bytes, lines: list[bytes]) -> bytes:
    """Append the full lines of `data`, encoded, and return what is left."""
    full = len(data) // _LINE * _LINE
    if full:
        lines.append(base64_lines(data[:full]))
    return data[full:]

"""Writes CSV in CP932, and beside it which characters it could not hold."""

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from io import StringIO
from tempfile import SpooledTemporaryFile

from django.utils.translation import gettext as _

from lists.csv_writing import CP932_NEIGHBOURS, encode_csv
from lists.zip_streaming import MEMBER_BYTES

# Cells that the report names; of more it says how many they are.
REPORTED = 100_000
# Bytes of the report that are held in memory; more of it waits in a file.
IN_MEMORY = 1024 * 1024
PIECE = 64 * 1024
# Kana whose voiced sound mark is a character of its own, as file names of a Mac have them.
DECOMPOSED = re.compile("[\u3040-\u30ff][\u3099\u309a]")


def write_members(
    pieces: Iterable[tuple[int, bytes]], filename: str, *, member_bytes: int = MEMBER_BYTES
) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Yield the members of a ZIP: the CSV in CP932, then the report of what is in it only as "?".

    `pieces` are whole rows of CSV in UTF-8 with their number, the heading being the first. What does not fit into so many
    bytes goes on in another CSV under the same heading.
    """
    with SpooledTemporaryFile(max_size=IN_MEMORY, mode="w+b") as notes:
        encoder = _Encoder(pieces, notes)
        yield f"{filename}.csv", encoder.encode(member_bytes)
        while encoder.waiting is not None:
            yield f"{filename}_{encoder.part + 1}.csv", encoder.encode(member_bytes)
        yield f"{_('書き出せなかった文字')}.csv", encoder.report()


class _Encoder:
    """Encodes pieces of CSV, and writes down what was lost."""

    def __init__(self, pieces: Iterable[tuple[int, bytes]], notes: "SpooledTemporaryFile[bytes]") -> None:
        self._pieces = iter(pieces)
        # What comes next, None at the end.
        self.waiting = next(self._pieces, None)
        # Files that were begun.
        self.part = 0
        self._notes = notes
        self._labels: list[str] = []
        # Rows of the file so far, its heading among them.
        self._rows = 0
        self._lost = 0

    def encode(self, most: int) -> Iterator[bytes]:
        """Yield the pieces in CP932 as one file of about so many bytes."""
        self.part += 1
        self._rows = size = 0
        if self.part > 1:
            yield self._head()
        while self.waiting is not None and size < most:
            number, piece = self.waiting
            text = piece.decode()
            if not self._labels:
                self._labels = next(csv.reader(StringIO(text, newline="")))
            data = self._encode(text)
            size += len(data)
            self._rows += number
            yield data
            self.waiting = next(self._pieces, None)

    def _head(self) -> bytes:
        buffer = StringIO()
        csv.writer(buffer).writerow(self._labels)
        self._rows = 1
        return buffer.getvalue().encode("cp932", "replace")

    def _encode(self, text: str) -> bytes:
        # Nearly every piece is writable as it stands.
        try:
            return text.encode("cp932")
        except UnicodeEncodeError:
            near = DECOMPOSED.sub(lambda match: unicodedata.normalize("NFC", match[0]), text)
            near = near.translate(CP932_NEIGHBOURS)
        try:
            return near.encode("cp932")
        except UnicodeEncodeError:
            return self._encode_rows(near)

    def _encode_rows(self, text: str) -> bytes:
        buffer = StringIO()
        writer = csv.writer(buffer)
        losses = []
        for number, row in enumerate(csv.reader(StringIO(text, newline="")), start=self._rows + 1):
            writer.writerow(row)
            losses += [
                (number, label, cell) for label, cell in zip(self._labels, row, strict=False) if not is_writable(cell)
            ]
        self._note(losses)
        return buffer.getvalue().encode("cp932", "replace")

    def _note(self, losses: Sequence[tuple[int, str, str]]) -> None:
        kept = losses[: max(REPORTED - self._lost, 0)]
        self._lost += len(losses)
        # Of a file that goes on, "2-15" is line 15 of the second one.
        part = f"{self.part}-" if self.part > 1 else ""
        rows = (_describe_loss(f"{part}{number}", label, cell) for number, label, cell in kept)
        self._notes.write(b"".join(encode_csv(rows, "utf-8")))

    def report(self) -> Iterator[bytes]:
        """Yield the report as CSV in UTF-8 with BOM, which holds every character."""
        headings = [_("行"), _("列"), _("文字"), _("文字コード"), _("元の値"), _("書き出した値")]
        if not self._lost:
            yield from encode_csv([headings, [_("書き出せなかった文字はありません。")]])
            return
        yield from encode_csv([headings])
        self._notes.seek(0)
        while piece := self._notes.read(PIECE):
            yield piece
        if self._lost > REPORTED:
            yield from encode_csv([[_("ほかにも%d件あります。") % (self._lost - REPORTED)]], "utf-8")


def _describe_loss(number: str, label: str, cell: str) -> list[object]:
    lost = [character for character in dict.fromkeys(cell) if not is_writable(character)]
    codes = " ".join(f"U+{ord(character):04X}" for character in lost)
    return [number, label, "".join(lost), codes, cell, cell.encode("cp932", "replace").decode("cp932")]


@lru_cache(maxsize=4096)
def is_writable(text: str) -> bool:
    """Say whether CP932 has every character of a text."""
    try:
        text.encode("cp932")
    except UnicodeEncodeError:
        return False
    return True

"""Opens an Excel workbook (a ZIP of XML files, ECMA-376) with limits on everything a hostile file could blow up."""

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, NoReturn
from xml.parsers import expat

from django.conf import settings
from django.utils.translation import gettext as _

from lists.exceptions import UnreadableFile

# PKWARE APPNOTE 4.3.16 and 4.3.15: the record at the end of a ZIP, and the mark of its 64-bit form before it.
END = b"PK\x05\x06"
END_SIZE = 22
END_64 = b"PK\x06\x07"
END_64_SIZE = 20
LONGEST_COMMENT = 1 << 16
# A workbook has some dozens of parts; the directory of a million entries would fill the memory.
MAX_DIRECTORY = 1 << 20
MAX_PARTS = 2000
# All parts together may unpack to so many times the largest upload.
UNPACKED = 5

PIECE = 1 << 16
# One tag or comment; expat keeps it whole in memory.
MAX_TOKEN = 1 << 20
MAX_DEPTH = 50
# Names of elements and attributes, which the parser keeps all.
MAX_NAMES = 10_000

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]
Text = Callable[[str], None]


class Package:
    """An open workbook. Every read counts against the limit for the whole package."""

    def __init__(self, file: BinaryIO, most: int | None = None) -> None:
        """Open the ZIP, of which at most so many bytes (else as many as an upload may unpack to) are read unpacked.

        Raises UnreadableFile where it is none, is encrypted, or has too many entries.
        """
        _check_directory(file)
        try:
            self.archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, struct.error, ValueError, OSError, NotImplementedError) as error:
            raise _damaged() from error
        self.parts = {info.filename: info for info in self.archive.infolist()}
        if len(self.parts) > MAX_PARTS:
            raise _too_large()
        self.left = settings.UPLOAD_MAX_BYTES * UNPACKED if most is None else most

    def has(self, name: str) -> bool:
        """Say whether there is a part of this name."""
        return name in self.parts

    def size(self, name: str) -> int:
        """Return how large the part says that it is unpacked, in bytes; it may lie."""
        return self.parts[name].file_size

    def read(self, name: str) -> Iterator[bytes]:
        """Yield a part unpacked, in pieces; raises UnreadableFile where it is damaged or beyond the limit."""
        info = self.parts.get(name)
        if info is None:
            raise _damaged()
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _damaged()
        try:
            with self.archive.open(info) as part:
                while piece := part.read(PIECE):
                    self.left -= len(piece)
                    if self.left < 0:
                        raise _too_large()
                    yield piece
        # RuntimeError: the part is encrypted or packed in a way unknown here. ValueError: places before the file.
        except (
            zipfile.BadZipFile,
            zlib.error,
            struct.error,
            EOFError,
            OSError,
            RuntimeError,
            ValueError,
        ) as error:
            raise _damaged() from error


def _check_directory(file: BinaryIO) -> None:
    """Look at the ZIP's directory before zipfile reads all of it into memory."""
    size = file.seek(0, 2)
    file.seek(max(0, size - END_SIZE - LONGEST_COMMENT))
    tail = file.read(END_SIZE + LONGEST_COMMENT)
    # As zipfile looks for it: at the very end, else the last one.
    begin = len(tail) - END_SIZE
    if tail[begin : begin + 4] != END or tail[-2:] != b"\0\0":
        begin = tail.rfind(END)
    if begin < 0 or len(tail) - begin < END_SIZE:
        raise _damaged()
    entries, length = struct.unpack("<HL", tail[begin + 10 : begin + 16])
    is_64 = tail[begin - END_64_SIZE : begin - END_64_SIZE + 4] == END_64 if begin >= END_64_SIZE else False
    if is_64 or length > MAX_DIRECTORY or entries > MAX_PARTS:
        raise _too_large()


def parse_part(
    pieces: Iterator[bytes], *, start: Start, end: End | None = None, text: Text | None = None
) -> Iterator[None]:
    """Parse XML piece by piece, calling the handlers, and yield after each piece.

    Raises UnreadableFile for damaged XML, for a document type (where entities would be declared; no
    workbook has one), and for tags, depths or numbers of names that no program writes.
    """
    names: dict[str, str] = {}
    parser = expat.ParserCreate(intern=names)
    depth = 0

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise _damaged()
        start(name if ":" not in name else name.rpartition(":")[2], attributes)

    def finish(name: str) -> None:
        nonlocal depth
        depth -= 1
        if end is not None:
            end(name if ":" not in name else name.rpartition(":")[2])

    parser.StartElementHandler = begin
    parser.EndElementHandler = finish
    parser.StartDoctypeDeclHandler = _refuse_doctype
    if text is not None:
        parser.buffer_text = True
        parser.CharacterDataHandler = text
    fed = 0
    try:
        for piece in pieces:
            parser.Parse(piece, False)
            fed += len(piece)
            if fed - parser.CurrentByteIndex > MAX_TOKEN or len(names) > MAX_NAMES:
                raise _damaged()
            yield
        parser.Parse(b"", True)
    # LookupError and ValueError: the part says that it is written in an encoding that the parser does not have.
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise _damaged() from error
    yield


def _refuse_doctype(*_declaration: object) -> NoReturn:
    raise _damaged()


def _damaged() -> UnreadableFile:
    return UnreadableFile(
        _(
            "Excelのブックとして読めません。壊れているか、パスワードが付いている可能性があります。Excelで開いて"
            "「Excelブック(.xlsx)」または「CSV UTF-8」で保存し直し、もう一度アップロードしてください。"
        )
    )


def _too_large() -> UnreadableFile:
    return UnreadableFile(
        _("Excelのブックの中身が大きすぎます。必要なシートだけを「CSV UTF-8」で保存し、アップロードしてください。")
    )

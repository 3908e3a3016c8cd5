"""Tells rows that were written in another encoding than their file, also where every byte of them can be read.

UTF-8 read as CP932 gives kanji that nobody writes (山田 becomes 螻ｱ逕ｰ), and a known name would be replaced by them. Of
a million honest names, words and lines made of IPADIC one word (辷らせ) is taken for another encoding; of the UTF-8 ones that can be
read as CP932 nearly all are found, of the EUC-JP ones about half of the names and nine in ten rows with a postal address (two
kanji of EUC-JP can be a name in half-width kana). Half-width kana of CP932 in an EUC-JP file are kanji as good as others.
"""

import codecs
import re
from collections.abc import Iterable, Sequence
from functools import cache

from lists.csv_encoding import judge_text

# What people call the codecs in which a row may really be written.
NAMES = {"utf-8": "UTF-8", "cp932": "Shift_JIS", "euc_jp": "EUC-JP"}
# Codec of a file → the others in which rows of it can be told though all their bytes can be read.
OTHERS = {"cp932": ["utf-8", "euc_jp"], "euc_jp": ["utf-8"], "euc_jis_2004": ["utf-8"]}
# Codec of a file → the others in which rows may be written that cannot be read.
ELSEWHERE = {"utf-8-sig": ["cp932", "euc_jp"], "cp932": ["utf-8"], "euc_jp": ["utf-8"], "euc_jis_2004": ["utf-8"]}
# A byte that could not be read, as `keep_bytes` leaves it; and what is UTF-8 all the same: three bytes fit together in no
# text of another encoding, two often do.
UNREAD = re.compile("\ufffd([\udc80-\udcff])")
READ = re.compile("[\u0800-\ud7ff\ue000-\ufffc\U00010000-\U0010ffff]")
KEEP_BYTES = "lists.keep_bytes"
# Kanji of JIS level 2 and characters of private use. Each text of UTF-8 that is read as CP932 or EUC-JP has some.
RARE = "\ue000-\uf8ff" + "".join(
    bytes([row, cell]).decode("euc_jp", "ignore") for row in range(0xD0, 0xF5) for cell in range(0xA1, 0xFF)
)
# Bytes of UTF-8: of Japanese the first of a character (kana and kanji), and those that follow it.
FIRST = range(0xE3, 0xEA)
LATER = range(0x80, 0xC0)
# Half-width marks that stand anywhere.
MARKS = re.compile("[｡-･]")
# What no Japanese text has outside ASCII (two bytes of UTF-8), and what it is made of (three).
NOT_JAPANESE = re.compile("[\x80-\u07ff]")
JAPANESE = re.compile("[\u0800-\uffff]")


def keep_bytes(error: UnicodeError) -> tuple[str, int]:
    """Error handler of a decoder: U+FFFD for each byte that cannot be read, followed by the byte (as PEP 383 has it)."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    unread = error.object[error.start : error.end]
    return "".join("\ufffd" + chr(0xDC00 + byte) if byte >= 0x80 else "\ufffd" for byte in unread), error.end


codecs.register_error(KEEP_BYTES, keep_bytes)


@cache
def strange_text(encoding: str) -> re.Pattern[str] | None:
    """Return what is found in nearly every text that `find_other_encoding` can tell, and in hardly any other.

    None where nothing can be told.
    """
    if encoding not in OTHERS:
        return None
    begins = _read_pairs(encoding, FIRST, LATER)
    goes_on = _read_pairs(encoding, LATER, FIRST) + _read_pairs(encoding, LATER, [None])
    return re.compile(
        # One set to look for, which is fast; then whether it stands where it does in no other text.
        rf"[{RARE}ﾞﾟｧ-ｰ](?:(?<=[{begins}])(?=[{goes_on}])|(?<=[{RARE}])(?=[｡-ﾟ])|(?<=[｡-ﾟ][{RARE}])"
        r"|(?<=[ﾞﾟｧ-ｰ])(?<![ｳｶ-ﾄﾊ-ﾎ]ﾞ)(?<![ﾊ-ﾎ]ﾟ)(?<![ｦ-ﾟ][ｧ-ｰ]))"
    )


def _read_pairs(encoding: str, firsts: Iterable[int], seconds: Iterable[int | None]) -> str:
    """Return the characters that these bytes are, as a set of an expression."""
    pairs = [bytes([first] if second is None else [first, second]) for first in firsts for second in seconds]
    readings = (pair.decode(encoding, "ignore") for pair in pairs)
    return re.escape("".join(reading for reading in readings if len(reading) == 1))


def find_other_encoding(cells: Sequence[str], encoding: str) -> str:
    """Return the codec in which a row, or a cell of it, was really written, one of NAMES; "" for `encoding`."""
    line = "\n".join(cells)
    strange = strange_text(encoding)
    if not UNREAD.search(line) and not (strange and strange.search(line)):
        return ""
    return next((found for text in (line, *cells) if (found := _find_codec(text, encoding))), "")


def restore_cells(cells: Sequence[str], encoding: str) -> list[str]:
    """Return the cells of a row that is in another encoding than its file as they were written, as far as it is known.

    U+FFFD stays where a byte belongs to no encoding that is known here.
    """
    codec = _find_codec("\n".join(cells), encoding)
    return [_reread(cell, encoding, codec or _find_codec(cell, encoding)) for cell in cells]


def _find_codec(text: str, encoding: str) -> str:
    if UNREAD.search(text):
        # Where other characters could be read, it is a damaged row of the file's own encoding.
        is_damaged = encoding == "utf-8-sig" and READ.search(text)
        costs: dict[str, float] = {}
        for other in [] if is_damaged else ELSEWHERE.get(encoding, []):
            if (reading := _read_as(other, text, encoding)) is not None:
                cost, characters = judge_text(reading)
                # Nobody's name is nothing but rare characters.
                costs |= {other: cost} if cost < characters else {}
        return min(costs, key=lambda other: costs[other], default="")
    strange = strange_text(encoding)
    if text.isascii() or strange is None or not strange.search(text):
        return ""
    return next((other for other in OTHERS[encoding] if _is_really(other, text, encoding)), "")


def _reread(text: str, encoding: str, codec: str) -> str:
    reading = _read_as(codec, text, encoding) if codec else None
    return UNREAD.sub("\ufffd", text) if reading is None else reading


def _read_as(other: str, text: str, encoding: str) -> str | None:
    """Return how a text that was read by `encoding` reads by another codec, None where it does not."""
    # The codec of a file with a byte order mark would write one.
    codec = encoding.removesuffix("-sig")
    try:
        return UNREAD.sub(r"\1", text).encode(codec, "surrogateescape").decode(other)
    except UnicodeError:
        return None


def _is_really(other: str, text: str, encoding: str) -> bool:
    reading = _read_as(other, text, encoding)
    if reading is None:
        return False
    cost, present = judge_text(reading)[0], judge_text(text)[0]
    characters = len(JAPANESE.findall(reading))
    if other == "euc_jp":
        # One kanji may be any two half-width kana.
        return characters > 1 and 1 <= present - len(MARKS.findall(text)) > cost
    # Two kanji of CP932 can be one of UTF-8 and an ASCII character, or one of four bytes.
    is_coincidence = characters < 3 and (not characters or _ascii_of(reading) != _ascii_of(text))
    return cost <= present and not is_coincidence and not NOT_JAPANESE.search(reading)


def _ascii_of(text: str) -> str:
    return "".join(character for character in text if character.isascii())

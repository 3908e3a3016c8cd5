"""Finds out in which encoding a CSV file is written: strict trials, then the most plausible reading wins."""

from dataclasses import dataclass
from typing import BinaryIO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lists.exceptions import UnreadableFile

# Name of Python's codec → what people call it; also the choices of the selector (F2).
ENCODINGS = {
    "utf-8-sig": gettext_lazy("UTF-8(BOMの有無は問いません)"),
    "cp932": gettext_lazy("Shift_JIS(Windows・Excel、CP932)"),
    "utf-16": gettext_lazy("UTF-16(Excelの「Unicodeテキスト」)"),
    "utf-16-le": gettext_lazy("UTF-16LE(BOMなし)"),
    "utf-16-be": gettext_lazy("UTF-16BE(BOMなし)"),
    "euc_jp": gettext_lazy("EUC-JP"),
    "euc_jis_2004": gettext_lazy("EUC-JP(JIS2004)"),
    "iso2022_jp_ext": gettext_lazy("ISO-2022-JP(JIS)"),
    "iso2022_jp_2004": gettext_lazy("ISO-2022-JP(JIS2004)"),
}
# In the order in which a tie is decided. CP932 stands before EUC-JP: half-width kana of an even number
# read as kanji in EUC-JP, and far more files come from Excel than from old Unix systems.
EIGHT_BIT = ("utf-8-sig", "cp932", "euc_jp", "euc_jis_2004")
SEVEN_BIT = ("iso2022_jp_ext", "iso2022_jp_2004")

CHUNK = 1 << 20
# So much of the file, from its first byte outside ASCII on, is read in each candidate.
SAMPLE = 1 << 18
HEAD = 4096
# Reading characters that nobody writes costs so much on average where the guess is wrong.
WORST_COST = 4.0
WORST_AVERAGE = 0.6

# What other programs write at the start of files that people take for CSV.
WORKBOOK_HEAD = b"PK\x03\x04"
# The compound file of Excel 97 to 2003, and of every workbook with a password.
COMPOUND_HEAD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
OTHER_FORMATS = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x1f\x8b", b"{\\rtf", b"SQLite format 3")

# Kanji of JIS level 1 (rows 0xB0 to 0xCF of EUC-JP): nearly all that a list of names and addresses contains.
LEVEL_1 = frozenset(
    bytes([row, cell]).decode("euc_jp", "ignore") for row in range(0xB0, 0xD0) for cell in range(0xA1, 0xFF)
)
TAKES_DAKUTEN = frozenset("ｳｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾊﾋﾌﾍﾎ")
TAKES_HANDAKUTEN = frozenset("ﾊﾋﾌﾍﾎ")


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass over a file's bytes found. `sample` begins near the first byte outside ASCII."""

    size: int
    newlines: int
    has_nul: bool
    head: bytes
    sample: bytes
    is_whole: bool


def scan_file(file: BinaryIO) -> Scan:
    """Read the file once from its beginning, in pieces, and return what was found."""
    file.seek(0)
    size = newlines = 0
    has_nul = is_whole = False
    head = sample = b""
    while chunk := file.read(CHUNK):
        head = head or chunk[:HEAD]
        size += len(chunk)
        newlines += chunk.count(b"\n") or chunk.count(b"\r")
        has_nul = has_nul or b"\0" in chunk
        if sample:
            sample, is_whole = (sample + chunk)[:SAMPLE], is_whole and len(sample) + len(chunk) <= SAMPLE
        elif not chunk.isascii() or b"\x1b" in chunk:
            rest = chunk[_first_special(chunk) :]
            sample, is_whole = rest[:SAMPLE], len(rest) <= SAMPLE
    return Scan(size, newlines, has_nul, head, sample, is_whole)


def _first_special(chunk: bytes) -> int:
    """Return where the ASCII text before the first escape or byte outside ASCII begins to matter."""
    # Everything before is ASCII, so a character begins at every byte of it.
    first = next(index for index, byte in enumerate(chunk) if byte >= 0x80 or byte == 0x1B)
    return max(0, first - 2)


def detect_encoding(scan: Scan) -> str:
    """Return the codec's name, one of ENCODINGS; raises UnreadableFile where nothing fits."""
    _refuse_other_formats(scan.head)
    if scan.head.startswith(b"\xef\xbb\xbf"):
        encoding = "utf-8-sig"
    elif scan.head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    elif scan.has_nul and (wide := _detect_wide(scan.head)):
        return wide
    elif not scan.sample:
        encoding = "utf-8-sig"
    elif scan.sample.isascii():
        encoding = _most_plausible(scan, SEVEN_BIT)
    else:
        encoding = _most_plausible(scan, EIGHT_BIT)
    if scan.has_nul:
        raise UnreadableFile(
            _("ファイルの中にNUL文字(値が0の文字)があります。壊れていないか確かめ、CSV形式で保存し直してください。")
        )
    return encoding


def _refuse_other_formats(head: bytes) -> None:
    if head.startswith(COMPOUND_HEAD):
        raise UnreadableFile(
            _(
                "古い形式のExcelブック(.xls)か、パスワード付きのExcelブックのため、読み込めません。Excelで開き、パスワードを"
                "外して「Excelブック(.xlsx)」または「CSV UTF-8」で保存し直したファイルをお使いください。"
            )
        )
    if head.startswith(WORKBOOK_HEAD):
        raise UnreadableFile(
            _(
                "Excelのブック(または圧縮ファイル)はそのままでは読み込めません。Excelの「名前を付けて保存」で"
                "「CSV UTF-8(コンマ区切り)」を選んで保存したファイルをお使いください。"
            )
        )
    if head.startswith(OTHER_FORMATS):
        raise UnreadableFile(_("CSVファイルではないようです。CSV形式で保存したファイルをお選びください。"))


def _detect_wide(head: bytes) -> str:
    """Tell UTF-16 without BOM by the zero halves of its ASCII characters; "" where it is not."""
    pairs = len(head) // 2
    low_zeros, high_zeros = head[0::2].count(0), head[1::2].count(0)
    for encoding, zeros, others in (("utf-16-le", high_zeros, low_zeros), ("utf-16-be", low_zeros, high_zeros)):
        if others * 20 > zeros:
            continue
        # Where little of it is ASCII, an address still is.
        if zeros * 4 >= pairs or (zeros * 25 >= pairs and "@" in head.decode(encoding, "replace")):
            return encoding
    return ""


def _most_plausible(scan: Scan, candidates: tuple[str, ...]) -> str:
    strict = [encoding for encoding in candidates if _decodes(scan, encoding)]
    # Where one damaged row keeps every candidate from decoding, the row is refused later, not the file.
    costs = {encoding: judge_text(scan.sample.decode(encoding, "replace")) for encoding in strict or candidates}
    best = min(costs, key=lambda encoding: costs[encoding][0])
    cost, characters = costs[best]
    if cost > WORST_COST and cost > WORST_AVERAGE * characters:
        raise UnreadableFile(
            _(
                "文字コードを判別できませんでした。UTF-8、Shift_JIS、UTF-16、EUC-JP、ISO-2022-JP のいずれかで"
                "保存し直してください。"
            )
        )
    return best


def _decodes(scan: Scan, encoding: str) -> bool:
    try:
        scan.sample.decode(encoding)
    except UnicodeDecodeError as error:
        # The sample's end may cut a character in two; anything further inside is wrong.
        return not scan.is_whole and error.start >= len(scan.sample) - 8
    return True


def judge_text(text: str) -> tuple[float, int]:
    """Return how implausible the text is for a Japanese list, and its number of characters outside ASCII."""
    cost, characters, previous = 0.0, 0, ""
    for character, following in zip(text, (text + "\n")[1:], strict=True):
        if not character.isascii():
            characters += 1
            cost += _character_cost(character, previous, following)
        previous = character
    return cost, characters


def _character_cost(character: str, previous: str, following: str) -> float:
    code = ord(character)
    if 0x3000 <= code <= 0x30FF or 0xFF01 <= code <= 0xFF5E or code >= 0x1F000:
        return 0.0
    if 0x4E00 <= code <= 0x9FFF:
        return 0.0 if character in LEVEL_1 else 1.0
    if 0xFF61 <= code <= 0xFF9F:
        return _half_width_cost(character, previous)
    if 0x2000 <= code <= 0x2BFF or 0x3200 <= code <= 0x33FF or 0xFFE0 <= code <= 0xFFE6:
        return 0.2
    if 0xC0 <= code <= 0x24F:
        # "José": an accented letter stands beside plain ones, half-width kana does not.
        return 0.0 if any(letter.isascii() and letter.isalpha() for letter in (previous, following)) else 1.0
    if code < 0xA0 or 0xE000 <= code <= 0xF8FF or code == 0xFFFD:
        return 4.0
    return 1.0


def _half_width_cost(character: str, previous: str) -> float:
    if character in "｡｢｣､･":
        return 1.0
    if character == "ﾞ":
        return 0.0 if previous in TAKES_DAKUTEN else 2.0
    if character == "ﾟ":
        return 0.0 if previous in TAKES_HANDAKUTEN else 2.0
    if character in "ｧｨｩｪｫｬｭｮｯｰ":
        return 0.0 if "ｦ" <= previous <= "ﾟ" else 2.0
    return 0.0

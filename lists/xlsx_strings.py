"""The shared texts of an Excel workbook: cells name them by number. Kept in a file, as there may be millions."""

from array import array
from tempfile import TemporaryFile

from django.utils.translation import gettext as _

from lists.csv_reading import MAX_ROW
from lists.exceptions import UnreadableFile
from lists.xlsx_package import Package, parse_part
from lists.xlsx_values import unescape

MAX_STRINGS = 10_000_000
# Bytes that are read at once: cells mostly name texts that stand side by side.
WINDOW = 1 << 18


class SharedStrings:
    """The texts that cells refer to by number, kept in a file beside the memory."""

    def __init__(self, package: Package, part: str, most: int) -> None:
        self.ends = array("Q")
        self.file = TemporaryFile()  # noqa: SIM115  Closed with the workbook.
        self.most = most
        self.is_whole = True
        self.window = b""
        self.window_began = 0
        try:
            if package.has(part):
                self._load(package, part)
        except BaseException:
            self.file.close()
            raise

    def _load(self, package: Package, part: str) -> None:
        collector = TextCollector()
        size = 0
        for _piece in parse_part(package.read(part), start=collector.start, end=collector.end, text=collector.text):
            for text in collector.texts:
                data = text.encode()
                size += len(data)
                self.file.write(data)
                self.ends.append(size)
            collector.texts.clear()
            if len(self.ends) > self.most:
                self.is_whole = False
                break
        if not self.is_whole and self.most >= MAX_STRINGS:
            raise UnreadableFile(_("Excelのブックの中身が大きすぎます。「CSV UTF-8」で保存してください。"))
        self.file.flush()

    def get(self, number: int) -> str:
        """Return a text; raises UnreadableFile where the workbook has none of this number."""
        if not 0 <= number < len(self.ends):
            if self.is_whole:
                raise UnreadableFile(_("Excelのブックが壊れています。Excelで開いて保存し直してください。"))
            return "…"
        begin, end = (self.ends[number - 1] if number else 0), self.ends[number]
        if begin < self.window_began or end > self.window_began + len(self.window):
            self.file.seek(begin)
            self.window = self.file.read(max(WINDOW, end - begin))
            self.window_began = begin
        return self.window[begin - self.window_began : end - self.window_began].decode()

    def close(self) -> None:
        """Let the file go."""
        self.file.close()


class TextCollector:
    """Collects the text of each <si> from its <t>, without readings (<rPh>, furigana)."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.parts: list[str] = []
        self.size = 0
        self.is_text = False
        self.is_reading = False

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        if name == "t":
            self.is_text = not self.is_reading
        elif name == "rPh":
            self.is_reading = True
        elif name == "si":
            self.parts, self.size = [], 0

    def text(self, data: str) -> None:
        if self.is_text:
            self.size += len(data)
            check_size(self.size)
            self.parts.append(data)

    def end(self, name: str) -> None:
        if name == "t":
            self.is_text = False
        elif name == "rPh":
            self.is_reading = False
        elif name == "si":
            self.texts.append(unescape("".join(self.parts)))


def check_size(size: int) -> None:
    """Raise UnreadableFile where so many characters are too many for one row."""
    if size > MAX_ROW:
        raise UnreadableFile(_("Excelのブックに長すぎる値があります(1行は%d文字まで)。") % MAX_ROW)


def number_of(text: str) -> int:
    """Return a number of at most nine digits, 0 for anything else."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0

"""How a mail looks in the list of an inbox: sender, subject and the first words, cut as mail programs cut them.

No maker publishes widths. Those here are how many letters fit in the text column of each list at its usual size: of a
phone with a screen of 390 points, and of a browser window of 1,280 pixels. Others show more or less.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

# Joins two characters to one picture.
JOINER: Final = "\u200d"
# What colours or shapes the character before it, beside combining marks.
MODIFIERS: Final = (range(0x1F3FB, 0x1F400), range(0xFE00, 0xFE10), range(0xE0020, 0xE0080), range(0xFF9E, 0xFFA0))
FLAGS: Final = range(0x1F1E6, 0x1F200)
ELLIPSIS: Final = "…"


@dataclass(frozen=True, slots=True)
class InboxLine:
    """What a list shows of a mail; `client` is the mail program."""

    client: str
    sender: str
    subject: str
    preview: str


def inbox_lines(sender: str, subject: str, preheader: str, text: str) -> list[InboxLine]:
    """Return what lists show; all four with their merge tags filled. `text` is the text part.

    Where there is no preheader, lists show the first words of the mail.
    """
    sender, subject = (" ".join(line.split()) for line in (sender, subject))
    preview = " ".join(preheader.split()) or first_words(text)
    on_one_line = cut(subject, 76)
    return [
        # Subject 15 points wide, two lines of preview.
        InboxLine(_("iPhoneのメール"), cut(sender, 32), cut(subject, 44), cut(preview, 88)),
        InboxLine(_("Gmail(スマートフォン)"), cut(sender, 34), cut(subject, 42), cut(preview, 44)),
        # The preview has what the subject leaves of the line.
        InboxLine(_("Gmail(パソコン)"), cut(sender, 20), on_one_line, cut(preview, max(0, 104 - width(on_one_line)))),
        InboxLine(_("Yahoo!メール(スマートフォン)"), cut(sender, 34), cut(subject, 42), cut(preview, 42)),
    ]


def first_words(text: str) -> str:
    """Return the beginning of a text part on one line, without rules and the addresses of pages."""
    text = re.sub(r"https?://[!-~]+|[━─=*\-_#]{3,}", " ", text[:2000])
    return " ".join(text.split())


def width(text: str) -> int:
    """Return the columns that a text takes: two for a full-width letter or a picture, one for others."""
    return sum(_columns(letter) for letter in letters(text))


def cut(text: str, columns: int) -> str:
    """Return as much of a text as so many columns show; where it is cut, it ends in an ellipsis within them.

    A letter is never cut in itself, nor is it parted from the marks on it (F8 has the same for subjects).
    """
    if width(text) <= columns:
        return text
    shown, used = "", _columns(ELLIPSIS)
    for letter in letters(text):
        used += _columns(letter)
        if used > columns:
            break
        shown += letter
    return shown.rstrip() + ELLIPSIS if columns >= _columns(ELLIPSIS) else ""


def letters(text: str) -> Iterator[str]:
    """Yield what people see as one letter: a character with the marks on it, a flag, pictures joined to one.

    A short form of https://unicode.org/reports/tr29/ that knows the letters of Japanese mails.
    """
    letter = ""
    for char in text:
        if letter and _goes_on(letter, char):
            letter += char
        else:
            if letter:
                yield letter
            letter = char
    if letter:
        yield letter


def _goes_on(letter: str, char: str) -> bool:
    if (
        char == JOINER
        or letter[-1] == JOINER
        or unicodedata.combining(char)
        or unicodedata.category(char) in ("Mn", "Me")
    ):
        return True
    if any(ord(char) in part for part in MODIFIERS):
        return True
    return ord(char) in FLAGS and len(letter) == 1 and ord(letter) in FLAGS


def _columns(letter: str) -> int:
    return 2 if unicodedata.east_asian_width(letter[0]) in "WFA" or "\ufe0f" in letter or ord(letter[0]) in FLAGS else 1

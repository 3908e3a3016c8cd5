"""Notices domains that look like others: mixed scripts, letters that look alike, one slip from a provider's name; pure."""

import re
import unicodedata

from django.utils.translation import gettext as _

from senders.domain_names import guess_zone, to_unicode

# Providers whose names people mistype, and others imitate.
KNOWN = (
    "gmail.com",
    "yahoo.co.jp",
    "docomo.ne.jp",
    "ezweb.ne.jp",
    "softbank.ne.jp",
    "icloud.com",
    "outlook.com",
    "outlook.jp",
    "hotmail.com",
    "hotmail.co.jp",
    "rakuten.co.jp",
    "amazon.co.jp",
    "apple.com",
    "microsoft.com",
    "google.com",
)
# Those of them that have this one domain alone: under another suffix it is somebody else's.
ONLY = ("gmail.com", "icloud.com", "ezweb.ne.jp")
# Scripts that stand together in one language (UTS #39 section 5.1, Japanese and Korean); the others are alone.
TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
SCRIPT_WORDS = {
    "LATIN": "ラテン文字",
    "CYRILLIC": "キリル文字",
    "GREEK": "ギリシャ文字",
    "CJK": "漢字",
    "HIRAGANA": "ひらがな",
    "KATAKANA": "カタカナ",
    "HANGUL": "ハングル",
}
# Letters of other scripts that look like Latin ones in most fonts (from the confusables of UTS #39).
LIKE_LATIN = str.maketrans(
    "абвгдеіјкмнорсһтухѕԁԛԝѵӏαβγεικνορτυχωıɡ",
    "a6brdeijkmhopchtyxsdqwvlabyeikvoptuxwig",
)
# Digits and pairs that are read as letters.
LIKE_LETTERS = (("0", "o"), ("1", "l"), ("rn", "m"), ("vv", "w"), ("cl", "d"))
# Letters that are one stroke: they are told apart in none of many fonts, "I" for "l" least of all.
STROKES = str.maketrans("i", "l")
# Keys of a keyboard, row over row, each a little to the right of the one above it.
KEYS = ("1234567890-", "qwertyuiop", "asdfghjkl", "zxcvbnm,.")
# Chinese characters that look like katakana.
LIKE_KATAKANA = dict(zip("力口工二八夕卜一三千", "カロエニハタトーミチ", strict=True))
# Where they are surely meant: words that are written so, counts ("八ヶ岳", "三ツ矢"), and a first 一, since ー begins no word.
SURELY_CHINESE = re.compile("口コミ|口パク|夕メシ|千ベロ|(?<![ァ-ヺー])(?:[一二三八千][ツヶケヵカノ](?=[一-鿿])|一)")


def find_lookalike(domain: str) -> str:
    """Return a sentence that says what a domain (ASCII) may be mistaken for; empty where nothing strikes."""
    name = to_unicode(domain)
    for label in name.split("."):
        if warning := judge_scripts(label):
            return warning
    known = find_known(name)
    if known:
        return _("「%(name)s」は「%(known)s」とよく似ています。入力の誤りがないか、確認してください。") % {
            "name": name,
            "known": known,
        }
    return ""


def judge_scripts(label: str) -> str:
    """Return what is to be known of the letters of a label; empty where nothing is."""
    scripts = {script_of(char) for char in label} - {""}
    if len(scripts) > 1 and not any(scripts <= together for together in TOGETHER):
        return _(
            "「%(label)s」には、見た目の似た別の文字(%(scripts)s)が混ざっています。なりすましと疑われることがあります。"
        ) % {
            "label": label,
            "scripts": _("、").join(SCRIPT_WORDS.get(script, script.title()) for script in sorted(scripts)),
        }
    rest = SURELY_CHINESE.sub(lambda found: " " * len(found[0]), label)
    for before, char, after in zip(f" {rest[:-1]}", rest, f"{rest[1:]} ", strict=True):
        like = LIKE_KATAKANA.get(char)
        if (
            like
            and "KATAKANA" in (script_of(before), script_of(after))
            and "CJK" not in (script_of(before), script_of(after))
        ):
            return _(
                "「%(label)s」の「%(char)s」は漢字で、カタカナの「%(like)s」と見分けがつきません。入力の誤りがないか、確認してください。"
            ) % {
                "label": label,
                "char": char,
                "like": like,
            }
    return ""


def script_of(char: str) -> str:
    """Return the script of a character, the first word of its name; empty for digits, hyphens and marks of all scripts."""
    if not unicodedata.category(char).startswith("L") or char == "ー":
        return ""
    return unicodedata.name(char, "").partition(" ")[0]


def find_known(name: str) -> str:
    """Return the provider's domain that a name, or what it lies below, looks like without being it; empty where there is none.

    So does one that begins with the provider's and ends with the domain of somebody else: that of google.com.br is google.com.br.
    """
    if any(f".{name}".endswith(f".{known}") for known in KNOWN):
        return ""
    labels = name.split(".")
    zone = guess_zone(name).split(".")
    for known in KNOWN:
        length = known.count(".") + 1
        if is_one_slip(shape_of(".".join(labels[-length:])), shape_of(known)):
            return known
        starts = {*range(len(labels) - len(zone)), max(len(labels) - length, 0)}
        if any(glance_at(".".join(labels[start : start + length])) == glance_at(known) for start in starts):
            return known
        if known in ONLY and zone[0] == known.partition(".")[0]:
            return known
    return ""


def glance_at(name: str) -> str:
    """Return the shape of a name in which letters of one stroke are alike, too."""
    return shape_of(name).translate(STROKES)


def shape_of(name: str) -> str:
    """Return a name in Latin letters, those alike for which its own are taken at a glance (a "skeleton" of UTS #39 section 4)."""
    shape = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    shape = shape.translate(LIKE_LATIN)
    for seen, read in LIKE_LETTERS:
        shape = shape.replace(seen, read)
    return shape


def is_one_slip(text: str, known: str) -> bool:
    """Say whether one slip of the fingers makes `text` of `known`: two letters in the wrong order, one left out, one typed twice,
    or the key beside it.

    Another letter than that, or another first one, is rather another name: "ymail" and "apply" are none of gmail and apple.
    """
    if text[:1] != known[:1] or text == known:
        return False
    start = next((at for at, (one, other) in enumerate(zip(text, known, strict=False)) if one != other), None)
    if start is None:
        # One goes on where the other ends.
        return known[:-1] == text or known + known[-1:] == text
    rest, known_rest = text[start:], known[start:]
    return (
        rest == known_rest[1:]
        or (rest[:1] == text[start - 1] and rest[1:] == known_rest)
        or (rest[1:] == known_rest[1:] and are_neighbours(rest[0], known_rest[0]))
        or (rest[:2] == known_rest[1::-1] and rest[2:] == known_rest[2:])
    )


def are_neighbours(one: str, other: str) -> bool:
    """Say whether two characters lie beside each other on a keyboard."""
    places = {key: (row, at) for row, keys in enumerate(KEYS) for at, key in enumerate(keys)}
    if one not in places or other not in places:
        return False
    (upper, left), (lower, right) = sorted((places[one], places[other]))
    return (lower - upper, right - left) in ((0, 1), (1, 0), (1, -1))

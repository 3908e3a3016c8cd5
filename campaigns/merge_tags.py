"""Merge tags (差し込み項目): `{{name|お客様}}` is replaced by a value. Token substitution, never a template engine."""

import html
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from campaigns.tag_formats import FORMATS, find_value, split_format
from campaigns.tag_words import FIXED_TAGS, TAG
from lists.attributes import attribute_names, attributes_of

# What is left of braces once the tags are taken out: doubled ones of either width, or one around a known word.
BROKEN = re.compile(r"[{｛]{2}[^{}｛｝\r\n]{0,30}[}｝]{0,2}|\{(?:name|address)\}")
# In HTML a style sheet may end in two braces.
BROKEN_END = re.compile(r"[^{}｛｝\r\n]{0,30}[}｝]{2}")
# What stands for a missing value where a tag is picked from the list.
FALLBACKS = {"name": _("お客様")}


def known_tags(workspace: Workspace) -> list[str]:
    """Return the tags that may be used in the workspace's mailings."""
    return [*FIXED_TAGS, *attribute_names(workspace)]


def offer_tags(workspace: Workspace) -> list[tuple[str, str]]:
    """Return what the editor offers: the text to insert, and its name for people."""
    names = {**FIXED_TAGS, **{found.name: found.label for found in attributes_of(workspace)}}
    return [
        ("{{" + "|".join(filter(None, (tag, str(FALLBACKS.get(tag, ""))))) + "}}", str(names[tag])) for tag in names
    ]


def find_tags(text: str) -> list[str]:
    """Return the names of the tags in a text, in order, each once."""
    return list(dict.fromkeys(match[1] for match in TAG.finditer(text)))


def unknown_tags(workspace: Workspace, *texts: str) -> list[str]:
    """Return the tags in the texts that nobody has a value for, each once."""
    known = set(known_tags(workspace))
    return [tag for tag in find_tags("\n".join(texts)) if tag not in known and split_format(tag)[0] not in known]


def explain_unknown(workspace: Workspace, *texts: str) -> str:
    """Return a sentence about the tags in the texts that nobody has a value for, "" where there is none."""
    unknown = unknown_tags(workspace, *texts)
    known = set(known_tags(workspace))
    for tag in unknown:
        name, _colon, written = tag.replace("：", ":").rpartition(":")
        if name.strip() in known:
            sentence = gettext("差し込み「%(tag)s」の書式「%(format)s」はありません。使える書式は %(formats)s です。")
            return sentence % {"tag": name.strip(), "format": written.strip(), "formats": "、".join(FORMATS)}
    if not unknown:
        return ""
    tags = "、".join("{{" + tag + "}}" for tag in unknown)
    return (
        gettext("差し込み項目 %s は登録されていません。綴りを確かめるか、リストのCSVにその列を加えてください。") % tags
    )


def broken_tags(text: str, *, is_html: bool = False) -> list[str]:
    """Return the pieces that look like a merge tag gone wrong, such as `{{name}` or full-width braces."""
    left = TAG.sub("", text)
    found = [match[0] for match in BROKEN.finditer(left)]
    if not is_html:
        found += [match[0] for match in BROKEN_END.finditer(BROKEN.sub("", left))]
    return list(dict.fromkeys(piece.strip() for piece in found))


def fill(text: str, values: Mapping[str, str], *, escape: Callable[[str], str] = str) -> str:
    """Replace each tag by its value, or by its fallback where the value is missing or empty.

    `escape` is applied to values and fallbacks alike, so neither can change the markup around it.
    """

    def replace(match: re.Match[str]) -> str:
        return escape(find_value(match[1], values) or (match[2] or "").strip())

    return TAG.sub(replace, text)


@dataclass(frozen=True, slots=True)
class Cut:
    """A text cut at its tags: `pieces` are the n + 1 texts around n tags, each with its name and its fallback."""

    pieces: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]

    def fill(self, values: Mapping[str, str], *, escape: Callable[[str], str] = str) -> list[str]:
        """Return what stands for each tag, as `fill` has it."""
        filled = {tag: escape(find_value(tag[0], values) or tag[1]) for tag in dict.fromkeys(self.tags)}
        return [filled[tag] for tag in self.tags]


def cut(text: str, known: Mapping[str, str], *, escape: Callable[[str], str] = str) -> Cut:
    """Cut a text at its tags; those that `known` names are the same for all and filled at once."""
    pieces, tags, end = [""], [], 0
    for match in TAG.finditer(text):
        pieces[-1] += text[end : match.start()]
        end = match.end()
        fallback = (match[2] or "").strip()
        if match[1] in known or split_format(match[1])[0] in known:
            pieces[-1] += escape(find_value(match[1], known) or fallback)
        else:
            tags.append((match[1], fallback))
            pieces.append("")
    pieces[-1] += text[end:]
    return Cut(tuple(pieces), tuple(tags))


def fill_html(text: str, values: Mapping[str, str]) -> str:
    """Fill tags in HTML: values are escaped for text and for quoted attributes."""
    return fill(text, values, escape=html.escape)


def fill_line(text: str, values: Mapping[str, str]) -> str:
    """Fill tags in a header value: control characters in values become spaces (no header can be added)."""
    return fill(text, values, escape=blank_controls)


def blank_controls(value: str) -> str:
    """Replace control characters and line separators by spaces."""
    if value.isprintable():
        return value
    return "".join(" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in value)

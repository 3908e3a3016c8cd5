"""Looks a finished HTML part over, as a mail program with little patience would: it has to be well-formed and harmless."""

import re

from designs.markup import End, Start, read_pieces

OUTLOOK = re.compile(r"<!--\[if [^\]]*\]>(.*?)<!\[endif\]-->", re.DOTALL)
REGION = re.compile(r"<!--\?([0-9]+)-->(.*?)<!--/\1-->", re.DOTALL)


def fault_of(page: str) -> str:
    """Return what is wrong with an HTML part; "" for a good one."""
    if not page.lower().startswith("<!doctype html>"):
        return "no doctype"
    if not re.match(r'<!doctype html><html lang="ja"', page, re.IGNORECASE):
        return "no language"
    if len(page.encode()) > 102 * 1024:
        return "too large"
    # What Outlook on Windows reads: the content of its comments as elements.
    for_outlook = OUTLOOK.sub(
        lambda match: match[1], page.replace("<!--[if !mso]><!-->", "").replace("<!--<![endif]-->", "")
    )
    return fault_in(page) or fault_in(for_outlook)


def fault_in(page: str) -> str:
    """Return what is wrong with the elements of a page."""
    body = re.sub(r"<style.*?</style>", "<style></style>", page[len("<!doctype html>") :], flags=re.DOTALL)
    open_elements, headings = [], 0
    for piece in read_pieces(body):
        if isinstance(piece, Start):
            if piece.name in ("script", "form", "iframe", "object", "input"):
                return f"a {piece.name}"
            if piece.name == "img" and "alt" not in piece.attributes:
                return "a picture without words"
            if any(name.startswith("on") for name in piece.attributes):
                return "an event"
            if piece.attributes.get("href", "").lower().startswith(("javascript:", "data:")):
                return "a link that runs"
            headings += piece.name == "h1"
            if not piece.is_void:
                open_elements.append(piece.name)
        elif isinstance(piece, End) and (not open_elements or open_elements.pop() != piece.name):
            return f"{piece.name} ends what it did not begin: {open_elements[-3:]}"
    if open_elements:
        return f"open: {open_elements}"
    return "" if headings < 2 else "two titles"


def without_regions(page: str) -> str:
    """Return an HTML part as those see it who fulfil no condition."""
    return REGION.sub("", page)

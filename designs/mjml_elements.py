"""Writes what stands in a column of MJML: headings, text, pictures, buttons, lines and small print."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from designs.blocks import Block, BlockKind, SnsService
from designs.brands import CARD, Look, Paper
from designs.fields import is_link
from designs.markup import End, Start, Text, read_pieces
from designs.tags import TAG, escape, guard

# Pixels and line height of the three sizes of headings, and the room above them.
HEADINGS: Final = {1: (26, 1.45, 16), 2: (21, 1.5, 16), 3: (17, 1.6, 8)}
TEXT_SIZE: Final = "16px"
LINE_HEIGHT: Final = "1.8"
# `palt` sets the marks of Japanese closer, which suits large letters.
TIGHT: Final = "font-feature-settings:'palt';letter-spacing:.03em"
# What a link reads that is a tag alone in a footer.
URL_TAGS: Final = {
    "unsubscribe_url": _("配信停止はこちら"),
    "preferences_url": _("配信設定の変更"),
    "web_url": _("ブラウザーで見る"),
    "allow_url": _("受信設定のご案内"),
}
_URL: Final = r"https?://[^\s<>\"'{}]+|\{\{\s*[a-z]+_url\s*\}\}"
# "配信停止はこちら: {{unsubscribe_url}}" becomes a link of these words.
_LABELLED: Final = re.compile(rf"\s*([^{{}}]{{1,60}}?)\s*[::]\s*({_URL})\s*")


@dataclass(frozen=True, slots=True)
class Setting:
    """What the elements of a mail are written with: the look, and where the stored pictures are loaded from."""

    look: Look
    pictures: Mapping[int, str]
    # The heading that is the title of the whole mail; "" for none.
    title_id: str = ""
    # What the block stands on, of designs.blocks.GROUNDS; those in columns stand on what the columns do.
    ground: str = "none"

    @property
    def paper(self) -> Paper:
        """The colours of that."""
        return self.look.paper(self.ground)

    @property
    def ink(self) -> str:
        """The class of words, which decides their colour where it is dark."""
        return "hm-on" if self.paper.is_band else "hm-ink"


def attributes(**given: object) -> str:
    """Return attributes as MJML has them; those of None are left out. `css_class` is written `css-class`."""
    return "".join(
        f' {name.replace("_", "-")}="{escape(str(value))}"' for name, value in given.items() if value is not None
    )


def write_lines(text: str) -> str:
    """Return a plain text of several lines as HTML."""
    return escape(text).replace("\n", "<br />")


def write_element(block: Block, setting: Setting, room: int) -> str:
    """Return a block as an element of a column that has room for so many pixels; "" for what is not filled in yet."""
    writers = {
        BlockKind.HEADING: write_heading,
        BlockKind.TEXT: write_text_block,
        BlockKind.PICTURE: write_picture,
        BlockKind.BUTTON: write_button,
        BlockKind.DIVIDER: write_divider,
        BlockKind.SNS: write_sns,
        BlockKind.FOOTER: write_footer,
        BlockKind.HTML: write_html,
    }
    return writers[block.kind](block, setting, room)


def write_heading(block: Block, setting: Setting, _room: int) -> str:
    """Return a heading; one of a mail is its h1, the other large ones look like it."""
    text, level, align = block.data["text"], block.data["level"], block.data["align"]
    if not text:
        return ""
    paper = setting.paper
    size, height, above = HEADINGS[level]
    name = f"h{max(level, 2)}" if block.id != setting.title_id else "h1"
    mark = f";border-left:4px solid {paper.mark};padding-left:12px" if level == 2 and align == "left" else ""
    style = f"margin:0;font-size:{size}px;line-height:{height};font-weight:bold;{TIGHT}{mark}"
    outer = attributes(css_class=setting.ink, align=align, padding=f"{above}px 0 12px", color=paper.text)
    return f'<mj-text{outer}><{name} style="{style}">{escape(text)}</{name}></mj-text>'


def write_text_block(block: Block, setting: Setting, _room: int) -> str:
    """Return paragraphs, each element with the style that mail programs would not take from a sheet."""
    if not block.data["html"]:
        return ""
    paper = setting.paper
    align = block.data["align"] if block.data["align"] != "left" else None
    outer = attributes(css_class=setting.ink, align=align, padding="4px 0 0", color=paper.text)
    return f"<mj-text{outer}>{style_rich(block.data['html'], paper)}</mj-text>"


def style_rich(rich: str, paper: Paper) -> str:
    """Return the HTML of `clean_rich`, or of Markdown, with styles in it."""
    styles = {
        "p": "margin:0 0 1em",
        "ul": "margin:0 0 1em;padding-left:1.5em",
        "ol": "margin:0 0 1em;padding-left:1.8em",
        "li": "margin:0 0 .3em",
        "h1": f"margin:.4em 0 .6em;font-size:26px;line-height:1.45;{TIGHT}",
        "h2": f"margin:1em 0 .7em;font-size:21px;line-height:1.5;border-left:4px solid {paper.mark};padding-left:12px;{TIGHT}",
        "h3": "margin:.6em 0 .5em;font-size:17px;line-height:1.6",
        "blockquote": f"margin:0 0 1em;padding:6px 0 1px 14px;border-left:3px solid {paper.rule}",
        "a": f"color:{paper.link};text-decoration:underline",
        "hr": f"border:0;border-top:1px solid {paper.rule};margin:24px 0",
        "img": "max-width:100%;height:auto;border-radius:6px",
        "table": "width:100%;border-collapse:collapse;margin:0 0 1em",
        "th": f"border:1px solid {paper.rule};padding:6px 10px;text-align:left",
        "td": f"border:1px solid {paper.rule};padding:6px 10px",
        "pre": "margin:0 0 1em;white-space:pre-wrap",
    }
    # How many items and quotations are open: a paragraph in them has no room of its own around it.
    written, within, bare = [], 0, False
    for piece in read_pieces(rich):
        if isinstance(piece, Start):
            within += piece.name in ("li", "blockquote")
            style = "margin:0 0 .3em" if piece.name == "p" and within else styles.get(piece.name)
            written.append(write_start(piece, style))
        elif isinstance(piece, End):
            within -= piece.name in ("li", "blockquote")
            # An empty line, as people make it.
            written.append(f"<br /></{piece.name}>" if bare and piece.name == "p" else f"</{piece.name}>")
        elif isinstance(piece, Text):
            written.append(guard(piece.written))
        bare = isinstance(piece, Start) and piece.name == "p"
    return "".join(written)


def write_start(piece: Start, style: str | None) -> str:
    """Return the start of an element with its attributes; a style stands before its own."""
    own = piece.attributes.get("style")
    given = piece.attributes | ({"style": ";".join(filter(None, (style, own)))} if style else {})
    inner = "".join(f' {name}="{escape(value)}"' for name, value in given.items())
    return f"<{piece.name}{inner}{' /' if piece.is_void else ''}>"


def picture_of(data: Mapping[str, Any], setting: Setting) -> str:
    """Return where the picture of a block is loaded from; "" where none is chosen or it is gone."""
    return setting.pictures.get(data["picture"], "") if data["picture"] is not None else data["src"]


def write_picture(block: Block, setting: Setting, room: int) -> str:
    """Return a picture, as wide as it was asked for."""
    data = block.data
    return write_image(
        picture_of(data, setting),
        data["alt"],
        data["href"],
        width=room * data["width"] // 100,
        align=data["align"],
        # One that fills its column on a computer fills it on a phone, too, where columns are wider.
        is_fluid=data["width"] == 100,
    )


def write_image(src: str, alt: str, href: str, *, width: int, align: str = "center", is_fluid: bool = True) -> str:
    """Return a picture that fills `width` pixels, or less where there is less room."""
    if not src:
        return ""
    given = attributes(src=src, alt=alt, href=href or None, width=f"{width}px", align=align, padding="10px 0 14px")
    given += attributes(fluid_on_mobile="true" if is_fluid else None)
    # The words of a picture that is not loaded are read as the text is.
    return f'<mj-image{given} border-radius="6px" font-size="14px" css-class="hm-ink" />'


def write_button(block: Block, setting: Setting, _room: int) -> str:
    """Return a button, high enough for a finger."""
    data = block.data
    return write_action(
        data["label"],
        data["href"],
        setting.look,
        paper=setting.paper,
        is_plain=data["tone"] == "plain",
        align=data["align"],
    )


def write_action(
    label: str, href: str, look: Look, *, paper: Paper | None = None, is_plain: bool = False, align: str = "center"
) -> str:
    """Return a button of the accent, or a plain one with a line around it; on a band the two colours change places."""
    if not label:
        return ""
    ground, ink = (CARD, look.link) if is_plain else (look.accent, look.on_accent)
    css_class = "hm-plain" if is_plain else None
    line = ink if is_plain else ground
    if paper and paper.is_band:
        ground, ink, line = (
            (paper.ground, paper.text, paper.text) if is_plain else (paper.text, paper.ground, paper.text)
        )
        css_class = None
    colours = {"background_color": ground, "color": ink, "border": f"2px solid {line}", "css_class": css_class}
    given = attributes(href=href or None, align=align, **colours)
    shape = attributes(padding="10px 0 18px", inner_padding="12px 28px", border_radius="6px", font_size=TEXT_SIZE)
    return f'<mj-button{given}{shape} font-weight="bold" line-height="1.5">{escape(label)}</mj-button>'


def write_divider(block: Block, setting: Setting, _room: int) -> str:
    """Return room with or without a line."""
    space = block.data["space"]
    if not block.data["line"]:
        return f'<mj-spacer height="{space}px" />'
    given = attributes(padding=f"{space // 2}px 0", border_color=setting.look.rule, css_class="hm-rule")
    return f'<mj-divider{given} border-width="1px" />'


def write_html(block: Block, setting: Setting, _room: int) -> str:
    """Return HTML from elsewhere."""
    if not block.data["html"]:
        return ""
    outer = attributes(css_class="hm-ink hm-html", padding="8px 0", color=setting.look.text)
    return f"<mj-text{outer}>{''.join(write_piece(piece) for piece in read_pieces(block.data['html']))}</mj-text>"


def write_piece(piece: object) -> str:
    """Return a piece of clean HTML as every parser reads it."""
    if isinstance(piece, Start):
        # A picture whose address was of no use would be a hole.
        return "" if piece.name == "img" and not piece.attributes.get("src") else write_start(piece, None)
    return f"</{piece.name}>" if isinstance(piece, End) else guard(piece.written) if isinstance(piece, Text) else ""


def write_sns(block: Block, setting: Setting, _room: int) -> str:
    """Return links to services: their names, which are there also where pictures are not loaded."""
    look, links = setting.look, block.data["links"]
    if not links:
        return ""
    style = (
        f"display:inline-block;margin:4px 3px;padding:5px 16px;border:1px solid {look.soft};border-radius:18px;"
        f"color:{look.soft_link};text-decoration:none;font-weight:bold"
    )
    pills = " ".join(
        f'<a href="{escape(link["href"])}" style="{style}">{SnsService(link["service"]).label}</a>' for link in links
    )
    outer = attributes(css_class="hm-soft", align="center", padding="20px 0 0", color=look.soft)
    return f'<mj-text{outer} font-size="13px">{pills}</mj-text>'


def write_footer(block: Block, setting: Setting, _room: int) -> str:
    """Return small print; addresses in it become links."""
    look, text = setting.look, block.data["text"]
    if not text:
        return ""
    outer = attributes(css_class="hm-soft", align="center", padding="20px 0 24px", color=look.soft)
    lines = "<br />".join(write_footer_line(line, look) for line in text.split("\n"))
    return f'<mj-text{outer} font-size="12px" line-height="1.9">{lines}</mj-text>'


def write_footer_line(line: str, look: Look) -> str:
    """Return a line of small print; "label: address" becomes a link that reads as the label."""

    def link(url: str, words: str) -> str:
        style = f"color:{look.soft_link};text-decoration:underline"
        return f'<a href="{escape(url)}" style="{style}">{escape(words)}</a>'

    def words_of(url: str) -> str:
        return str(URL_TAGS.get(url.strip("{} \t\u3000"), url))

    if (match := _LABELLED.fullmatch(line)) and is_link(match[2]) and not TAG.search(match[1]):
        return link(match[2], match[1])
    written, end = "", 0
    for match in re.finditer(_URL, line):
        if is_link(match[0]):
            written += escape(line[end : match.start()]) + link(match[0], words_of(match[0]))
            end = match.end()
    return written + escape(line[end:])

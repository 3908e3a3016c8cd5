"""Writes a design as MJML: a card of 600 pixels on the colour of the page, which fits a phone and a dark screen, too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from designs.blocks import RATIOS, Block, BlockKind, Design
from designs.brands import CARD, DARK_CARD, DARK_INK, DARK_PAGE, DARK_RULE, DARK_SOFT, Look
from designs.mjml_elements import (
    LINE_HEIGHT,
    TEXT_SIZE,
    Setting,
    attributes,
    picture_of,
    write_action,
    write_element,
    write_image,
    write_lines,
)
from designs.regions import CLOSING, OPENING, Conditions, number_of
from designs.tags import escape

WIDTH: Final = 600
# Pixels beside the text on a computer; on a phone there are fewer.
SIDE: Final = 32
PHONE_SIDE: Final = 20
GAP: Final = 8
# Pixels above and below what stands on a colour, and the class of its section.
ROOM: Final = 12
ON_GROUND: Final = {"none": "", "soft": " hm-tint", "accent": " hm-band"}
# What stands around the card.
ON_PAGE: Final = (BlockKind.SNS, BlockKind.FOOTER)
# Behind the preheader, so that no list of mails goes on with the first words of the mail.
FILLER: Final = "&#847;&zwnj;&nbsp;" * 80


def write_mjml(
    design: Design,
    look: Look,
    *,
    title: str,
    preheader: str,
    pictures: Mapping[int, str] | None = None,
    conditions: Conditions = (),
) -> str:
    """Return a design as MJML; `pictures` says where stored pictures are loaded from, by their numbers.

    `conditions` are those of its blocks, by the numbers of their regions.
    """
    first = (block.id for block in design.all_blocks() if block.kind == BlockKind.HEADING and block.data["level"] == 1)
    setting = Setting(look, pictures or {}, next(first, ""))
    return write_document("".join(write_blocks(design, setting, conditions)), look, title=title, preheader=preheader)


def write_document(body: str, look: Look, *, title: str, preheader: str) -> str:
    """Return the MJML around sections."""
    preview = f"<mj-preview>{escape(preheader)}{FILLER}</mj-preview>" if preheader.strip() else ""
    outlook = f"<style>body,table,td,div,p,a,h1,h2,h3{{font-family:{look.outlook_fonts} !important}}</style>"
    return (
        '<mjml lang="ja" dir="ltr"><mj-head>'
        f"<mj-title>{escape(title)}</mj-title>{preview}"
        f'<mj-attributes><mj-all{attributes(font_family=look.fonts)} /><mj-text line-height="{LINE_HEIGHT}" '
        f'font-size="{TEXT_SIZE}" padding="0" /></mj-attributes>'
        '<mj-raw><meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
        '<meta name="format-detection" content="telephone=no,address=no,email=no,date=no">'
        f"<!--[if mso]>{outlook}<![endif]--></mj-raw>"
        f"<mj-style>{write_sheet(look)}</mj-style></mj-head>"
        f'<mj-body width="{WIDTH}px"{attributes(background_color=look.page, css_class="hm-page")}>'
        f"{body}</mj-body></mjml>"
    )


def write_sheet(look: Look) -> str:
    """Return the style sheet: for phones, and for machines whose owners like it dark.

    Programs that read no sheets show the mail as it is on a computer.
    """
    cell = "> table > tbody > tr > td"
    return (
        ":root { color-scheme: light dark; supported-color-schemes: light dark; }\n"
        # Japanese has no spaces to break at; an address in Latin letters must not make the mail wider.
        ".hm-ink div, .hm-on div, .hm-soft div { overflow-wrap: anywhere; line-break: strict; }\n"
        # What was made for a wider page, as HTML from elsewhere is, fits or can be moved sideways.
        ".hm-fit > table { table-layout: fixed; } .hm-html > div { overflow-x: auto; }\n"
        ".hm-html table, .hm-html div, .hm-html img, .hm-html pre { max-width: 100% !important; }\n"
        ".hm-html img { height: auto !important; } .hm-html pre { white-space: pre-wrap; }\n"
        # Long headings break between phrases, where the program knows them.
        ".hm-ink h1, .hm-ink h2, .hm-ink h3, .hm-on h1, .hm-on h2, .hm-on h3 { word-break: auto-phrase; text-wrap: balance; }\n"
        f"@media only screen and (max-width: 480px) {{ .hm-card {cell} {{ padding-left: {PHONE_SIDE}px !important; "
        f"padding-right: {PHONE_SIDE}px !important; }} .hm-wide {cell} {{ padding-left: {PHONE_SIDE - GAP}px !important; "
        f"padding-right: {PHONE_SIDE - GAP}px !important; }} .hm-ink h1, .hm-on h1 {{ font-size: 23px "
        "!important; } .hm-ink h2, .hm-on h2 { font-size: 19px !important; } }\n"
        "@media (prefers-color-scheme: dark) { "
        f"body, .hm-page {{ background: {DARK_PAGE} !important; }} "
        f".hm-card, .hm-card > table {{ background: {DARK_CARD} !important; }} "
        f".hm-tint, .hm-tint > table {{ background: {look.dark_tint} !important; }} "
        f".hm-band, .hm-band > table {{ background: {look.band} !important; }} "
        f".hm-ink, .hm-ink div, .hm-ink h1, .hm-ink h2, .hm-ink h3, .hm-ink img {{ color: {DARK_INK} !important; }} "
        # Colours that HTML from elsewhere brings were chosen for white paper.
        f".hm-html * {{ color: {DARK_INK} !important; background: transparent !important; "
        f"border-color: {DARK_RULE} !important; }} "
        f".hm-ink a {{ color: {look.dark_link} !important; }} "
        f".hm-tint .hm-ink a {{ color: {look.dark_tint_link} !important; }} "
        f".hm-ink blockquote, .hm-ink td, .hm-ink th, .hm-ink hr {{ border-color: {DARK_RULE} !important; }} "
        f".hm-soft div, .hm-soft a {{ color: {DARK_SOFT} !important; border-color: {DARK_SOFT} !important; }} "
        # A logo of dark letters on no ground of its own could not be seen.
        f".hm-logo img {{ background: {look.page} !important; border: 6px solid {look.page} !important; "
        "border-radius: 6px; } "
        f".hm-rule p {{ border-top-color: {DARK_RULE} !important; }} "
        f".hm-frame {cell} {{ border-color: {DARK_RULE} !important; }} "
        f".hm-price div {{ color: {look.dark_link} !important; }} "
        f".hm-plain td, .hm-plain a {{ background: {DARK_CARD} !important; color: {look.dark_link} !important; "
        f"border-color: {look.dark_link} !important; }} }}"
    )


def write_top(look: Look) -> str:
    """Return what stands above the words: the logo and the line at the top of the card."""
    return write_logo(look) + write_section('<mj-spacer height="4px" />', background_color=look.accent)


def write_logo(look: Look) -> str:
    """Return the logo above the card, or some room where there is none."""
    if not look.logo:
        return write_section('<mj-spacer height="16px" />')
    given = attributes(src=look.logo.url, alt=look.logo.alt, width=f"{look.logo.width}px", padding="24px 0 20px")
    return write_section(f'<mj-image{given} font-size="18px" css-class="hm-logo" />')


def write_blocks(design: Design, setting: Setting, conditions: Conditions) -> Iterable[str]:
    """Yield the sections of a design, from the logo to the small print below it."""
    rooms = rooms_of([ground_of(block) for block in design.blocks])
    written = [(block, write_block(block, setting, room)) for block, room in zip(design.blocks, rooms, strict=True)]
    filled = [(block, section) for block, section in written if section]
    yield write_top(setting.look)
    on_page, before = True, None
    for block, section in filled:
        if on_page != (block.kind in ON_PAGE):
            # The one of the two that stands on the card.
            yield write_gap(block if on_page or before is None else before, setting)
            on_page = not on_page
        before = block
        number = number_of(block, conditions)
        yield f"<mj-raw>{OPENING % number}</mj-raw>{section}<mj-raw>{CLOSING % number}</mj-raw>" if number else section
    if not on_page:
        yield write_gap(filled[-1][0], setting)
    yield write_section('<mj-spacer height="24px" />')


def write_gap(block: Block, setting: Setting) -> str:
    """Return the room at an end of the card; what stands on a colour there reaches the edge."""
    return write_card('<mj-spacer height="24px" />', setting.look) if ground_of(block) == "none" else ""


def ground_of(block: Block) -> str:
    """Return what a block stands on, of GROUNDS."""
    return str(block.data.get("ground", "none"))


def rooms_of(grounds: Sequence[str]) -> Iterable[tuple[int, int]]:
    """Yield the pixels above and below each block: there are some at the edges of a colour that several share."""
    for before, own, after in zip(("none", *grounds), grounds, (*grounds[1:], "none"), strict=False):
        yield ROOM if own not in ("none", before) else 0, ROOM if own not in ("none", after) else 0


def write_block(block: Block, setting: Setting, room: tuple[int, int]) -> str:
    """Return the section of a block; "" where there is nothing in it yet."""
    if block.kind == BlockKind.COLUMNS:
        return write_columns(block, setting, room)
    if block.kind == BlockKind.PRODUCT:
        return write_product(block, setting)
    ground = ground_of(block)
    element = write_element(block, replace(setting, ground=ground), WIDTH - 2 * SIDE)
    if not element:
        return ""
    if block.kind in ON_PAGE:
        return write_section(element, padding=f"0 {PHONE_SIDE}px")
    return write_card(element, setting.look, ground, room)


def write_section(element: str, *, padding: str = "0", background_color: str | None = None) -> str:
    """Return a section on the page with one column."""
    given = attributes(padding=padding, background_color=background_color)
    return f"<mj-section{given}><mj-column>{element}</mj-column></mj-section>"


def write_card(element: str, look: Look, ground: str = "none", room: tuple[int, int] = (0, 0)) -> str:
    """Return a section of the card with one column."""
    given = card_attributes(look, ground) + attributes(padding=f"{room[0]}px {SIDE}px {room[1]}px")
    return f'<mj-section{given}><mj-column css-class="hm-fit">{element}</mj-column></mj-section>'


def card_attributes(look: Look, ground: str, more: str = "") -> str:
    """Return classes and colour of a section of the card that stands on a ground."""
    return attributes(css_class=f"hm-card{more}{ON_GROUND[ground]}", background_color=look.paper(ground).ground)


def write_columns(block: Block, setting: Setting, room: tuple[int, int]) -> str:
    """Return two columns; on a phone the right one comes below the left one."""
    left, ground = RATIOS[block.data["ratio"]], block.data["ground"]
    on_ground = replace(setting, ground=ground)
    columns = []
    for side, part in (("left", left), ("right", 100 - left)):
        width = (WIDTH - 2 * (SIDE - GAP)) * part // 100 - 2 * GAP
        inner = "".join(write_element(one, on_ground, width) for one in block.data[side])
        columns.append((part, inner))
    if not any(inner for _part, inner in columns):
        return ""
    given = card_attributes(setting.look, ground, " hm-wide")
    given += attributes(padding=f"{room[0]}px {SIDE - GAP}px {room[1] + 8}px")
    written = "".join(f'<mj-column width="{part}%" padding="0 {GAP}px">{inner}</mj-column>' for part, inner in columns)
    return f"<mj-section{given}>{written}</mj-section>"


def write_product(block: Block, setting: Setting) -> str:
    """Return a frame with a picture at the left and the words beside it."""
    data, look = block.data, setting.look
    src = picture_of(data, setting)
    words = write_product_words(block, look)
    if not src and not words:
        return ""
    room = WIDTH - 2 * SIDE - 4 * GAP
    columns = f'<mj-column width="{60 if src else 100}%" padding="0 {GAP}px">{words}</mj-column>'
    if src:
        image = write_image(src, data["alt"] or data["name"], data["href"], width=room * 40 // 100 - 2 * GAP)
        columns = f'<mj-column width="40%" padding="0 {GAP}px">{image}</mj-column>' + columns
    frame = attributes(css_class="hm-frame", border=f"1px solid {look.rule}", border_radius="8px", padding="8px")
    given = attributes(css_class="hm-card", background_color=CARD, padding=f"8px {SIDE}px 16px")
    return f"<mj-wrapper{given}><mj-section{frame}>{columns}</mj-section></mj-wrapper>"


def write_product_words(block: Block, look: Look) -> str:
    """Return name, price, words and button of a card, as far as they are given."""
    data = block.data
    lines = (
        ("hm-ink", look.text, "8px 0 0", "17px", f"<strong>{escape(data['name'])}</strong>", data["name"]),
        ("hm-price", look.link, "2px 0 0", "18px", f"<strong>{escape(data['price'])}</strong>", data["price"]),
        ("hm-ink", look.text, "6px 0 4px", "14px", write_lines(data["text"]), data["text"]),
    )
    words = "".join(
        f"<mj-text{attributes(css_class=name, color=colour, padding=padding, font_size=size)}>{inner}</mj-text>"
        for name, colour, padding, size, inner, given in lines
        if given
    )
    return words + write_action(data["label"], data["href"], look, align="left")

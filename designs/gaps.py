"""What a design still lacks before it can be sent: told while it is written, block by block."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from django.utils.translation import gettext as _

from designs.blocks import Block, BlockKind, Design


@dataclass(frozen=True, slots=True)
class Gap:
    """`place` is the id of a block, `field` what of it is to be filled in, `sentence` is for people."""

    place: str
    field: str
    sentence: str


def find_gaps(design: Design, pictures: Container[int]) -> list[Gap]:
    """Return what is to be filled in, from top to bottom; `pictures` are the numbers of those that are there."""
    return [
        Gap(block.id, field, sentence) for block in design.all_blocks() for field, sentence in gaps_of(block, pictures)
    ]


def gaps_of(block: Block, pictures: Container[int]) -> list[tuple[str, str]]:
    """Return the fields of a block that are to be filled in, each with a sentence."""
    data, kind = block.data, block.kind
    missing = {
        BlockKind.HEADING: {"text": _("見出しを入力してください。")},
        BlockKind.TEXT: {"html": _("本文を入力してください。")},
        BlockKind.BUTTON: {
            "label": _("ボタンの文字を入力してください。"),
            "href": _("ボタンのリンク先を入力してください。"),
        },
        BlockKind.PRODUCT: {"name": _("商品名を入力してください。")},
        BlockKind.SNS: {"links": _("SNSのリンク先を入力してください。")},
        BlockKind.FOOTER: {"text": _("フッターの文を入力してください。")},
        BlockKind.HTML: {"html": _("HTMLを入力してください。")},
    }
    found = [(field, sentence) for field, sentence in missing.get(kind, {}).items() if not data[field]]
    if kind == BlockKind.PRODUCT and data["label"] and not data["href"]:
        found.append(("href", _("ボタンのリンク先を入力してください。")))
    if kind == BlockKind.COLUMNS and not (data["left"] or data["right"]):
        found.append(("left", _("カラムにブロックを加えてください。")))
    return found + picture_gaps(block, pictures)


def picture_gaps(block: Block, pictures: Container[int]) -> list[tuple[str, str]]:
    """Return what the picture of a block lacks; a card may be without one."""
    data = block.data
    if block.kind not in (BlockKind.PICTURE, BlockKind.PRODUCT):
        return []
    if data["picture"] is not None and data["picture"] not in pictures:
        return [("picture", _("画像が削除されています。選び直してください。"))]
    if data["picture"] is None and not data["src"]:
        return [("picture", _("画像を選んでください。"))] if block.kind == BlockKind.PICTURE else []
    # A picture that leads somewhere is read aloud by its words alone (WCAG 1.1.1, 2.4.4).
    if block.kind == BlockKind.PICTURE and not data["alt"] and data["href"]:
        return [("alt", _("リンクのある画像には、リンク先が分かる代替テキストを入力してください。"))]
    return []

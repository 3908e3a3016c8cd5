"""What a mail of blocks is made of: the kinds of blocks, what each holds, and their JSON.

`{"v": 1, "blocks": [{"id": "k3x9", "kind": "heading", "data": {"text": "…", "level": 1}}, …]}`; what a block may hold
is in FIELDS. A text may hold merge tags; they are passed on as they are. `"show"` of a block is a group as
`lists.conditions.read_conditions` takes it: the block is there for the recipients who fulfil it.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from designs.exceptions import DesignRefused
from designs.fields import Reader, choice, line, lines, read_flag, read_link, read_picture, read_source, whole
from designs.rich_text import clean_block_html, clean_rich
from lists.conditions import SegmentRefused, read_conditions

VERSION: Final = 1
MAX_BLOCKS: Final = 60
# In one of two columns.
MAX_IN_COLUMN: Final = 10
MAX_LINKS: Final = 10
# Different ones, for whom blocks are shown.
MAX_SHOWN_TO: Final = 10
# Of the JSON of a design, in UTF-8.
MAX_BYTES: Final = 200_000
ID: Final = re.compile(r"[a-z0-9]{4,12}")


class BlockKind(models.TextChoices):
    """What a block shows."""

    HEADING = "heading", gettext_lazy("見出し")
    TEXT = "text", gettext_lazy("本文")
    PICTURE = "picture", gettext_lazy("画像")
    BUTTON = "button", gettext_lazy("ボタン")
    DIVIDER = "divider", gettext_lazy("区切り")
    COLUMNS = "columns", gettext_lazy("2カラム")
    PRODUCT = "product", gettext_lazy("商品カード")
    SNS = "sns", gettext_lazy("SNS")
    FOOTER = "footer", gettext_lazy("フッター")
    HTML = "html", gettext_lazy("HTML")


class SnsService(models.TextChoices):
    """Where an organisation can be followed."""

    X = "x", "X"
    LINE = "line", "LINE"
    INSTAGRAM = "instagram", "Instagram"
    FACEBOOK = "facebook", "Facebook"
    YOUTUBE = "youtube", "YouTube"
    TIKTOK = "tiktok", "TikTok"


# What may stand in a column.
IN_COLUMNS: Final = (BlockKind.HEADING, BlockKind.TEXT, BlockKind.PICTURE, BlockKind.BUTTON)
# What a block stands on: the white of the mail, a little of the accent, the accent itself.
GROUNDS: Final = ("none", "soft", "accent")
# The width of the left column in per cent.
RATIOS: Final = {"50-50": 50, "33-67": 33, "67-33": 67}
# What the law wants, of every recipient's mail (campaigns/legal.py); "label: URL" becomes a link.
FOOTER_TEXT: Final = gettext_lazy(
    "{{legal_name}}\n{{postal_address}}\nお問い合わせ: {{contact}}\n配信停止はこちら: {{unsubscribe_url}}"
)


@dataclass(frozen=True, slots=True)
class Block:
    """One block; `data` holds every field of its kind, clean."""

    id: str
    kind: BlockKind
    data: Mapping[str, Any]
    show: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON that `read_block` reads."""
        data = {
            name: [part.as_json() if isinstance(part, Block) else part for part in value]
            if isinstance(value, list)
            else value
            for name, value in self.data.items()
        }
        found: dict[str, Any] = {"id": self.id, "kind": self.kind.value, "data": data}
        return found if self.show is None else found | {"show": self.show}


@dataclass(frozen=True, slots=True)
class Design:
    """A mail of blocks, from top to bottom."""

    blocks: tuple[Block, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the JSON that `read_design` reads."""
        return {"v": VERSION, "blocks": [block.as_json() for block in self.blocks]}

    def all_blocks(self) -> Iterator[Block]:
        """Yield every block, also those in columns."""
        for block in self.blocks:
            yield block
            if block.kind == BlockKind.COLUMNS:
                yield from (*block.data["left"], *block.data["right"])

    def pictures(self) -> set[int]:
        """Return the numbers of the stored pictures that are used."""
        return {block.data["picture"] for block in self.all_blocks() if block.data.get("picture") is not None}


def read_design(data: object) -> Design:
    """Return the design that a JSON value holds, clean. Raises DesignRefused for what cannot be used."""
    if not isinstance(data, Mapping) or data.get("v", VERSION) != VERSION:
        raise unreadable()
    blocks = data.get("blocks")
    if not isinstance(blocks, Sequence) or isinstance(blocks, str | bytes):
        raise unreadable()
    if len(blocks) > MAX_BLOCKS:
        raise DesignRefused(_("ブロックは%d個までです。減らしてください。") % MAX_BLOCKS)
    design = Design(tuple(read_block(block) for block in blocks))
    ids = [block.id for block in design.all_blocks()]
    if len(set(ids)) < len(ids):
        raise unreadable()
    require_few_conditions(design)
    if len(json.dumps(design.as_json(), ensure_ascii=False).encode()) > MAX_BYTES:
        raise DesignRefused(_("文面が大きすぎます。ブロックや文字を減らしてください。"))
    return design


def require_few_conditions(design: Design) -> None:
    """Raise DesignRefused, naming the first block that is one too many, where blocks have too many conditions."""
    found: list[Mapping[str, Any]] = []
    for block in design.blocks:
        if block.show is not None and block.show not in found:
            found.append(block.show)
        if len(found) > MAX_SHOWN_TO:
            sentence = _("表示する条件は、1通に%d種類までです。同じ条件は何個のブロックにも使えます。")
            raise DesignRefused(sentence % MAX_SHOWN_TO, block.id, "show")


def unreadable() -> DesignRefused:
    """Return the error of what no page of ours wrote."""
    return DesignRefused(_("文面を読み取れません。ページを開き直してください。"))


def read_block(data: object, *, kinds: Sequence[BlockKind] = tuple(BlockKind)) -> Block:
    """Return one block of JSON; what it lacks has its default. Raises DesignRefused with the place in it."""
    if not isinstance(data, Mapping) or not isinstance(data.get("data", {}), Mapping):
        raise unreadable()
    place, kind = data.get("id"), data.get("kind")
    if not isinstance(place, str) or not ID.fullmatch(place) or not isinstance(kind, str) or kind not in kinds:
        raise unreadable()
    found = BlockKind(kind)
    show = data.get("show")
    if show is not None and kinds == IN_COLUMNS:
        raise DesignRefused(_("2カラムの中のブロックには、表示する条件を付けられません。"), place, "show")
    return Block(place, found, read_data(found, data.get("data", {}), place), read_show(show, found, place))


def read_data(kind: BlockKind, data: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Return every field of a block. Raises DesignRefused that names the block and the field."""
    found = {}
    for name, (read, default) in FIELDS[kind].items():
        try:
            found[name] = read(data.get(name, default))
        except DesignRefused as error:
            # One in a column knows its own place.
            raise error if error.place else DesignRefused(error.sentence, place, name) from error
    return found


def read_show(data: Any, kind: BlockKind, place: str) -> dict[str, Any] | None:
    """Return for whom a block is shown; None for everybody. Raises DesignRefused."""
    if data is None:
        return None
    if kind == BlockKind.FOOTER:
        # The law wants it in every mail.
        raise DesignRefused(_("フッターには、表示する条件を付けられません。"), place, "show")
    try:
        return read_conditions(data).as_json()
    except SegmentRefused as error:
        raise DesignRefused(error.sentence, place, "show") from error


def new_block(kind: BlockKind, *, footer: str = "", sns: Sequence[Mapping[str, str]] = ()) -> Block:
    """Return a block as the editor adds it: `footer` and `sns` are those of the brand (`Look.footer`, `Look.sns`)."""
    data = read_data(kind, {}, "")
    if kind == BlockKind.FOOTER:
        data["text"] = footer or str(FOOTER_TEXT)
    elif kind == BlockKind.SNS:
        data["links"] = read_links([dict(link) for link in sns])
    return Block(new_id(), kind, data)


def new_id() -> str:
    """Return an id that no other block has."""
    return secrets.token_hex(5)


def copy_block(block: Block) -> Block:
    """Return the same block with ids of its own, as a copy beside it needs them."""
    data = dict(block.data)
    if block.kind == BlockKind.COLUMNS:
        data |= {side: [copy_block(part) for part in data[side]] for side in ("left", "right")}
    return replace(block, id=new_id(), data=data)


def read_column(value: Any) -> list[Block]:
    """Return the blocks of a column."""
    if not isinstance(value, list):
        raise unreadable()
    if len(value) > MAX_IN_COLUMN:
        raise DesignRefused(_("1つのカラムに置けるブロックは%d個までです。") % MAX_IN_COLUMN)
    return [read_block(part, kinds=IN_COLUMNS) for part in value]


def read_links(value: Any) -> list[dict[str, str]]:
    """Return links to services, without those that lead nowhere yet."""
    if not isinstance(value, list) or not all(isinstance(part, Mapping) for part in value):
        raise unreadable()
    if len(value) > MAX_LINKS:
        raise DesignRefused(_("SNSは%d個までです。") % MAX_LINKS)
    read_service = choice(SnsService.values)
    found = [{"service": read_service(part.get("service")), "href": read_link(part.get("href", ""))} for part in value]
    return [link for link in found if link["href"]]


_SIDES: Final = ("left", "center")
_GROUND: Final = (choice(GROUNDS), "none")
# How each field of a kind is read, and what it has where nothing is given.
FIELDS: Final[dict[BlockKind, dict[str, tuple[Reader, Any]]]] = {
    BlockKind.HEADING: {
        "text": (line(200), ""),
        "level": (whole(1, 3), 2),
        "align": (choice(_SIDES), "left"),
        "ground": _GROUND,
    },
    BlockKind.TEXT: {"html": (clean_rich, ""), "align": (choice(_SIDES), "left"), "ground": _GROUND},
    BlockKind.PICTURE: {
        "picture": (read_picture, None),
        # Instead of a stored picture.
        "src": (read_source, ""),
        "alt": (line(200), ""),
        "href": (read_link, ""),
        # Per cent of what there is room for.
        "width": (whole(20, 100), 100),
        "align": (choice((*_SIDES, "right")), "center"),
    },
    BlockKind.BUTTON: {
        "label": (line(100), ""),
        "href": (read_link, ""),
        "tone": (choice(("accent", "plain")), "accent"),
        "align": (choice(_SIDES), "center"),
        "ground": _GROUND,
    },
    # Pixels, half of them above the line.
    BlockKind.DIVIDER: {"space": (whole(8, 64), 32), "line": (read_flag, True)},
    BlockKind.COLUMNS: {
        "left": (read_column, []),
        "right": (read_column, []),
        "ratio": (choice(RATIOS), "50-50"),
        "ground": _GROUND,
    },
    BlockKind.PRODUCT: {
        "picture": (read_picture, None),
        "src": (read_source, ""),
        "alt": (line(200), ""),
        "name": (line(100), ""),
        "price": (line(50), ""),
        "text": (lines(500), ""),
        "label": (line(50), ""),
        "href": (read_link, ""),
    },
    BlockKind.SNS: {"links": (read_links, [])},
    BlockKind.FOOTER: {"text": (lines(2000), "")},
    BlockKind.HTML: {"html": (clean_block_html, "")},
}

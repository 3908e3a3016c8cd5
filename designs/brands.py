"""The look (ブランド) of a workspace's mails as the writers use it, without the database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from accounts.models import Workspace
from designs.colours import ink_on, mix, readable
from designs.models import COLOUR, Brand, BrandFont, Picture

CARD: Final = "#ffffff"
DARK_PAGE: Final = "#101214"
DARK_CARD: Final = "#1b1e22"
DARK_INK: Final = "#e9eaec"
DARK_SOFT: Final = "#a7adb5"
DARK_RULE: Final = "#3a3f46"
# Pixels.
LOGO_WIDTH: Final = 200
LOGO_HEIGHT: Final = 64
# None is loaded: what iOS and macOS have, then Windows, then Android and Linux. Letters of Latin come from the same font.
FONTS: Final = {
    BrandFont.GOTHIC: "'Hiragino Sans','Hiragino Kaku Gothic ProN','BIZ UDPGothic',Meiryo,'Noto Sans JP','Noto Sans CJK JP',sans-serif",
    BrandFont.MINCHO: "'Hiragino Mincho ProN','Yu Mincho','BIZ UDPMincho','Noto Serif JP','Noto Serif CJK JP',serif",
    BrandFont.ROUND: "'Hiragino Maru Gothic ProN','HGMaruGothicMPRO','BIZ UDPGothic',Meiryo,'M PLUS Rounded 1c','Noto Sans JP','Noto Sans CJK JP',sans-serif",
}
# Outlook on Windows takes the first font alone where it knows none of them by name.
OUTLOOK_FONTS: Final = {
    BrandFont.GOTHIC: "Meiryo,sans-serif",
    BrandFont.MINCHO: "'Yu Mincho',serif",
    BrandFont.ROUND: "Meiryo,sans-serif",
}


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture above the mail; its size in pixels."""

    url: str
    alt: str
    width: int


@dataclass(frozen=True, slots=True)
class Paper:
    """What words stand on, with their colours on it; `is_band` where it is as strong as a button."""

    ground: str
    text: str
    link: str
    rule: str
    mark: str
    is_band: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """Colours as `#rrggbb`; raises ValueError for others, since they are written into style sheets."""

    accent: str = "#1a5fb4"
    ink: str = "#24292f"
    page: str = "#f3f4f6"
    font: BrandFont = BrandFont.GOTHIC
    logo: Logo | None = None
    footer: str = ""
    sns: tuple[Mapping[str, str], ...] = ()

    def __post_init__(self) -> None:
        for colour in (self.accent, self.ink, self.page):
            if not re.fullmatch(COLOUR, colour):
                raise ValueError(colour)

    @property
    def text(self) -> str:
        """The colour of text on the mail."""
        return readable(self.ink, CARD)

    @property
    def link(self) -> str:
        """The colour of links on the mail."""
        return readable(self.accent, CARD)

    @property
    def dark_link(self) -> str:
        """The same where the reader's machine is dark."""
        return readable(self.accent, DARK_CARD)

    @property
    def on_accent(self) -> str:
        """The colour of words on the accent."""
        return ink_on(self.accent)

    @property
    def soft(self) -> str:
        """The colour of small print around the mail."""
        return readable(mix(self.ink, self.page, 0.35), self.page)

    @property
    def soft_link(self) -> str:
        """The colour of links in it."""
        return readable(self.ink, self.page)

    @property
    def rule(self) -> str:
        """The colour of lines."""
        return mix(CARD, self.ink, 0.15)

    @property
    def tint(self) -> str:
        """The colour of what stands out a little."""
        return mix(CARD, self.accent, 0.08)

    @property
    def dark_tint(self) -> str:
        """The same where the reader's machine is dark."""
        return mix(DARK_CARD, self.accent, 0.16)

    @property
    def dark_tint_link(self) -> str:
        """The colour of links on that."""
        return readable(self.accent, self.dark_tint)

    @property
    def band(self) -> str:
        """The colour of what stands out most: the accent, or as near to it as small words on it can be read."""
        return readable(self.accent, self.on_accent)

    def paper(self, ground: str = "none") -> Paper:
        """Return what a block stands on: "none", "soft" or "accent" (designs.blocks.GROUNDS)."""
        if ground == "accent":
            on = self.on_accent
            return Paper(self.band, on, on, mix(self.band, on, 0.5), on, is_band=True)
        if ground == "soft":
            tint = self.tint
            return Paper(
                tint, readable(self.ink, tint), readable(self.accent, tint), mix(tint, self.ink, 0.15), self.accent
            )
        return Paper(CARD, self.text, self.link, self.rule, self.accent)

    @property
    def fonts(self) -> str:
        """The fonts as CSS has them, with single quotes."""
        return FONTS[self.font]

    @property
    def outlook_fonts(self) -> str:
        """The fonts that Outlook on Windows is given."""
        return OUTLOOK_FONTS[self.font]


def look_of(workspace: Workspace) -> Look:
    """Return the look of a workspace's mails; one query."""
    brand = Brand.objects.filter(workspace=workspace).select_related("logo").first()
    if brand is None:
        return Look()
    return Look(
        accent=brand.accent,
        ink=brand.ink,
        page=brand.page,
        font=BrandFont(brand.font),
        logo=logo_of(brand.logo) if brand.logo else None,
        footer=brand.footer,
        sns=tuple(brand.sns),
    )


def logo_of(picture: Picture) -> Logo:
    """Return a picture as a logo: as large as there is room for, at most as large as it is."""
    scale = min(1, LOGO_WIDTH / picture.width, LOGO_HEIGHT / picture.height)
    return Logo(picture.url, picture.alt or picture.name, max(1, round(picture.width * scale)))


def picture_urls(workspace: Workspace, ids: Iterable[int]) -> dict[int, str]:
    """Return where the pictures of a workspace are loaded from; those that are gone are left out. One query."""
    return {picture.pk: picture.url for picture in Picture.objects.filter(workspace=workspace, pk__in=set(ids))}

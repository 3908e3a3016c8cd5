"""Colours that can be read on one another, by the contrast of WCAG 2.2 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""

from __future__ import annotations

from typing import Final

WHITE: Final = "#ffffff"
BLACK: Final = "#000000"
# What text needs (1.4.3).
ENOUGH: Final = 4.5


def channels(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue of `#rrggbb`, 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def luminance(colour: str) -> float:
    """Return how bright a colour is, from 0 for black to 1 for white."""

    def linear(value: int) -> float:
        part = value / 255
        return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)

    red, green, blue = (linear(value) for value in channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 for the same to 21 for black and white."""
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def mix(one: str, other: str, part: float) -> str:
    """Return a colour between two: 0 is the first, 1 the second."""
    pairs = zip(channels(one), channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in pairs)


def readable(colour: str, ground: str) -> str:
    """Return the colour, darkened or brightened just so much that text of it can be read on the ground."""
    end = BLACK if contrast(BLACK, ground) > contrast(WHITE, ground) else WHITE
    steps = (mix(colour, end, step / 20) for step in range(21))
    return next((found for found in steps if contrast(found, ground) >= ENOUGH), end)


def ink_on(ground: str) -> str:
    """Return white or almost black, whichever can be read on the ground."""
    dark = "#1b1f24"
    # White is preferred on strong colours, as long as large letters can be read (1.4.3: 3 to 1).
    return WHITE if contrast(WHITE, ground) >= 3 or contrast(WHITE, ground) > contrast(dark, ground) else dark

"""Turns numbers into the segments of a bar (templates/components/_bar.html)."""

from collections.abc import Mapping
from dataclasses import dataclass

# A part that is there can be seen, however small: per cent of the bar.
SMALLEST = 0.8


@dataclass(frozen=True, slots=True)
class Segment:
    """One coloured part; `tone` names its colour, `start` and `width` are per cent of the bar."""

    tone: str
    start: float
    width: float


def stack(parts: Mapping[str, int], whole: int) -> list[Segment]:
    """Return the parts (tone → number) of a whole side by side; parts of 0 are left out."""
    segments: list[Segment] = []
    start = 0.0
    for tone, number in parts.items():
        if number <= 0 or whole <= 0:
            continue
        width = min(max(100 * number / whole, SMALLEST), 100 - start)
        segments.append(Segment(tone, start, width))
        start += width
    return segments

"""The colours of the style sheet: every pair of tokens that meets on a page has enough contrast (WCAG 2.2 AA)."""

import re
from pathlib import Path

import pytest
from django.conf import settings

STYLES = Path(settings.BASE_DIR) / "hypermail" / "static" / "hypermail"
TEXT, SIGN = 4.5, 3.0
SURFACES = ("page", "card", "sunken", "sidebar")
TONES = ("ok", "warn", "bad", "info")
PAIRS = (
    *((text, surface, TEXT) for text in ("text", "text-muted", "accent", "accent-strong") for surface in SURFACES),
    *((tone, surface, TEXT) for tone in TONES for surface in ("page", "card", "sunken", f"{tone}-soft")),
    *(("text", f"{tone}-soft", TEXT) for tone in TONES),
    *(("text-muted", f"{tone}-soft", TEXT) for tone in TONES),
    *(("accent", f"{tone}-soft", TEXT) for tone in TONES),
    ("accent", "accent-soft", TEXT),
    ("accent-strong", "accent-soft", TEXT),
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-strong", TEXT),
    ("on-bad", "bad", TEXT),
    ("on-bad", "bad-strong", TEXT),
    *(("edge", surface, SIGN) for surface in SURFACES),
)


def read_tokens() -> dict[str, tuple[str, str]]:
    """Return the colours for day and night of every token that is a plain pair of them."""
    text = (STYLES / "hypermail.css").read_text()
    found = re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", text)
    return {name: (day, night) for name, day, night in found}


def luminance(colour: str) -> float:
    """Return the relative luminance of "#rrggbb" (WCAG 2.2, definition of relative luminance)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_computed_as_the_standard_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS, ids=lambda value: str(value))
def test_tokens_have_enough_contrast(front: str, back: str, least: float, scheme: int) -> None:
    tokens = read_tokens()
    assert contrast(tokens[front][scheme], tokens[back][scheme]) >= least


def test_colours_are_written_only_as_tokens() -> None:
    for sheet in STYLES.glob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
        rules = [line for line in text.splitlines() if not line.strip().startswith("--")]
        plain = [line for line in rules if re.search(r"#[0-9a-f]{3,8}\b|\brgb|\bhsl", line)]
        # The paper of a mail's preview is white in both schemes.
        assert [line.strip() for line in plain] in ([], ["background: #ffffff;"]), sheet.name


def test_every_token_that_is_used_exists() -> None:
    texts = "\n".join(sheet.read_text() for sheet in STYLES.glob("*.css"))
    assert set(re.findall(r"var\(--([a-z0-9-]+)", texts)) - set(re.findall(r"--([a-z0-9-]+):", texts)) == set()

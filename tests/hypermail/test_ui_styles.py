"""The templates and the style sheets agree, and the templates stay as the CSP wants them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders

TEMPLATES = Path(settings.BASE_DIR) / "templates"
STYLES = Path(settings.BASE_DIR) / "hypermail" / "static" / "hypermail"
# Made by a variable behind them; each of the tones has its rule.
PREFIXES = {"badge-", "light-", "note-", "tone-"}
# In tables, in sentences, at axes and in the calendar.
MOMENTS = {
    "Y/m/d",
    "Y/m/d H:i",
    "Y/m/d H:i:s",
    "Y年n月j日",
    "Y年n月j日(D) H:i",
    "n月j日",
    "n月j日(D) H:i",
    "H:i",
    "H:i:s",
} | {
    *("n/j", "n/j H:i"),
    *("Y年n月", "n月", "j", "日(D)"),
}
TONES = {"ok", "warn", "bad", "info", "muted"}


def read_templates() -> Iterator[tuple[str, str]]:
    for path in sorted(TEMPLATES.rglob("*.html")):
        text = re.sub(r"\{% comment %\}.*?\{% endcomment %\}", "", path.read_text(), flags=re.DOTALL)
        yield str(path.relative_to(TEMPLATES)), text


every_template = pytest.mark.parametrize(
    ("name", "text"), [pytest.param(name, text, id=name) for name, text in read_templates()]
)


def known_classes() -> set[str]:
    text = "\n".join(sheet.read_text() for sheet in STYLES.glob("*.css"))
    return set(re.findall(r"\.([a-zA-Z][\w-]*)", text)) | PREFIXES | TONES


@every_template
def test_every_class_has_a_rule(name: str, text: str) -> None:
    used = {
        one for value in re.findall(r'class="([^"]*)"', text) for one in re.sub(r"\{[%{].*?[%}]\}", " ", value).split()
    }
    assert used - known_classes() == set()


@every_template
def test_nothing_is_inline(name: str, text: str) -> None:
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=\"|javascript:|hx-on", text)
    for script in re.findall(r"<script[^>]*>", text):
        assert "src=" in script
        assert "nonce=" in script


@every_template
def test_moments_are_written_in_few_forms(name: str, text: str) -> None:
    assert set(re.findall(r'\|date:"([^"]*)"', text)) <= MOMENTS


def test_every_static_file_named_exists() -> None:
    for name, text in read_templates():
        for static in re.findall(r"{% static '([^']+)' %}", text):
            assert finders.find(static), f"{name}: {static}"


def test_sheets_stay_small() -> None:
    for sheet in STYLES.glob("*.css"):
        assert len(sheet.read_text().splitlines()) < 600, sheet.name

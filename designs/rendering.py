"""Turns a design into the two parts of a mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _
from mjml import mjml2html

from designs.blocks import Design
from designs.brands import Look
from designs.exceptions import DesignRefused
from designs.fields import clean_text, require_fitting
from designs.mjml_writing import write_mjml
from designs.panics import panics_refused
from designs.regions import Conditions, conditions_of
from designs.tags import bare
from designs.text_writing import write_text

LONGEST_LINE: Final = 500


@dataclass(frozen=True, slots=True)
class Rendered:
    """The parts of a mail with their merge tags; region n is for those who fulfil the condition in place n - 1."""

    html: str
    text: str
    conditions: Conditions = ()


def render_design(
    design: Design,
    look: Look,
    *,
    title: str,
    preheader: str,
    pictures: Mapping[int, str] | None = None,
    known: Conditions = (),
    by_hand: str = "",
    keeps: bool = False,
) -> Rendered:
    """Return both parts; `title` and `preheader` are plain, `pictures` gives the addresses of stored pictures.

    `known` are the conditions that the design had before, `by_hand` a text part that a person wrote in place of the one
    that is written here: their numbers stay, and all of them with `keeps`. Raises DesignRefused.
    """
    title, preheader = clean_line(title), clean_line(preheader)
    conditions = conditions_of(design, known, by_hand, keeps=keeps)
    mjml = write_mjml(design, look, title=title, preheader=preheader, pictures=pictures, conditions=conditions)
    return Rendered(convert(mjml), write_text(design, conditions), conditions)


def clean_line(line: str) -> str:
    """Return a subject or preheader as it may stand in HTML. Raises DesignRefused."""
    line = " ".join(clean_text(line).split())
    require_fitting(line, LONGEST_LINE)
    return line


def convert(mjml: str) -> str:
    """Return MJML that was written here as HTML. Raises DesignRefused where it cannot be read."""
    refusal = _("HTMLに変換できませんでした。最後に変えたところを元に戻してください。")
    try:
        # Without a loader nothing is included; with no fonts none is loaded.
        with panics_refused(refusal):
            page = str(mjml2html(mjml, fonts={}))
    except ValueError as error:
        raise DesignRefused(refusal) from error
    return bare(page)

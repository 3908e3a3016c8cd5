"""The parts that the mails of a campaign are filled from; the plain and the compiled way begin with the same."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.legal import add_html_footer, add_text_footer
from campaigns.models import Campaign, Delivery
from campaigns.variants import as_variant
from designs.regions import ALL_SHOWN, cut_html, cut_text, without_marks
from tracking.links import Body, frozen_body


@dataclass(frozen=True, slots=True)
class Edition:
    """Which of the mails of a campaign one is: its variant (0 is the campaign itself), and which regions it shows.

    Bit n - 1 of `shown` stands for the region n (designs/regions.py). Without a number every region is there.
    """

    variant: int = 0
    shown: int = ALL_SHOWN


def edition_of(delivery: Delivery) -> Edition:
    """Return which mail a recipient gets, as it was frozen."""
    return Edition(delivery.variant, delivery.shown)


def subject_of(campaign: Campaign, edition: Edition) -> str:
    """Return the subject of an edition, with its merge tags."""
    return as_variant(campaign, edition.variant).subject


def write_body(campaign: Campaign, variant: int = 0) -> Body:
    """Return what is written, with the legal footer, with the marks of its regions, without anything measured."""
    shown = as_variant(campaign, variant)
    return Body(add_text_footer(shown.text), add_html_footer(shown.html) if shown.html.strip() else "")


def unmarked_text(campaign: Campaign) -> str:
    """Return the text part of a mailing for a look at its merge tags, which the marks of regions look like."""
    return without_marks(campaign.text) if campaign.conditions else campaign.text


def cut_body(campaign: Campaign, body: Body, shown: int) -> Body:
    """Return a body with the regions that `shown` says and without marks; as it is where the campaign has no conditions."""
    if not campaign.conditions:
        return body
    return Body(cut_text(body.text, shown), cut_html(body.html, shown))


def whole_body_of(campaign: Campaign, variant: int = 0) -> Body:
    """Return what a variant's mails are cut from; where it is tracked, as it was when its sending began."""
    return frozen_body(campaign.pk, variant) if campaign.is_tracked else write_body(campaign, variant)


def body_of(campaign: Campaign, edition: Edition) -> Body:
    """Return what the mails of an edition are filled from: cut, its merge tags still in it.

    For every page that shows a recipient the mail that was sent, with `edition_of` of the delivery.
    """
    return cut_body(campaign, whole_body_of(campaign, edition.variant), edition.shown)

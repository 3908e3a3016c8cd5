"""A mailing as everybody may read it: from nobody's data, without a link that is one person's, without measuring."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from django.db.models import F
from django.urls import reverse
from django.utils.text import Truncator

from archive.models import Archive
from archive.words import words_in
from campaigns.authors import shared_values
from campaigns.bodies import cut_body, write_body
from campaigns.links import absolute_url
from campaigns.merge_tags import blank_controls, fill, fill_line
from campaigns.models import Campaign, Variant
from campaigns.rendering import Content, fill_content
from campaigns.variants import dressed
from designs.regions import cut_text
from tracking.links import Body

# A recipient's name with its fallback, and a title of courtesy behind it.
NAME: Final = re.compile(r"\{\{[ \t　]*name[ \t　]*(?:\|([^{}\r\n]*))?\}\}([ \t　]*(?:様|さま|さん|殿))?")
TITLES: Final = ("様", "さま", "さん", "殿")
# Characters of the text that feeds tell of a mailing without a preheader.
EXCERPT: Final = 200


def index_url(archive: Archive) -> str:
    """Return the address of an archive."""
    return absolute_url(reverse("archive_index", args=[archive.token]))


def mailing_url(archive: Archive, campaign: Campaign) -> str:
    """Return the address of a mailing in an archive."""
    return absolute_url(reverse("archive_mailing", args=[archive.token, campaign.pk]))


def feed_url(archive: Archive) -> str:
    """Return the address of an archive's feed."""
    return absolute_url(reverse("archive_feed", args=[archive.token]))


def dress(campaigns: Iterable[Campaign]) -> list[Campaign]:
    """Return mailings, never to be saved, each with the words of the variant that won its A/Bテスト."""
    found = list(campaigns)
    # Where the mailing itself won, or nothing was decided, no row is found.
    won = Variant.objects.filter(campaign__split_test__winner=F("number"), campaign__in=[one.pk for one in found])
    variants = {variant.campaign_id: variant for variant in won}
    return [dressed(one, variants[one.pk]) if one.pk in variants else one for one in found]


def values_of(archive: Archive, campaign: Campaign) -> dict[str, str]:
    """Return the values of tags: what is the sender's, and pages that are nobody's in the place of a recipient's own."""
    links = absolute_url(reverse("archive_links", args=[archive.token]))
    return shared_values(campaign) | {
        "unsubscribe_url": links,
        "preferences_url": links,
        "web_url": mailing_url(archive, campaign),
    }


def content_of(archive: Archive, campaign: Campaign) -> Content:
    """Return a dressed mailing without what only some recipients got."""
    body = cut_body(campaign, write_body(campaign), 0)
    named = Body(name_reader(archive, body.text), name_reader(archive, body.html))
    return fill_content(name_reader(archive, campaign.subject), named, values_of(archive, campaign))


def subject_of(archive: Archive, campaign: Campaign) -> str:
    """Return the subject of a dressed mailing."""
    return fill_line(name_reader(archive, campaign.subject), values_of(archive, campaign)).strip()


def excerpt_of(archive: Archive, campaign: Campaign) -> str:
    """Return what a dressed mailing is about in a line: its preheader, else how its text begins."""
    if campaign.preheader:
        return fill_line(name_reader(archive, campaign.preheader), values_of(archive, campaign)).strip()
    text = cut_text(campaign.text, 0) if campaign.conditions else campaign.text
    filled = fill(name_reader(archive, text), values_of(archive, campaign))
    return Truncator(" ".join(blank_controls(filled).split())).chars(EXCERPT)


def name_reader(archive: Archive, text: str) -> str:
    """Return a text that greets whoever reads it: by the fallback of a name, else as a reader, with one title of courtesy."""
    reader = words_in(archive.language).reader

    def greet(match: re.Match[str]) -> str:
        fallback = (match[1] or "").strip()
        # 「お客様 様」 would be wrong.
        title = match[2] if fallback and match[2] and not fallback.endswith(TITLES) else ""
        return "{{name|" + (fallback or reader) + "}}" + title

    return NAME.sub(greet, text)

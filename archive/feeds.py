"""The RSS of an archive."""

import re
from typing import Final

from django.utils.feedgenerator import Rss201rev2Feed
from django.utils.html import escape

from archive.choosing import shown_mailings
from archive.models import Archive
from archive.public_content import dress, excerpt_of, feed_url, index_url, mailing_url, subject_of
from campaigns.merge_tags import blank_controls

NEWEST: Final = 20
# No XML holds these, as references neither (https://www.w3.org/TR/xml/#charsets).
NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_feed(archive: Archive) -> str:
    """Return the newest mailings as RSS 2.0."""
    feed = Rss201rev2Feed(
        title=clean(archive.title),
        link=index_url(archive),
        description=clean(archive.description),
        language=archive.language,
        feed_url=feed_url(archive),
    )
    for campaign in dress(shown_mailings(archive).defer("html")[:NEWEST]):
        url = mailing_url(archive, campaign)
        feed.add_item(
            title=clean(subject_of(archive, campaign)),
            link=url,
            # Readers of feeds take it for HTML, in which an address between < and > would be gone.
            description=escape(clean(excerpt_of(archive, campaign))),
            unique_id=url,
            unique_id_is_permalink=True,
            pubdate=campaign.started_at,
        )
    return feed.writeString("utf-8")


def clean(text: str) -> str:
    """Return a text as a line that XML can hold."""
    return NO_XML.sub("", " ".join(blank_controls(text).split()))

"""The RSS of an archive."""

from typing import Final

from django.utils.feedgenerator import Rss201rev2Feed

from archive.choosing import shown_mailings
from archive.models import Archive
from archive.public_content import dress, excerpt_of, feed_url, index_url, mailing_url, subject_of
from campaigns.merge_tags import blank_controls

NEWEST: Final = 20


def write_feed(archive: Archive) -> str:
    """Return the newest mailings as RSS 2.0."""
    feed = Rss201rev2Feed(
        title=archive.title,
        link=index_url(archive),
        description=" ".join(blank_controls(archive.description).split()),
        language=archive.language,
        feed_url=feed_url(archive),
    )
    for campaign in dress(shown_mailings(archive).defer("html")[:NEWEST]):
        url = mailing_url(archive, campaign)
        feed.add_item(
            title=subject_of(archive, campaign),
            link=url,
            description=excerpt_of(archive, campaign),
            unique_id=url,
            unique_id_is_permalink=True,
            pubdate=campaign.started_at,
        )
    return feed.writeString("utf-8")

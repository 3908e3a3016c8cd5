"""A draft as a mail, for looking at its bytes: nobody gets it."""

from typing import Final

from django.conf import settings

from campaigns.authors import author_of
from campaigns.models import Campaign
from campaigns.rendering import compose, preview
from mta.mime import MimeError, build

# Stands where the mails of recipients have their own token. It is none.
NO_TOKEN: Final = "draft"  # noqa: S105


def draft_mail(campaign: Campaign) -> bytes:
    """Return a mail to somebody without values, unsigned; nothing where none can be made."""
    to = ("", f"someone@{settings.RETURN_DOMAIN}")
    try:
        return build(
            compose(author_of(campaign), preview(campaign, None), to=to, token=NO_TOKEN, date=campaign.created_at)
        )
    except MimeError:
        return b""

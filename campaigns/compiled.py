"""An edition of a campaign compiled once and filled for each delivery. The plain renderer is its oracle (campaigns/rendering.py)."""

import html
from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse

from campaigns.authors import author_of, shared_values
from campaigns.links import MESSAGE_ID, UNSUBSCRIBE, WEB_VERSION, absolute_url, feedback_id, list_id
from campaigns.merge_tags import Cut, blank_controls, cut
from campaigns.models import Campaign, Delivery
from campaigns.tag_formats import split_format
from mta import return_path, tokens
from mta.compiled import CompiledMail, OwnParts, SharedParts
from mta.dkim import SigningKey
from mta.mime import quote_address
from mta.outcomes import Outgoing
from tracking.links import TOKEN_TAG, Body, make_token

# A token in its form, in whose place each delivery has its own.
_SAMPLE_TOKEN = "1-aaaaaaaaaaaaaaaaaaaaaaaaaa"  # noqa: S105


class CompiledCampaign:
    """Renders the deliveries of one edition of a campaign.

    Raises ValueError for a text that cannot be compiled, and MimeError for what no mail can be built of.
    """

    def __init__(self, campaign: Campaign, subject: str, body: Body, keys: Sequence[SigningKey]) -> None:
        author = author_of(campaign)
        known = shared_values(campaign)
        self._subject = cut(subject, known, escape=blank_controls)
        self._text = cut(body.text, known)
        self._html = cut(body.html, known, escape=html.escape) if body.html else Cut((), ())
        self._domain = author.domain
        self._return_domain = author.return_domain or settings.RETURN_DOMAIN
        self._link, self._preferences, self._web = (
            absolute_url(reverse(page, args=[_SAMPLE_TOKEN])).split(_SAMPLE_TOKEN)
            for page in ("unsubscribe", "preferences", "web_version")
        )
        tags = {name for part in (self._subject, self._text, self._html) for name, _ in part.tags}
        self._tags = tags | {split_format(name)[0] for name in tags}
        self._is_tracked = TOKEN_TAG in self._tags
        self._campaign = campaign.pk
        self._mail = CompiledMail(
            SharedParts(
                from_name=author.name,
                from_address=author.address,
                reply_to=author.reply_to,
                list_id=list_id(campaign),
                feedback_id=feedback_id(campaign),
                subject=self._subject.pieces,
                text=self._text.pieces,
                html=self._html.pieces,
            ),
            keys,
        )

    def render(self, delivery: Delivery) -> Outgoing | None:
        """Return the envelope and signed bytes of a delivery; None where a value holds a line end. Raises MimeError."""
        own = tokens.make(UNSUBSCRIBE, delivery.pk, secret=settings.SECRET_KEY)
        url = own.join(self._link)
        token = tokens.make(MESSAGE_ID, delivery.pk, secret=settings.SECRET_KEY)
        values = self._values_of(delivery) | {"unsubscribe_url": url, "preferences_url": own.join(self._preferences)}
        if "web_url" in self._tags:
            values["web_url"] = tokens.make(WEB_VERSION, delivery.pk, secret=settings.SECRET_KEY).join(self._web)
        if self._is_tracked:
            values[TOKEN_TAG] = make_token(self._campaign, delivery.pk)
        if any("\r" in value or "\n" in value for value in values.values()):
            return None
        data, is_wire_ready = self._mail.fill(
            OwnParts(
                to_name=delivery.name,
                to_address=delivery.address,
                subject=self._subject.fill(values, escape=blank_controls),
                text=self._text.fill(values),
                html=self._html.fill(values, escape=html.escape),
                message_id=f"<d-{token}@{self._domain}>",
                date=delivery.mail_date or delivery.due_at,
                boundary=f"=_{token}",
                list_unsubscribe=url,
            )
        )
        return Outgoing(
            id=delivery.pk,
            mail_from=return_path.encode(delivery.pk, secret=settings.SECRET_KEY, domain=self._return_domain),
            rcpt_to=quote_address(delivery.address),
            data=data,
            is_wire_ready=is_wire_ready,
        )

    def _values_of(self, delivery: Delivery) -> dict[str, str]:
        """Return the values of the tags that are used."""
        own = {"name": delivery.name, "address": delivery.address}
        return {name: own[name] if name in own else str(delivery.attributes.get(name, "")) for name in self._tags}

"""Renders one delivery to the bytes that are sent. A retry gives the same bytes."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from campaigns.authors import Author, author_of, required_sender, shared_values, signers_of
from campaigns.bodies import Edition, cut_body, edition_of, subject_of, whole_body_of, write_body
from campaigns.compiled import CompiledCampaign
from campaigns.links import MESSAGE_ID, feedback_id, links_of, list_id, sample_links, unsubscribe_url
from campaigns.merge_tags import fill, fill_html, fill_line
from campaigns.models import Campaign, Delivery
from campaigns.showing import shown_to
from designs.regions import ALL_SHOWN
from lists.models import Subscriber
from mta import dkim, return_path, tokens
from mta.mime import Mail, MimeError, build, quote_address
from mta.outcomes import Outgoing
from senders.dkim_keys import load_keys
from senders.models import Sender
from tracking.links import TOKEN_TAG, Body, make_token

# Editions of campaigns that a renderer keeps compiled, those used last.
MOST_EDITIONS = 64


@dataclass(frozen=True, slots=True)
class Content:
    """The filled parts of a mailing for one person."""

    subject: str
    text: str
    html: str


def person_values(person: Subscriber | Delivery | None) -> dict[str, str]:
    """Return the values of the tags that a subscriber or frozen recipient gives."""
    if person is None:
        return {}
    attributes = {name: str(value) for name, value in person.attributes.items()}
    return attributes | {"name": person.name, "address": person.address}


def fill_content(subject: str, body: Body, values: dict[str, str]) -> Content:
    """Fill subject and body for one person."""
    return Content(
        subject=fill_line(subject, values).strip(), text=fill(body.text, values), html=fill_html(body.html, values)
    )


def preview(campaign: Campaign, person: Subscriber | None, body: Body | None = None) -> Content:
    """Return the content as a subscriber would get it today; without one every block, with the fallbacks.

    `body` is filled where the page shows another selection of the blocks.
    """
    if body is None:
        shown = shown_to(campaign, person, now=timezone.now()) if person else ALL_SHOWN
        body = cut_body(campaign, write_body(campaign), shown)
    links = sample_links()
    return fill_content(campaign.subject, body, person_values(person) | shared_values(campaign) | links)


def untracked_content(delivery: Delivery) -> Content:
    """Return the parts of a delivery as its recipient got them, with the links that the author wrote."""
    campaign, edition = delivery.campaign, edition_of(delivery)
    body = cut_body(campaign, write_body(campaign, edition.variant), edition.shown)
    values = person_values(delivery) | shared_values(campaign) | links_of(delivery.pk)
    return fill_content(subject_of(campaign, edition), body, values)


class Renderer:
    """Renders deliveries of any campaigns; reads the keys of each once."""

    def __init__(self) -> None:
        # By the sender, and the campaign where the mail is one of it.
        self.keys: dict[tuple[int, int | None], tuple[dkim.SigningKey, ...]] = {}
        # Uncut, by campaign and variant.
        self.bodies: dict[tuple[int, int], Body] = {}
        # By campaign; None for an edition that cannot be compiled. The one used last stands last.
        self.compiled: dict[tuple[int, Edition], CompiledCampaign | None] = {}

    def keys_of(self, sender: Sender, campaign: Campaign | None) -> tuple[dkim.SigningKey, ...]:
        """Return the keys by which a campaign is signed, or a sender's mail today, read once; none where it goes unsigned."""
        place = (sender.pk, campaign.pk if campaign else None)
        if place not in self.keys:
            self.keys[place] = load_keys(sender.domain, signers_of(sender, campaign))
        return self.keys[place]

    def body_of(self, campaign: Campaign, edition: Edition) -> Body:
        """Return what the mails of an edition are filled from; what it is cut from is read once."""
        place = (campaign.pk, edition.variant)
        if place not in self.bodies:
            self.bodies[place] = whole_body_of(campaign, edition.variant)
        return cut_body(campaign, self.bodies[place], edition.shown)

    def content_of(self, delivery: Delivery) -> Content:
        """Return the filled parts of a delivery, with links of its own."""
        campaign, edition = delivery.campaign, edition_of(delivery)
        links = links_of(delivery.pk) | {TOKEN_TAG: make_token(campaign.pk, delivery.pk)}
        values = person_values(delivery) | shared_values(campaign) | links
        return fill_content(subject_of(campaign, edition), self.body_of(campaign, edition), values)

    def render(self, delivery: Delivery) -> Outgoing:
        """Return the envelope and signed bytes of a claimed delivery; raises mta.mime.MimeError."""
        compiled = self.compile(delivery.campaign, edition_of(delivery))
        outgoing = compiled.render(delivery) if compiled else None
        return outgoing or self.render_plainly(delivery)

    def compile(self, campaign: Campaign, edition: Edition) -> CompiledCampaign | None:
        """Return the compiled form of an edition, made once as long as not too many others are used."""
        place = (campaign.pk, edition)
        if place in self.compiled:
            self.compiled[place] = self.compiled.pop(place)
            return self.compiled[place]
        if len(self.compiled) >= MOST_EDITIONS:
            del self.compiled[next(iter(self.compiled))]
        try:
            keys = self.keys_of(required_sender(campaign), campaign)
            subject, body = subject_of(campaign, edition), self.body_of(campaign, edition)
            self.compiled[place] = CompiledCampaign(campaign, subject, body, keys)
        except (ValueError, MimeError):
            # The plain way says for each delivery what is wrong with it.
            self.compiled[place] = None
        return self.compiled[place]

    def render_plainly(self, delivery: Delivery) -> Outgoing:
        """Return what `render` returns, built from nothing: the oracle of the compiled form."""
        campaign, sender = delivery.campaign, required_sender(delivery.campaign)
        author = author_of(campaign)
        url = unsubscribe_url(delivery.pk)
        content = self.content_of(delivery)
        token = tokens.make(MESSAGE_ID, delivery.pk, secret=settings.SECRET_KEY)
        mail = compose(
            author,
            content,
            to=(delivery.name, delivery.address),
            token=token,
            date=delivery.mail_date or delivery.due_at,
            list_unsubscribe=(url,),
            list_id=list_id(campaign),
            feedback_id=feedback_id(campaign),
        )
        return Outgoing(
            id=delivery.pk,
            mail_from=return_path.encode(
                delivery.pk, secret=settings.SECRET_KEY, domain=author.return_domain or settings.RETURN_DOMAIN
            ),
            rcpt_to=quote_address(delivery.address),
            data=self.sign(build(mail), sender, campaign, date=mail.date),
        )

    def sign(self, message: bytes, sender: Sender, campaign: Campaign | None, *, date: datetime) -> bytes:
        """Sign with each key that the campaign began with, or those of today.

        The signature's time is the mail's. So a retry is identical, until a key that was replaced can sign no more.
        """
        return dkim.sign(message, *keys, now=date) if (keys := self.keys_of(sender, campaign)) else message


def compose(
    author: Author,
    content: Content,
    *,
    to: tuple[str, str],
    token: str,
    date: datetime,
    list_unsubscribe: tuple[str, ...] = (),
    list_id: str = "",
    feedback_id: str = "",
) -> Mail:
    """Put envelope data and content together. Message-ID and boundary come from `token`, so they never change."""
    return Mail(
        from_name=author.name,
        from_address=author.address,
        to_name=to[0],
        to_address=to[1],
        subject=content.subject,
        text=content.text,
        html=content.html,
        reply_to=author.reply_to,
        message_id=f"<d-{token}@{author.domain}>",
        date=date,
        boundary=f"=_{token}",
        list_unsubscribe=list_unsubscribe,
        list_id=list_id,
        feedback_id=feedback_id,
    )

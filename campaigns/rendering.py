"""Renders one delivery to the bytes that are sent. A retry gives the same bytes."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from campaigns.authors import Author, author_of, read_sender, required_sender
from campaigns.compiled import CompiledCampaign
from campaigns.legal import add_html_footer, add_text_footer
from campaigns.links import MESSAGE_ID, feedback_id, list_id, sample_unsubscribe_url, unsubscribe_url
from campaigns.merge_tags import fill, fill_html, fill_line
from campaigns.models import Campaign, Delivery
from lists.models import Subscriber
from mta import dkim, return_path, tokens
from mta.mime import Mail, MimeError, build, quote_address
from mta.outcomes import Outgoing
from senders.dkim_keys import signing_keys
from senders.models import Sender


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


def fill_content(campaign: Campaign, values: dict[str, str]) -> Content:
    """Fill the campaign's parts, with the legal footer, for one person."""
    return Content(
        subject=fill_line(campaign.subject, values).strip(),
        text=fill(add_text_footer(campaign.text), values),
        html=fill_html(add_html_footer(campaign.html), values) if campaign.html.strip() else "",
    )


def preview(campaign: Campaign, person: Subscriber | None) -> Content:
    """Return the content as a subscriber would get it; without one, with the fallbacks."""
    return fill_content(
        campaign, person_values(person) | author_of(campaign).values() | {"unsubscribe_url": sample_unsubscribe_url()}
    )


class Renderer:
    """Renders deliveries of any campaigns; reads each sender's keys once."""

    def __init__(self) -> None:
        self.keys: dict[int, tuple[dkim.SigningKey, ...]] = {}
        # None for a campaign that cannot be compiled.
        self.compiled: dict[int, CompiledCampaign | None] = {}

    def keys_of(self, sender: Sender) -> tuple[dkim.SigningKey, ...]:
        """Return the signing keys of a sender's domain, none where it has none."""
        if sender.domain_id not in self.keys:
            self.keys[sender.domain_id] = signing_keys(sender.domain)
        return self.keys[sender.domain_id]

    def content_of(self, delivery: Delivery) -> Content:
        """Return the filled parts of a delivery, with its own unsubscribe link."""
        link = {"unsubscribe_url": unsubscribe_url(delivery.pk)}
        return fill_content(delivery.campaign, person_values(delivery) | author_of(delivery.campaign).values() | link)

    def render(self, delivery: Delivery) -> Outgoing:
        """Return the envelope and signed bytes of a claimed delivery; raises mta.mime.MimeError."""
        compiled = self.compile(delivery.campaign)
        outgoing = compiled.render(delivery) if compiled else None
        return outgoing or self.render_plainly(delivery)

    def compile(self, campaign: Campaign) -> CompiledCampaign | None:
        """Return the compiled form of a campaign, made once."""
        if campaign.pk not in self.compiled:
            try:
                self.compiled[campaign.pk] = CompiledCampaign(campaign, self.keys_of(required_sender(campaign)))
            except (ValueError, MimeError):
                # The plain way says for each delivery what is wrong with it.
                self.compiled[campaign.pk] = None
        return self.compiled[campaign.pk]

    def render_plainly(self, delivery: Delivery) -> Outgoing:
        """Return what `render` returns, built from nothing: the oracle of the compiled form."""
        campaign, sender = delivery.campaign, required_sender(delivery.campaign)
        url = unsubscribe_url(delivery.pk)
        content = self.content_of(delivery)
        token = tokens.make(MESSAGE_ID, delivery.pk, secret=settings.SECRET_KEY)
        mail = compose(
            author_of(campaign),
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
            mail_from=return_path.encode(delivery.pk, secret=settings.SECRET_KEY, domain=settings.RETURN_DOMAIN),
            rcpt_to=quote_address(delivery.address),
            data=self.sign(build(mail), sender, date=mail.date),
        )

    def render_test(
        self, campaign: Campaign, person: Subscriber | None, *, to: str, number: int, now: datetime
    ) -> Outgoing:
        """Return a test mail: the content as `person` gets it, sent to `to`. Its Return-Path is the sender."""
        sender = required_sender(campaign)
        token = tokens.make("test-mail", number, secret=settings.SECRET_KEY)
        content = preview(campaign, person)
        marked = Content(subject=f"[テスト] {content.subject}", text=content.text, html=content.html)
        mail = compose(read_sender(sender), marked, to=("", to), token=token, date=now)
        return Outgoing(
            id=number,
            mail_from=sender.address,
            rcpt_to=quote_address(to),
            data=self.sign(build(mail), sender, date=now),
        )

    def sign(self, message: bytes, sender: Sender, *, date: datetime) -> bytes:
        """Sign with each key of the sender's domain. The signature's time is the mail's, so a retry is identical."""
        return dkim.sign(message, *keys, now=date) if (keys := self.keys_of(sender)) else message


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

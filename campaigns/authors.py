"""Who a mailing says it is from. Frozen when it starts, so that an edited sender never changes a retry."""

from dataclasses import asdict, dataclass, replace

from campaigns.models import Campaign
from senders.allow_links import allow_url
from senders.dkim_keys import choose_signers
from senders.models import DkimKey, Sender
from senders.return_domain import own_return_domain
from senders.verification import is_signed


@dataclass(frozen=True, slots=True)
class Author:
    """What a mail shows of its sender (F4).

    `return_domain` is the domain of the customer's own that errors return to, empty where it is RETURN_DOMAIN;
    `signing_keys` are the ids of the DKIM keys by which mails are signed, empty where they are not.
    """

    name: str
    address: str
    reply_to: str
    legal_name: str
    postal_address: str
    contact: str
    # Rows of mailings that started before there was a choice lack it.
    return_domain: str = ""
    # None as well in rows of mailings that started before it was frozen, and before a mailing starts.
    signing_keys: tuple[int, ...] | None = None

    @property
    def domain(self) -> str:
        """The domain of the From address."""
        return self.address.rpartition("@")[2]

    def values(self) -> dict[str, str]:
        """Return the values of the merge tags that the sender gives."""
        return {
            "sender_name": self.name,
            "legal_name": self.legal_name,
            "postal_address": self.postal_address,
            "contact": self.contact,
        }


NOBODY = Author(name="", address="", reply_to="", legal_name="", postal_address="", contact="")


def read_sender(sender: Sender) -> Author:
    """Return what mails show of a sender today."""
    return Author(
        name=sender.name,
        address=sender.address,
        reply_to=sender.reply_to,
        legal_name=sender.legal_name,
        postal_address=sender.postal_address,
        contact=sender.contact,
    )


def author_of(campaign: Campaign) -> Author:
    """Return the frozen author of a campaign that started, else what its sender says today."""
    if campaign.author:
        author = Author(**campaign.author)
        # JSON knows lists alone.
        return author if author.signing_keys is None else replace(author, signing_keys=tuple(author.signing_keys))
    return NOBODY if campaign.sender is None else read_sender(campaign.sender)


def shared_values(campaign: Campaign) -> dict[str, str]:
    """Return the values of the merge tags that are the same for every recipient."""
    link = "" if campaign.sender is None else allow_url(campaign.sender.domain_id)
    return author_of(campaign).values() | {"allow_url": link}


def freeze_author(campaign: Campaign) -> None:
    """Set, without storing, what every mail of the campaign will say of its sender, where its errors return to, and by which
    keys it is signed: neither an outage of the DNS nor a new key may change a retry.
    """
    author = author_of(campaign)
    if campaign.sender is not None and not campaign.author:
        author = replace(
            author,
            return_domain=own_return_domain(campaign.sender.domain),
            signing_keys=tuple(key.pk for key in signers_of(campaign.sender)),
        )
    campaign.author = asdict(author)


def signers_of(sender: Sender, campaign: Campaign | None = None) -> list[DkimKey]:
    """Return the keys by which a sender's mails are signed today, or those of a campaign; none where they go unsigned."""
    keys = sender.domain.dkim_keys.all()
    frozen = author_of(campaign).signing_keys if campaign else None
    if frozen is not None:
        return choose_signers(keys, began_with=frozen)
    started_at = campaign.started_at if campaign else None
    return choose_signers(keys, at=started_at) if is_signed(sender) else []


def required_sender(campaign: Campaign) -> Sender:
    """Return the sender of a campaign that was let through by `require_sendable`."""
    if campaign.sender is None:
        raise ValueError(f"campaign {campaign.pk} has no sender")
    return campaign.sender

"""Who a mailing says it is from. Frozen when it starts, so that an edited sender never changes a retry."""

from dataclasses import asdict, dataclass

from campaigns.models import Campaign
from senders.models import Sender


@dataclass(frozen=True, slots=True)
class Author:
    """What a mail shows of its sender (F4)."""

    name: str
    address: str
    reply_to: str
    legal_name: str
    postal_address: str
    contact: str

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
        return Author(**campaign.author)
    return NOBODY if campaign.sender is None else read_sender(campaign.sender)


def freeze_author(campaign: Campaign) -> None:
    """Set, without storing, what every mail of the campaign will say of its sender."""
    campaign.author = asdict(author_of(campaign))


def required_sender(campaign: Campaign) -> Sender:
    """Return the sender of a campaign that was let through by `require_sendable`."""
    if campaign.sender is None:
        raise ValueError(f"campaign {campaign.pk} has no sender")
    return campaign.sender

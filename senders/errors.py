"""The exception of this app."""

from accounts.models import Workspace
from senders.models import DkimKey, Sender, SenderDomain

About = Sender | SenderDomain | DkimKey | Workspace | None


class SenderError(Exception):
    """Something about a sender is not right.

    `sentence` is Japanese and says what to do; `about` is the object it concerns, where there is one.
    """

    def __init__(self, sentence: str, about: About = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.about = about


class AddressRefused(SenderError):
    """The address or its domain cannot be a sender's; the sentence belongs to that field of the form."""

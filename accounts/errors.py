"""The exception of this app."""

from accounts.models import Membership, Workspace


class AccountError(Exception):
    """A change of members that is refused; `sentence` says in Japanese what to do instead."""

    def __init__(self, sentence: str, about: Membership | Workspace) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.about = about

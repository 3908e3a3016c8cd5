"""The root of this app's exceptions."""


class MtaError(Exception):
    """A mail, key or route that cannot be used.

    `sentence` tells the operator in Japanese what to mend; `subject` names the part that is wrong (a
    header's name, an address, a setting), never a subject line, a name or a body.
    """

    def __init__(self, sentence: str, subject: str = "") -> None:
        super().__init__(f"{sentence} ({subject})" if subject else sentence)
        self.sentence = sentence
        self.subject = subject


class MimeError(MtaError):
    """A value cannot be put into a mail; `subject` is the name of its header, never the value."""

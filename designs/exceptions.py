"""What can go wrong with the look and content of mails, each with a sentence that the person at the screen can act on."""


class DesignsError(Exception):
    """Root of the errors of this app: `sentence` is for people."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class DesignRefused(DesignsError):
    """Content that cannot be used; `place` is the id of the block or empty, `field` the name of what in it is wrong."""

    def __init__(self, sentence: str, place: str = "", field: str = "") -> None:
        super().__init__(sentence)
        self.place = place
        self.field = field

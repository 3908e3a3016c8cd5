"""What can go wrong with 事前クリーニング, each with a sentence that the person at the screen can act on."""


class CleaningError(Exception):
    """Root of the errors of this app: `subject` is what it is about, `sentence` is for people."""

    def __init__(self, sentence: str, subject: object = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.subject = subject


class CleaningRefused(CleaningError):
    """The file cannot be judged, or not now."""


class CleaningGone(CleaningError):
    """The files were deleted: by their owner, or because their time was over."""

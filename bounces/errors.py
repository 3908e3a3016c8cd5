"""What can go wrong at the doors that people and services use, each with a sentence to act on."""


class BouncesError(Exception):
    """Root of these errors: `subject` is what it is about, `sentence` is for people."""

    def __init__(self, sentence: str, subject: object = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.subject = subject


class UploadRefused(BouncesError):
    """The uploaded files cannot be read as mails; nothing of them is kept."""


class TurnLost(BouncesError):
    """Another process took the upload over; this one must not write any more."""


class WebhookRefused(BouncesError):
    """What came to a webhook is not taken; `status` is the answer (RFC 9110)."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status

"""What can go wrong with lists, each with a sentence that the person at the screen can act on."""


class ListsError(Exception):
    """Root of the errors of this app: `subject` is what it is about, `sentence` is for people."""

    def __init__(self, sentence: str, subject: object = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.subject = subject


class InvalidAddress(ListsError):
    """The text is no mail address that can be sent to."""


class UnreadableFile(ListsError):
    """The file as a whole cannot be read as a list of addresses."""


class ImportRefused(ListsError):
    """The import cannot be done as it was asked for; the list stays as it was."""


class RowRefused(ListsError):
    """A row of a file is not imported: `column` and `value` say what in it is wrong, `code` of what kind it is."""

    def __init__(self, sentence: str, column: str = "", value: str = "", code: str = "") -> None:
        super().__init__(sentence, value)
        self.code = code
        self.column = column
        self.value = value


class ClaimLost(ListsError):
    """Another process took the import over; this one must not write any more."""


class ImportCancelled(ListsError):
    """Somebody asked to cancel the import while it was at work; nothing more of it may be written."""


class DryRunOutdated(ListsError):
    """The list changed between the dry run of a 差し替え and its run: other people would leave than was shown."""


class StaleMatch(ListsError):
    """Subscribers came or went between comparing a file with the list and merging it: compare again."""

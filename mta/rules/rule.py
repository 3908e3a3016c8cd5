"""What a row of the table is."""

from dataclasses import dataclass

from mta.verdicts import Phase, Reason


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: what has to fit, what it means, and where the meaning is told.

    All that is given has to fit. The words fit when the text holds one of the phrases `says` or one of the regular
    expressions `patterns` is found in it; `status` fits the whole enhanced status code; `hosts` end the server's name.
    """

    name: str
    reason: Reason
    source: str
    says: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    status: str = ""
    # None stands for "no code was told".
    codes: tuple[int | None, ...] = ()
    hosts: tuple[str, ...] = ()
    phases: tuple[Phase, ...] = ()


AFTER_RCPT = (Phase.DATA, Phase.DOT)
BEFORE_RCPT = (Phase.CONNECT, Phase.GREETING, Phase.EHLO, Phase.STARTTLS, Phase.AUTH, Phase.MAIL)
TEMPORARY_CODES = tuple(range(400, 500))
PERMANENT_CODES = tuple(range(500, 600))

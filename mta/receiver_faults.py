"""Whose fault it is that a receiver's server could not be used, and what that means for its mails."""

import errno
import ssl
from typing import Final

from mta.outcomes import Result
from mta.smtp_replies import Answer, Fault
from mta.verdicts import Phase

# The machine's own fault, whatever the receiver: no such source address, no free port or descriptor, forbidden.
_OWN_ERRORS: Final = frozenset(
    (errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EACCES, errno.EPERM)
)
# The machine's own where every receiver is so.
_UNREACHABLE: Final = frozenset((errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN))


# Before MAIL a server speaks of us, not of a mail: a blocked address may be let in again, and no recipient is to fail
# for it. That it takes no TLS is its affair; that we want some is ours, and may be changed.
_ABOUT_US: Final = frozenset((Phase.GREETING, Phase.EHLO, Phase.STARTTLS))
# RFC 7504 section 3: the host takes no mail at all.
_NO_MAIL_HERE: Final = 521


def result_of(answer: Answer) -> Result:
    """Return what a fault at the receiver's means for a mail: 5xx to a mail is final, all else is tried again."""
    is_final = answer.code >= 500 if answer.code is not None else answer.status.startswith("5")
    is_about_us = answer.phase in _ABOUT_US and answer.code != _NO_MAIL_HERE
    return Result.REFUSED if is_final and not is_about_us else Result.DEFERRED


def is_own(fault: Fault) -> bool:
    """Say whether this machine is at fault, whatever the receiver."""
    return _errno(fault) in _OWN_ERRORS


def is_local(fault: Fault) -> bool:
    """Say whether nothing was heard of the receiver because this machine or its network did not get there."""
    return _errno(fault) in _OWN_ERRORS | _UNREACHABLE


def _errno(fault: Fault) -> int | None:
    cause = fault.__cause__
    # OpenSSL counts its errors by itself.
    return cause.errno if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) else None


def weigh(fault: Fault) -> int:
    """Order faults by what they tell: what may pass, what is final, and what a local error hid."""
    if is_local(fault):
        return 2
    return 0 if result_of(fault.answer) is Result.DEFERRED else 1

"""Secrets at rest (mta/secrets.py), with the errors that senders and what is above them expect."""

from mta import secrets
from senders.errors import SenderError


def encrypt(plain: bytes) -> bytes:
    """Return a token of `plain`; raises SenderError where no usable key is set."""
    try:
        return secrets.encrypt(plain)
    except secrets.SecretError as error:
        raise SenderError(error.sentence) from error


def decrypt(token: bytes | memoryview) -> bytes:
    """Return what `encrypt` was given; raises SenderError where no key fits."""
    try:
        return secrets.decrypt(token)
    except secrets.SecretError as error:
        raise SenderError(error.sentence) from error

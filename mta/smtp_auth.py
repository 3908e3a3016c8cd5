"""Logging in at a relay (RFC 4954): which mechanism, and its dialogue. No password crosses a network in clear."""

import base64
import binascii
import hmac
from collections.abc import Sequence
from typing import Final, Protocol

from mta.smtp_replies import Answer, Fault, Reply
from mta.verdicts import Phase

# In order of preference. Over TLS the plain ones are safe, and every server speaks them as they should be.
_MECHANISMS: Final = ("PLAIN", "LOGIN", "CRAM-MD5")
# Says nothing of the password to who listens; everything else does (RFC 8314 section 3).
_SAFE_IN_CLEAR: Final = ("CRAM-MD5",)


class Dialogue(Protocol):
    """What a login needs of a connection."""

    def write(self, data: bytes) -> None:
        """Send bytes."""

    async def expect(self, phase: Phase, code: int) -> Reply:
        """Return the next reply; raises Fault where its code is another."""


def choose_mechanism(offered: Sequence[str], *, is_private: bool) -> str:
    """Return the mechanism to use; `is_private` says that nobody can listen (TLS, or the same machine).

    Raises Fault where the server offers none that may be used.
    """
    known = _MECHANISMS if is_private else _SAFE_IN_CLEAR
    for mechanism in known:
        if mechanism in offered:
            return mechanism
    if not is_private and set(offered).intersection(_MECHANISMS):
        raise Fault(Answer(Phase.AUTH, "the password is not sent without encryption"))
    raise Fault(Answer(Phase.AUTH, f"the server offers none of AUTH {', '.join(known)}"))


async def log_in(dialogue: Dialogue, mechanism: str, username: str, password: str) -> None:
    """Log in with a mechanism that `choose_mechanism` returned; raises Fault."""
    user, secret = username.encode(), password.encode()
    if mechanism == "PLAIN":
        # RFC 4616.
        dialogue.write(b"AUTH PLAIN %b\r\n" % base64.b64encode(b"\0%b\0%b" % (user, secret)))
    elif mechanism == "LOGIN":
        # draft-murchison-sasl-login: asks for the name and then for the password.
        for command in (b"AUTH LOGIN", base64.b64encode(user)):
            dialogue.write(command + b"\r\n")
            await dialogue.expect(Phase.AUTH, 334)
        dialogue.write(base64.b64encode(secret) + b"\r\n")
    else:
        dialogue.write(b"AUTH CRAM-MD5\r\n")
        challenge = await dialogue.expect(Phase.AUTH, 334)
        dialogue.write(answer_challenge(challenge, user, secret) + b"\r\n")
    await dialogue.expect(Phase.AUTH, 235)


def answer_challenge(challenge: Reply, user: bytes, secret: bytes) -> bytes:
    """Return the answer to the challenge of CRAM-MD5 (RFC 2195); raises Fault where it is none."""
    try:
        text = base64.b64decode(challenge.lines[0], validate=True)
    except binascii.Error as error:
        raise Fault(Answer(Phase.AUTH, "the server's CRAM-MD5 challenge is no base64")) from error
    return base64.b64encode(b"%b %b" % (user, hmac.new(secret, text, "md5").hexdigest().encode("ascii")))

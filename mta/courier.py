"""One connection's work: takes mails, hands them over, and says of each what became of it."""

import re
from typing import Final, NamedTuple, Protocol

from mta.addresses import AddressError, quote_address
from mta.group_commit import GroupCommit
from mta.outcomes import Outgoing, Result
from mta.smtp import Connection
from mta.smtp_replies import Answer, Fault, Reply, answer_of
from mta.verdicts import Phase

_LINE_END = re.compile(rb"\r\n|\r|\n")
# A large mail is handed to the network in pieces, each with a deadline of its own.
_PIECE: Final = 256 * 1024
# RFC 5321 section 4.2.3: the server is about to close; and the mail exceeds its limit (RFC 1870).
_CLOSING, _TOO_LARGE = 421, 552
# The phases of an envelope's replies, in the order of its commands; RSET counts as the beginning of MAIL.
_ENVELOPE: Final = (Phase.MAIL, Phase.RCPT, Phase.DATA)
_RESET: Final = b"RSET\r\n"
_RESET_ENVELOPE: Final = (Phase.MAIL, *_ENVELOPE)


class Source(Protocol):
    """Where a courier gets mails and connections from, and tells what became of them."""

    commits: GroupCommit
    messages_per_connection: int | None
    # Whether MAIL is refused for the sake of one mail, and not because of who we are.
    refuses_single_mails: bool

    def has_mails(self) -> bool:
        """Say whether a mail may be taken."""

    async def has_work(self) -> bool:
        """Wait until a mail is there; False when a connection need not be kept for more."""

    async def connect(self) -> Connection:
        """Return a fresh connection; raises Fault."""

    def take(self) -> Outgoing | None:
        """Return the next mail, or None where there is none just now."""

    def give_back(self, message: Outgoing) -> None:
        """Put a mail that was not begun back to the front."""

    def report(self, message: Outgoing, result: Result, answer: Answer, host: str) -> None:
        """Hand in the outcome of a mail."""

    def blame(self, fault: Fault, host: str) -> None:
        """Remember why a connection ended."""

    def result_of_fault(self, fault: Fault, *, is_fresh: bool) -> Result:
        """Return what becomes of the mail a connection failed with; `is_fresh`: it had settled none before."""


class _HangUpError(Exception):
    """The mail is settled and the connection has to be closed; nobody is at fault."""


class Envelope(NamedTuple):
    """A mail, the commands for it, and the phases of their replies."""

    message: Outgoing
    phases: tuple[Phase, ...]
    commands: tuple[bytes, ...]


def stuff_body(data: bytes) -> bytes:
    """Return a mail as DATA wants it, without the CRLF before the final dot (RFC 5321 section 4.5.2).

    Lone CR and LF become CRLF: some servers take them for line ends, and a dot between two of them for
    the end of the mail.
    """
    line_ends = data.count(b"\r\n")
    if data.count(b"\n") != line_ends or data.count(b"\r") != line_ends:
        data = _LINE_END.sub(b"\r\n", data)
    if data.startswith(b"."):
        data = b"." + data
    return data.replace(b"\r\n.", b"\r\n..").removesuffix(b"\r\n")


class Courier:
    """Works through mails with one connection at a time, and opens another as long as that helps."""

    def __init__(self, source: Source) -> None:
        self._source = source
        # Of the present connection: its host, how many mails were begun and how many settled, and whether RSET is due.
        self._host = ""
        self._begun = 0
        self._settled = 0
        self._reset_due = False
        # The mail on its way, while it has no outcome.
        self._current: Outgoing | None = None
        self._dot_sent = False
        # The next mail, where its envelope was sent together with the dot of the one before.
        self._follower: Envelope | None = None

    async def run(self) -> bool:
        """Work until there is nothing left to do; False where a fresh connection was of no use."""
        while self._source.has_mails():
            try:
                connection = await self._source.connect()
            except Fault as fault:
                self._source.blame(fault, "")
                return False
            if not await self._use(connection):
                return False
        return True

    async def _use(self, connection: Connection) -> bool:
        """Send mails over a connection; False where it failed before it settled one."""
        self._host = connection.route.host
        self._begun, self._settled, self._reset_due = 0, 0, False
        try:
            while (envelope := await self._next_envelope(connection)) is not None:
                self._current, self._dot_sent = envelope.message, False
                if await self._send_envelope(connection, envelope):
                    await self._send_body(connection, envelope.message)
            await connection.quit()
        except _HangUpError:
            return True
        except Fault as fault:
            self._source.blame(fault, self._host)
            is_fresh = not self._settled
            self._fail(fault, is_fresh=is_fresh)
            return not is_fresh
        finally:
            if self._follower is not None:
                self._source.give_back(self._follower.message)
                self._follower = None
            await connection.close()
        return True

    # One mail, step by step

    async def _send_envelope(self, connection: Connection, envelope: Envelope) -> bool:
        """Return True where the server waits for the body; otherwise the mail is settled."""
        is_pipelining = connection.is_pipelining
        phases = envelope.phases
        for step, phase in enumerate(phases):
            if not is_pipelining:
                connection.write(envelope.commands[step])
            reply = connection.take_reply() or await connection.reply(phase)
            if reply.code == 354 if phase is Phase.DATA else 200 <= reply.code < 300:
                continue
            is_of_mail = phase is not Phase.MAIL or reply.code == _TOO_LARGE or self._source.refuses_single_mails
            if reply.code == _CLOSING or not is_of_mail or envelope.commands[step] is _RESET:
                raise Fault(answer_of(reply, phase))
            self._settle(envelope.message, self._refusal(reply, phase), answer_of(reply, phase))
            self._reset_due = True
            if is_pipelining:
                await self._read_useless_replies(connection, phases[step + 1 :])
            return False
        return True

    async def _read_useless_replies(self, connection: Connection, phases: tuple[Phase, ...]) -> None:
        """Read the answers to what was sent together with a command that was refused."""
        for phase in phases:
            reply = await connection.reply(phase)
            if reply.code == _CLOSING:
                raise Fault(answer_of(reply, phase))
            if phase is Phase.DATA and reply.code < 400:
                # It waits for a body all the same (RFC 2920 section 3.1). No dot without a fence: hang up.
                raise _HangUpError

    async def _send_body(self, connection: Connection, message: Outgoing) -> None:
        body = message.data if message.is_wire_ready else stuff_body(message.data) + b"\r\n"
        if len(body) <= _PIECE:
            connection.write(body)
        else:
            for start in range(0, len(body), _PIECE):
                connection.write(body[start : start + _PIECE])
                await connection.drain(Phase.DATA)
        if not connection.is_silent():
            await self._heed_early_reply(connection, message)
        if not await self._source.commits.fence(message.id):
            self._settle(message, Result.WITHDRAWN, Answer(Phase.DATA, "withdrawn before the final dot"))
            raise _HangUpError
        if not connection.is_silent():
            await self._heed_early_reply(connection, message)
        self._dot_sent = True
        self._follower = self._draw(connection) if connection.is_pipelining else None
        if self._follower is None:
            connection.write(b".\r\n")
        else:
            connection.write(b".\r\n" + b"".join(self._follower.commands))
        await self._read_result(connection, message)

    async def _heed_early_reply(self, connection: Connection, message: Outgoing) -> None:
        """Stop before the dot where the server spoke or left during the body."""
        reply = await connection.reply(Phase.DATA)
        if reply.code == _CLOSING:
            raise Fault(answer_of(reply, Phase.DATA))
        self._settle(message, self._refusal(reply, Phase.DATA), answer_of(reply, Phase.DATA))
        raise _HangUpError

    async def _read_result(self, connection: Connection, message: Outgoing) -> None:
        reply = await connection.reply(Phase.DOT)
        if 200 <= reply.code < 300:
            self._settle(message, Result.ACCEPTED, answer_of(reply, Phase.DOT))
            return
        self._settle(message, self._refusal(reply, Phase.DOT), answer_of(reply, Phase.DOT))
        if reply.code == _CLOSING:
            raise _HangUpError

    # Outcomes

    def _refusal(self, reply: Reply, phase: Phase) -> Result:
        if reply.code >= 500:
            return Result.REFUSED
        if reply.code >= 400:
            return Result.DEFERRED
        raise Fault(Answer(phase, f"unexpected reply: {reply.code} {reply.text}"))

    def _settle(self, message: Outgoing, result: Result, answer: Answer) -> None:
        self._source.report(message, result, answer, self._host)
        self._current = None
        self._settled += 1

    def _fail(self, fault: Fault, *, is_fresh: bool) -> None:
        """Say what became of the mail on its way when the connection failed."""
        message, self._current = self._current, None
        if message is None:
            return
        if self._dot_sent:
            answer = fault.answer._replace(phase=Phase.DOT)
            self._source.report(message, Result.DOUBT, answer, self._host)
        elif fault.answer.phase is Phase.MAIL and not is_fresh:
            # The server ended a connection that had been used; a fresh one is asked before the mail is blamed.
            self._source.give_back(message)
        else:
            result = self._source.result_of_fault(fault, is_fresh=is_fresh)
            self._source.report(message, result, fault.answer, self._host)

    # The next mail

    async def _next_envelope(self, connection: Connection) -> Envelope | None:
        """Return the next mail, its envelope sent where the server takes pipelines; None at the end."""
        if self._follower is not None:
            envelope, self._follower = self._follower, None
            return envelope
        while not self._is_used_up() and await self._source.has_work():
            drawn = self._draw(connection)
            if drawn is not None:
                if connection.is_pipelining:
                    connection.write(b"".join(drawn.commands))
                return drawn
        return None

    def _is_used_up(self) -> bool:
        most = self._source.messages_per_connection
        return most is not None and self._begun >= most

    def _draw(self, connection: Connection) -> Envelope | None:
        """Take a mail and write its commands; mails that cannot be sent at all are settled on the way."""
        if self._is_used_up():
            return None
        while (message := self._source.take()) is not None:
            limit = connection.size_limit
            if limit and len(message.data) > limit:
                text = f"message of {len(message.data)} bytes exceeds the limit of {limit}"
                impossible = Answer(Phase.MAIL, text, 552, "5.3.4")
            else:
                try:
                    recipient = quote_address(message.rcpt_to)
                except AddressError as error:
                    impossible = Answer(Phase.RCPT, error.sentence, None, "5.1.3")
                else:
                    self._begun += 1
                    return self._address(connection, message, recipient)
            self._source.report(message, Result.REFUSED, impossible, self._host)
        return None

    def _address(self, connection: Connection, message: Outgoing, recipient: str) -> Envelope:
        sender = quote_address(message.mail_from) if message.mail_from else ""
        data, features = message.data, connection.features
        parameters = f" SIZE={len(data)}" if "SIZE" in features else ""
        if not data.isascii() and "8BITMIME" in features:
            parameters += " BODY=8BITMIME"
        mail = f"MAIL FROM:<{sender}>{parameters}\r\n".encode("ascii")
        rcpt = f"RCPT TO:<{recipient}>\r\n".encode("ascii")
        if not self._reset_due:
            return Envelope(message, _ENVELOPE, (mail, rcpt, b"DATA\r\n"))
        self._reset_due = False
        return Envelope(message, _RESET_ENVELOPE, (_RESET, mail, rcpt, b"DATA\r\n"))

"""One connection's work: takes mails, hands them over, and says of each what became of it."""

import re
import ssl
from dataclasses import dataclass, replace
from typing import Final

from mta.addresses import AddressError, quote_address
from mta.dispatch import Dispatch
from mta.outcomes import Outgoing, Result
from mta.smtp import Answer, Connection, Fault, Reply, Timeouts, answer_of
from mta.verdicts import Phase

_LINE_END = re.compile(rb"\r\n|\r|\n")
# A large mail is handed to the network in pieces, each with a deadline of its own.
_PIECE: Final = 256 * 1024
# RFC 5321 section 4.2.3: the server is about to close; and the mail exceeds its limit (RFC 1870).
_CLOSING, _TOO_LARGE = 421, 552


class _HangUpError(Exception):
    """The mail is settled and the connection has to be closed; nobody is at fault."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A mail and the commands for it, in their order."""

    message: Outgoing
    commands: tuple[tuple[Phase, bytes], ...]


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

    def __init__(self, dispatch: Dispatch, tls: ssl.SSLContext | None, timeouts: Timeouts) -> None:
        self._dispatch = dispatch
        self._tls = tls
        self._timeouts = timeouts
        # Of the present connection: how many mails the server settled, and whether RSET is due.
        self._settled = 0
        self._reset_due = False
        # The mail on its way, while it has no outcome.
        self._current: Outgoing | None = None
        self._dot_sent = False
        # The next mail, where its envelope was sent together with the dot of the one before.
        self._follower: Envelope | None = None

    async def run(self) -> None:
        """Work until there is nothing left, or until a fresh connection is of no use."""
        while await self._dispatch.has_work():
            self._settled, self._reset_due = 0, False
            connection = Connection(
                self._dispatch.route, timeouts=self._timeouts, tls=self._tls, not_after=self._dispatch.ends
            )
            try:
                await connection.open()
                await self._serve(connection)
            except _HangUpError:
                continue
            except Fault as fault:
                self._dispatch.blame(fault.answer)
                self._fail(fault.answer)
                if not self._settled:
                    return
            finally:
                if self._follower is not None:
                    self._dispatch.give_back(self._follower.message)
                    self._follower = None
                await connection.close()

    async def _serve(self, connection: Connection) -> None:
        while (envelope := await self._next_envelope(connection)) is not None:
            self._current, self._dot_sent = envelope.message, False
            if await self._send_envelope(connection, envelope):
                await self._send_body(connection, envelope.message)
        await connection.quit()

    # One mail, step by step

    async def _send_envelope(self, connection: Connection, envelope: Envelope) -> bool:
        """Return True where the server waits for the body; otherwise the mail is settled."""
        for phase, command in envelope.commands:
            if not _is_pipelining(connection):
                connection.write(command)
            reply = await connection.reply(phase)
            if _is_good(reply, phase):
                continue
            if reply.code == _CLOSING or (phase is Phase.MAIL and reply.code != _TOO_LARGE):
                raise Fault(answer_of(reply, phase))
            self._settle(envelope.message, self._refusal(reply, phase), answer_of(reply, phase))
            if phase is Phase.MAIL:
                raise _HangUpError
            if phase is Phase.RCPT and _is_pipelining(connection):
                await self._read_useless_data_reply(connection)
            self._reset_due = True
            return False
        return True

    async def _read_useless_data_reply(self, connection: Connection) -> None:
        """Read the answer to a DATA that was sent before its only recipient was refused."""
        reply = await connection.reply(Phase.DATA)
        if reply.code == _CLOSING:
            raise Fault(answer_of(reply, Phase.DATA))
        if reply.code < 400:
            # It waits for a body all the same (RFC 2920 section 3.1). No dot without a fence: hang up.
            raise _HangUpError

    async def _send_body(self, connection: Connection, message: Outgoing) -> None:
        body = message.data[:-2] if message.is_wire_ready else stuff_body(message.data)
        for start in range(0, len(body), _PIECE):
            connection.write(body[start : start + _PIECE])
            await connection.drain(Phase.DATA)
        await self._heed_early_reply(connection, message)
        if not await self._dispatch.commits.fence(message.id):
            self._settle(message, Result.WITHDRAWN, Answer(Phase.DATA, "withdrawn before the final dot"))
            raise _HangUpError
        await self._heed_early_reply(connection, message)
        self._follower = self._draw(connection) if _is_pipelining(connection) else None
        self._dot_sent = True
        connection.write(b"\r\n.\r\n" + _joined(self._follower))
        await self._read_result(connection, message)

    async def _heed_early_reply(self, connection: Connection, message: Outgoing) -> None:
        """Stop before the dot where the server spoke or left during the body."""
        if connection.has_reply():
            reply = await connection.reply(Phase.DATA)
            if reply.code == _CLOSING:
                raise Fault(answer_of(reply, Phase.DATA))
            self._settle(message, self._refusal(reply, Phase.DATA), answer_of(reply, Phase.DATA))
            raise _HangUpError
        connection.require_open(Phase.DATA)

    async def _read_result(self, connection: Connection, message: Outgoing) -> None:
        reply = await connection.reply(Phase.DOT)
        answer = answer_of(reply, Phase.DOT)
        if 200 <= reply.code < 300:
            self._settle(message, Result.ACCEPTED, answer)
            return
        self._settle(message, self._refusal(reply, Phase.DOT), answer)
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
        self._dispatch.report(message, result, answer)
        self._current = None
        self._settled += 1

    def _fail(self, answer: Answer) -> None:
        """Say what became of the mail on its way when the connection failed."""
        message, self._current = self._current, None
        if message is None:
            return
        if self._dot_sent:
            self._dispatch.report(message, Result.DOUBT, replace(answer, phase=Phase.DOT))
        elif answer.phase is Phase.MAIL and self._settled:
            # The server ended a connection that had been used; a fresh one is asked before the mail is blamed.
            self._dispatch.give_back(message)
        else:
            late = self._dispatch.is_late()
            self._dispatch.report(message, Result.UNTOUCHED if late else Result.ROUTE_FAULT, answer)

    # The next mail

    async def _next_envelope(self, connection: Connection) -> Envelope | None:
        """Return the next mail, its envelope sent where the server takes pipelines; None at the end."""
        if self._follower is not None:
            envelope, self._follower = self._follower, None
            return envelope
        while await self._dispatch.has_work():
            drawn = self._draw(connection)
            if drawn is not None:
                if _is_pipelining(connection):
                    connection.write(_joined(drawn))
                return drawn
        return None

    def _draw(self, connection: Connection) -> Envelope | None:
        """Take a mail and write its commands; mails that cannot be sent at all are settled on the way."""
        while (message := self._dispatch.take()) is not None:
            impossible = self._find_obstacle(connection, message)
            if impossible is None:
                try:
                    recipient = quote_address(message.rcpt_to)
                except AddressError as error:
                    impossible = Answer(Phase.RCPT, error.sentence, None, "5.1.3")
                else:
                    return Envelope(message, self._commands(connection, message, recipient))
            self._dispatch.report(message, Result.REFUSED, impossible)
        return None

    def _find_obstacle(self, connection: Connection, message: Outgoing) -> Answer | None:
        limit = connection.features.get("SIZE", "")
        if limit.isascii() and limit.isdigit() and 0 < int(limit[:15]) < len(message.data):
            return Answer(
                Phase.MAIL, f"message of {len(message.data)} bytes exceeds the limit of {limit[:15]}", 552, "5.3.4"
            )
        return None

    def _commands(self, connection: Connection, message: Outgoing, recipient: str) -> tuple[tuple[Phase, bytes], ...]:
        sender = quote_address(message.mail_from) if message.mail_from else ""
        parameters = ""
        if "SIZE" in connection.features:
            parameters += f" SIZE={len(message.data)}"
        if "8BITMIME" in connection.features and not message.data.isascii():
            parameters += " BODY=8BITMIME"
        commands = (
            (Phase.MAIL, f"MAIL FROM:<{sender}>{parameters}\r\n".encode("ascii")),
            (Phase.RCPT, f"RCPT TO:<{recipient}>\r\n".encode("ascii")),
            (Phase.DATA, b"DATA\r\n"),
        )
        if self._reset_due:
            self._reset_due = False
            return ((Phase.MAIL, b"RSET\r\n"), *commands)
        return commands


def _is_pipelining(connection: Connection) -> bool:
    return "PIPELINING" in connection.features


def _is_good(reply: Reply, phase: Phase) -> bool:
    return reply.code == 354 if phase is Phase.DATA else 200 <= reply.code < 300


def _joined(envelope: Envelope | None) -> bytes:
    return b"".join(command for _phase, command in envelope.commands) if envelope else b""

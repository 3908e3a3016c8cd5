"""An SMTP server that accepts everything and keeps nothing. Prints its port, then serves until it is ended."""

import asyncio
import sys

GREETING = b"220 sink.example ESMTP\r\n"
EHLO = b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 104857600\r\n"
OK = b"250 2.0.0 OK\r\n"
GO_ON = b"354 End data with <CR><LF>.<CR><LF>\r\n"
BYE = b"221 2.0.0 Bye\r\n"


class Sink(asyncio.Protocol):
    """One connection; commands may come pipelined (RFC 2920)."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.pending = bytearray()
        self.in_data = False
        transport.write(GREETING)

    def data_received(self, data: bytes) -> None:
        self.pending += data
        answers = bytearray()
        while (answer := self.read_one()) is not None:
            answers += answer
        if answers:
            self.transport.write(bytes(answers))

    def read_one(self) -> bytes | None:
        """Take one command or one mail from what came; None where it is not whole yet."""
        if self.in_data:
            end = self.pending.find(b"\r\n.\r\n")
            if end < 0:
                return None
            del self.pending[: end + 5]
            self.in_data = False
            return OK
        end = self.pending.find(b"\r\n")
        if end < 0:
            return None
        verb = bytes(self.pending[:4]).upper()
        del self.pending[: end + 2]
        self.in_data = verb == b"DATA"
        return {b"EHLO": EHLO, b"HELO": OK, b"DATA": GO_ON, b"QUIT": BYE}.get(verb, OK)


async def serve() -> None:
    """Listen on a free port of loopback."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())

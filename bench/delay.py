"""A proxy that delays what goes through, without a limit of its own: `delay.py PORT MILLISECONDS`. Prints its port."""

import asyncio
import sys
from typing import cast

import uvloop


class Half(asyncio.Protocol):
    """One side of a connection; what it reads is written to the other side later."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.other: Half | None = None
        self.transport: asyncio.Transport | None = None
        # What came before the other side was there.
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Those of uvloop are of no class of asyncio's.
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        asyncio.get_running_loop().call_later(self.delay, self.pass_on, data)

    def pass_on(self, data: bytes) -> None:
        if self.other is None or self.other.transport is None:
            self.early.append(data)
        else:
            self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        asyncio.get_running_loop().call_later(self.delay, self.close_other)

    def close_other(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


class Front(Half):
    """The side that was connected to: opens the other one, a round trip later."""

    def __init__(self, delay: float, port: int) -> None:
        super().__init__(delay)
        self.port = port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.task = asyncio.get_running_loop().create_task(self.open())

    async def open(self) -> None:
        await asyncio.sleep(2 * self.delay)
        back = Half(self.delay)
        back.other = self
        await asyncio.get_running_loop().create_connection(lambda: back, "127.0.0.1", self.port)
        self.other = back
        for data in self.early:
            self.pass_on(data)


async def serve(port: int, delay: float) -> None:
    """Listen on a free port of loopback."""
    server = await asyncio.get_running_loop().create_server(lambda: Front(delay, port), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))

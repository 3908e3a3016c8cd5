"""Sends over a server of the tests, and asks of every run what must always hold."""

import asyncio
from collections.abc import Callable, Sequence

import uvloop

from mta.engine import Outgoing, Timeouts, send_batches
from mta.routes import Route, Security
from tests.mta.fault_server import FaultServer
from tests.mta.memory_ledger import MemoryLedger

# Long enough for a busy machine, and short where a server is to be given up.
PATIENT = Timeouts(connect=10, greeting=10, command=10, data=10, body=10, dot=10, late=10)
IMPATIENT = Timeouts(connect=0.4, greeting=0.2, command=0.2, data=0.2, body=0.2, dot=0.4, late=0.1)
BODY = b"Subject: hello\r\n\r\nhello\r\n"
PIPELINING = ("PIPELINING", "SIZE 10485760")
STEPWISE = ("SIZE 10485760",)
# The engine uses uvloop where there is one, and must do as well without.
LOOPS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


def make_route(
    port: int, *, security: Security = "none", login: tuple[str, str] = ("", ""), verify: bool = True
) -> Route:
    return Route("relay", "127.0.0.1", port, security, *login, "client.example", verify)


def make_mails(count: int, data: bytes = BODY) -> list[Outgoing]:
    return [Outgoing(number, "news@shop.example", f"r{number}@example.jp", data) for number in range(1, count + 1)]


def send_to(
    server: FaultServer,
    mails: Sequence[Outgoing],
    *,
    ledger: MemoryLedger | None = None,
    connections: int = 1,
    window: int = 64,
    deadline: float | None = None,
    route: Route | None = None,
    timeouts: Timeouts = PATIENT,
    messages_per_connection: int | None = None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop,
) -> MemoryLedger:
    """Send and return the ledger, in which every mail has its one outcome."""
    ledger = ledger or MemoryLedger()
    send_batches(
        [mails],
        route or make_route(server.port),
        ledger,
        connections=connections,
        window=window,
        deadline=deadline,
        timeouts=timeouts,
        messages_per_connection=messages_per_connection,
        loop_factory=loop_factory,
    )
    assert sorted(ledger.outcomes) == sorted(mail.id for mail in mails)
    assert ledger.closed == 1
    assert len(ledger.threads) == 1
    return ledger

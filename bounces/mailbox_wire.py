"""Connections to the servers of mailboxes, with limits that hold against any server."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from bounces.mailbox_errors import MailboxError, Step, during
from bounces.models import Security

# The ports of IMAP and POP3 (RFC 8314 section 7.3). Members enter hosts, and must not reach other services by us.
MAIL_PORTS = (110, 143, 993, 995)
# Loopback, RFC 1918, RFC 4193 and link-local.
LOCAL_NETWORKS = [
    ipaddress.ip_network(network)
    for network in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1", "fc00::/7", "fe80::/10")
]
# Where a name leads to many addresses, these are enough.
ADDRESSES = 2
# No answer to one command is longer; the list of a million messages is about 8 MB.
COMMAND_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Server:
    """Where a mailbox is."""

    host: str
    port: int
    security: Security


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds for opening a connection, for each answer, and for the whole conversation."""

    connect: float
    answer: float
    whole: float


# A task may take its time; a person waits for a check, and a web worker has 30 seconds.
FOR_TASK = Patience(connect=10, answer=20, whole=90)
FOR_CHECK = Patience(connect=4, answer=6, whole=12)


class Wire:
    """One connection: opens it, cuts it when its time is over, and counts what comes in."""

    def __init__(self, server: Server, patience: Patience) -> None:
        self.server = server
        self.patience = patience
        self.received = 0
        self.socket: socket.socket | None = None
        # A second handle on the connection, which stays the same when TLS is put around the first.
        self.handle: socket.socket | None = None
        self.timer: threading.Timer | None = None

    def connect(self) -> socket.socket:
        """Return a connected socket, inside TLS where the mailbox says so. Raises MailboxError."""
        require_port(self.server.port)
        self.socket = self.open_any(self.resolve())
        self.watch(self.socket)
        self.socket.settimeout(self.patience.answer)
        if self.server.security == Security.TLS:
            with during(Step.TLS):
                self.socket = make_context().wrap_socket(self.socket, server_hostname=self.server.host)
        return self.socket

    def resolve(self) -> list[str]:
        """Return the addresses of the host; without TLS only those of the own network will do."""
        with during(Step.NAME):
            found = socket.getaddrinfo(self.server.host, self.server.port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))[:ADDRESSES]
        if self.server.security == Security.NONE and not all(map(is_local_address, addresses)):
            raise MailboxError(Step.CONNECT, _("暗号化なしで接続できるのは、同じネットワークのサーバーだけです。"))
        return addresses

    def open_any(self, addresses: list[str]) -> socket.socket:
        """Return a connection to the first address that takes one; raises MailboxError of the last that did not."""
        failure: MailboxError | None = None
        for address in addresses:
            try:
                with during(Step.CONNECT):
                    return socket.create_connection((address, self.server.port), self.patience.connect)
            except MailboxError as error:
                failure = error
        raise failure or MailboxError(Step.NAME, _("サーバーの名前が見つかりません。"))

    def watch(self, connection: socket.socket) -> None:
        """Cut the connection when its time is over: a server that sends a byte now and then meets every timeout."""
        self.handle = connection.dup()
        self.timer = threading.Timer(self.patience.whole, self.cut)
        self.timer.daemon = True
        self.timer.start()

    def cut(self) -> None:
        """End the connection in both directions, whoever waits on it."""
        if self.handle is not None:
            try:
                self.handle.shutdown(socket.SHUT_RDWR)
            except OSError:
                # It ended by itself.
                return

    def close(self) -> None:
        """End the connection, where it still is, and stop watching it."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer.join()
        self.cut()
        for end in (self.handle, self.socket):
            if end is not None:
                end.close()

    def begin(self) -> None:
        """Begin a command: what is received counts anew."""
        self.received = 0

    def spend(self, size: int) -> None:
        """Count `size` bytes that come in; raises OSError before they are more than memory should hold."""
        self.received += size
        if self.received > COMMAND_BYTES:
            raise OSError(f"more than {COMMAND_BYTES} bytes in answer to one command")


def make_context() -> ssl.SSLContext:
    """Return TLS settings that verify certificate and name; SSL_CERT_FILE may name other authorities."""
    return ssl.create_default_context()


def require_port(port: int) -> None:
    """Raise MailboxError unless a mailbox may be at `port`."""
    if port not in MAIL_PORTS and not settings.MAILBOX_ANY_PORT:
        raise MailboxError(
            Step.CONNECT, _("ポートは%(ports)sのどれかにしてください。") % {"ports": "、".join(map(str, MAIL_PORTS))}
        )


def is_local_address(text: str) -> bool:
    """Say whether an IP address is of this machine or of a private network."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return any(address in network for network in LOCAL_NETWORKS)


def is_local_host(host: str) -> bool:
    """Say whether a host name or address can only be in the own network."""
    try:
        return is_local_address(host)
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal", ".home.arpa"))

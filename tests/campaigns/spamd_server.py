"""A spamd on loopback: it reads requests as SpamAssassin's does, and answers as each test says."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

HOST = "127.0.0.1"


def answer_with(score: str, rules: str = "", *, spam: str = "False") -> bytes:
    """Return an answer as spamd 4.0 writes it."""
    return f"SPAMD/1.1 0 EX_OK\r\nContent-length: {len(rules)}\r\nSpam: {spam} ; {score} / 5.0\r\n\r\n{rules}".encode()


class Spamd:
    """`asked` are the mails, `commands` the first lines of the requests; `first` are answers given before `answer`."""

    def __init__(self) -> None:
        self.answer = answer_with("0.0")
        self.first: list[bytes] = []
        self.is_silent = False
        self.released = threading.Event()
        self.asked: list[bytes] = []
        self.commands: list[str] = []
        self.listener = socket.create_server((HOST, 0))
        self.address = f"{HOST}:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _address = self.listener.accept()
                with connection, connection.makefile("rb") as stream:
                    self.commands.append(stream.readline().decode().strip())
                    length = re.fullmatch(rb"Content-length: ([0-9]+)\r\n", stream.readline())
                    stream.readline()
                    self.asked.append(stream.read(int(length[1])) if length else b"")
                    if self.is_silent:
                        self.released.wait()
                    else:
                        connection.sendall(self.first.pop(0) if self.first else self.answer)

    def stop(self) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.released.set()
        self.thread.join()


@contextmanager
def serve_spamd() -> Iterator[Spamd]:
    """Serve on a free port."""
    server = Spamd()
    try:
        yield server
    finally:
        server.stop()

"""A real web server on loopback that answers as each test says, also wrongly."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Answer = Callable[[socket.socket], None]
HOST = "127.0.0.1"


def say(status: int = 200, **headers: object) -> Answer:
    """Answer with a status and headers (`content_length=5`), and no body."""
    lines = [f"HTTP/1.1 {status} so"] + [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return lambda connection: connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())


def send(data: bytes) -> Answer:
    """Answer with bytes as they are."""
    return lambda connection: connection.sendall(data)


def drip(every: float) -> Answer:
    """Begin an answer and go on with a letter now and then, without an end."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            time.sleep(every)
            connection.sendall(b"x")

    return answer


def pour(connection: socket.socket) -> None:
    """Send headers of ten megabytes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(10_000):
        connection.sendall(b"X-Much: " + b"x" * 990 + b"\r\n")


class WebServer:
    """Answers each path by its answer (404 where it has none); `asked` are the heads of the requests."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.context = context
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.answers: dict[str, Answer] = {}
        self.heads: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.open: list[socket.socket] = []
        self.threads = [threading.Thread(target=self.serve)]
        self.threads[0].start()

    def url(self, path: str, host: str = HOST) -> str:
        return f"http{'s' if self.context else ''}://{host}:{self.port}{path}"

    def lines(self) -> list[str]:
        """Return the first lines of the requests."""
        return [head.partition("\r\n")[0] for head in self.asked]

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _address = self.listener.accept()
                self.open.append(connection)
                self.threads.append(threading.Thread(target=self.converse, args=(connection,)))
                self.threads[-1].start()

    def converse(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
                self.open.append(connection)
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65536) or b"\r\n\r\n"
                if head.startswith(b"\x16"):
                    # A greeting of TLS to a server that has none.
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    raise ConnectionAbortedError
            self.asked.append(head.decode())
            method, path = head.decode().split(" ")[:2]
            answer = self.heads.get(path) if method == "HEAD" else None
            (answer or self.answers.get(path) or say(404))(connection)
            connection.close()

    def stop(self) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self.threads:
            thread.join()


@contextmanager
def serve_web(context: ssl.SSLContext | None = None) -> Iterator[WebServer]:
    """Serve on a free port of loopback."""
    server = WebServer(context)
    try:
        yield server
    finally:
        server.stop()

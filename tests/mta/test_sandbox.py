"""The sandbox's mail server: real SMTP in, real bounce mails out by LMTP."""

import asyncio
import smtplib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from flufl.bounce import all_failures

from hypermail.valkey import find_free_port
from mta.sandbox import store as store_module
from mta.sandbox.answers import Action, find_answer
from mta.sandbox.reading import decode_text
from mta.sandbox.server import return_due, serve, split_listen
from mta.sandbox.store import Store
from tests.conftest import Sink

RETURN_PATH = "b-1-abc@bounce.localhost"
MAIL = (
    b"From: shop@shop.example\r\nTo: reader@bounce.example\r\nSubject: =?utf-8?b?44GK55+l44KJ44Gb?=\r\n"
    b"Message-ID: <1@shop.example>\r\n\r\nHello\r\n"
)


class Running:
    """A sandbox that serves in a thread with its own loop, as `manage.py run_sandbox` does in a process."""

    def __init__(self, path: Path, door: Sink) -> None:
        self.path = path
        self.port = find_free_port()
        self.door = door
        self.ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.serve()))
        self.thread.start()
        assert self.ready.wait(5)

    async def serve(self) -> None:
        store = Store(self.path)
        self.loop = asyncio.get_running_loop()
        self.task = asyncio.ensure_future(serve(store, ("127.0.0.1", self.port), (self.door.host, self.door.port)))
        self.loop.call_soon(self.ready.set)
        with suppress(asyncio.CancelledError):
            await self.task
        store.close()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.task.cancel)
        self.thread.join(5)

    def connect(self) -> smtplib.SMTP:
        for _ in range(100):
            with suppress(ConnectionRefusedError):
                return smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.example", timeout=5)
            time.sleep(0.02)
        raise AssertionError("the sandbox does not listen")

    def send(self, address: str, content: bytes = MAIL, mail_from: str = RETURN_PATH) -> None:
        with self.connect() as client:
            client.sendmail(mail_from, [address], content)


@pytest.fixture
def sandbox(tmp_path: Path, lmtp_sink: Sink) -> Iterator[Running]:
    running = Running(tmp_path / "sandbox.sqlite3", lmtp_sink)
    yield running
    running.stop()


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def fields_of(report: Message) -> Message:
    """Return the per-recipient fields of a delivery report."""
    status = report.get_payload(1)
    assert isinstance(status, Message)
    fields = status.get_payload(1)
    assert isinstance(fields, Message)
    return fields


def test_keeps_what_it_accepts(sandbox: Running) -> None:
    sandbox.send("reader@example.jp")
    store = Store(sandbox.path)
    [stored] = store.list_newest("", 0, 10)
    found = store.get(stored.id)
    store.close()
    assert (stored.mail_from, stored.rcpt_to, stored.subject) == (RETURN_PATH, "reader@example.jp", "お知らせ")
    assert found is not None
    assert found[1] == MAIL
    assert sandbox.door.messages == []


def test_returns_a_report_to_the_return_path(sandbox: Running) -> None:
    sandbox.send("unknown1@bounce.example")
    wait_for(lambda: sandbox.door.messages)
    [received] = sandbox.door.messages
    assert received.mail_from in ("", "<>")
    assert received.rcpt_to == [RETURN_PATH]
    report = message_from_bytes(received.content)
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "delivery-status"
    human, status, returned = list(report.walk())[1], report.get_payload(1), report.get_payload(2)
    assert isinstance(status, Message)
    assert isinstance(returned, Message)
    assert [part.get_content_type() for part in (human, status, returned)] == [
        "text/plain",
        "message/delivery-status",
        "text/rfc822-headers",
    ]
    text = decode_text(human)
    assert "宛先のメールアドレスは存在しません。" in text
    assert "The recipient's address does not exist." in text
    fields = fields_of(report)
    assert (fields["Action"], fields["Status"]) == ("failed", "5.1.1")
    assert fields["Diagnostic-Code"] == "smtp; 550 5.1.1 <unknown1@bounce.example>: user unknown"
    assert "Message-ID: <1@shop.example>" in str(returned.get_payload())
    assert set(all_failures(report)[1]) == {b"unknown1@bounce.example"}


@pytest.mark.parametrize(
    ("local", "action", "status"),
    [
        ("nobody", Action.FAILED, "5.1.1"),
        ("unknown.user", Action.FAILED, "5.1.1"),
        ("full3", Action.FAILED, "5.2.2"),
        ("blocked", Action.FAILED, "5.7.1"),
        ("spam", Action.FAILED, "5.7.1"),
        ("host", Action.FAILED, "5.1.2"),
        ("domain", Action.FAILED, "5.1.2"),
        ("suspended", Action.FAILED, "5.2.1"),
        ("disabled", Action.FAILED, "5.2.1"),
        ("slow", Action.FAILED, "4.4.7"),
        ("temporary", Action.FAILED, "4.4.7"),
        ("delayed", Action.DELAYED, "4.4.1"),
        ("auto", Action.AUTO_REPLY, ""),
        ('"full..box"', Action.FAILED, "5.2.2"),
        ("FULL", Action.FAILED, "5.2.2"),
    ],
)
def test_the_local_part_chooses_the_answer(local: str, action: Action, status: str) -> None:
    answer = find_answer(f"{local}@bounce.example")
    assert answer is not None
    assert (answer.action, answer.status) == (action, status)


def test_a_delay_notice_and_an_automatic_reply_are_no_failures(sandbox: Running) -> None:
    sandbox.send("delayed@bounce.example")
    sandbox.send("auto@bounce.example")
    wait_for(lambda: len(sandbox.door.messages) == 2)
    by_type = {
        message.get_content_type(): message
        for message in (message_from_bytes(received.content) for received in sandbox.door.messages)
    }
    assert fields_of(by_type["multipart/report"])["Action"] == "delayed"
    assert fields_of(by_type["multipart/report"])["Will-Retry-Until"]
    assert by_type["text/plain"]["Auto-Submitted"] == "auto-replied"
    assert by_type["text/plain"]["In-Reply-To"] == "<1@shop.example>"


def test_never_answers_a_notice(sandbox: Running) -> None:
    """RFC 5321 section 4.5.5: mail from <> makes no bounce."""
    sandbox.send("unknown@bounce.example", mail_from="")
    store = Store(sandbox.path)
    assert store.due_notices(10, now=time.time() + 100) == []
    store.close()


def test_refuses_at_rcpt(sandbox: Running) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        sandbox.send("reader@reject.example")
    code, text = refused.value.recipients["reader@reject.example"]
    assert code == 550
    assert text.startswith(b"5.1.1")


def test_greylists_each_mail_once(sandbox: Running) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        sandbox.send("reader@defer.example")
    assert refused.value.recipients["reader@defer.example"][0] == 451
    sandbox.send("reader@defer.example")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        sandbox.send("reader@defer.example", mail_from="b-2-abc@bounce.localhost")


def test_takes_pipelined_commands(sandbox: Running) -> None:
    with sandbox.connect() as client:
        client.ehlo()
        assert {"pipelining", "8bitmime", "smtputf8", "size"} <= set(client.esmtp_features)
        client.send(b"MAIL FROM:<a@shop.example>\r\nRCPT TO:<x@reject.example>\r\nRCPT TO:<y@example.jp>\r\nDATA\r\n")
        assert [client.getreply()[0] for _ in range(4)] == [250, 550, 250, 354]
        client.send(MAIL + b".\r\nMAIL FROM:<a@shop.example>\r\n")
        assert [client.getreply()[0] for _ in range(2)] == [250, 250]


def test_keeps_a_notice_while_the_door_is_down(tmp_path: Path, lmtp_sink: Sink) -> None:
    store = Store(tmp_path / "sandbox.sqlite3")
    store.add_notice(RETURN_PATH, MAIL, due_at=100)
    assert asyncio.run(return_due(store, ("127.0.0.1", find_free_port()), now=100)) == 1
    assert store.due_notices(10, now=100) == []
    [notice] = store.due_notices(10, now=101)
    assert notice.attempts == 1
    assert asyncio.run(return_due(store, (lmtp_sink.host, lmtp_sink.port), now=101)) == 1
    store.close()
    assert len(lmtp_sink.messages) == 1


def test_retries_a_temporary_refusal_and_drops_a_final_one(tmp_path: Path, lmtp_sink: Sink) -> None:
    lmtp_sink.replies = {"later@bounce.localhost": "451 4.3.0 later", "never@bounce.localhost": "550 5.1.1 no"}
    store = Store(tmp_path / "sandbox.sqlite3")
    for name in ("later", "never", "now"):
        store.add_notice(f"{name}@bounce.localhost", MAIL, due_at=100)
    asyncio.run(return_due(store, (lmtp_sink.host, lmtp_sink.port), now=100))
    assert [notice.return_path for notice in store.due_notices(10, now=200)] == ["later@bounce.localhost"]
    store.close()
    assert [received.rcpt_to for received in lmtp_sink.messages] == [["now@bounce.localhost"]]


def test_keeps_the_newest_messages_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "KEEP_MESSAGES", 3)
    store = Store(tmp_path / "sandbox.sqlite3")
    for number in range(5):
        store.add(mail_from="", rcpt_to=["a@b"], subject=str(number), answer="", content=b"", now=0)
    assert [stored.subject for stored in store.list_newest("", 0, 10)] == ["4", "3", "2"]
    store.close()


def test_reads_a_listen_address() -> None:
    assert split_listen("127.0.0.1:2525") == ("127.0.0.1", 2525)
    assert split_listen("[::1]:25") == ("::1", 25)

"""LMTP, SMTP and the pipe: a row is stored before a mail is taken."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.db.models import Model

from bounces import lmtp
from bounces.intake import is_for_us, store_raw
from bounces.management.commands import receive_notice
from bounces.mime_reading import MAX_BYTES
from bounces.models import Door, RawNotice
from mta import return_path
from senders.models import SenderDomain
from senders.return_domain import set_return_name
from tests.bounces.notices import read_email
from tests.factories import make_sender

TO = "b-1-x@bounce.example.com"
ROOT = Path(__file__).parent.parent.parent


@dataclass
class Running:
    """The served doors and how to stop them."""

    port: int
    smtp_port: int
    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event
    thread: threading.Thread

    def client(self) -> smtplib.LMTP:
        return smtplib.LMTP("127.0.0.1", self.port)

    def smtp(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.smtp_port, local_hostname="mx.example")

    def end(self) -> None:
        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(timeout=10)
        assert not self.thread.is_alive()


@pytest.fixture
def door() -> Iterator[Running]:
    """Both doors on free ports of loopback."""
    told: Future[Running] = Future()

    async def run() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        ready: asyncio.Future[list[int]] = loop.create_future()
        ready.add_done_callback(
            lambda ports: told.set_result(Running(ports.result()[0], ports.result()[1], loop, stop, thread))
        )
        listeners = [lmtp.Listener(door, "127.0.0.1", 0) for door in (Door.LMTP, Door.SMTP)]
        await lmtp.serve(listeners, stop=stop, ready=ready)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    running = told.result(timeout=10)
    yield running
    running.end()


@contextmanager
def moved_table(model: type[Model] = RawNotice) -> Iterator[None]:
    """The database as it is when it is away: the table cannot be found."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
    try:
        yield
    finally:
        connections.close_all()
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table}_away RENAME TO {table}")


@pytest.mark.django_db(transaction=True)
def test_lmtp_stores_before_it_accepts(door: Running) -> None:
    content = read_email("postfix-user-unknown").replace(b"\n", b"\r\n")
    with door.client() as client:
        assert client.sendmail("", [TO], content) == {}
        notice = RawNotice.objects.get()
    assert (notice.door, notice.envelope_to) == (Door.LMTP, TO)
    assert zlib.decompress(notice.content) == b"Return-Path: <>\r\n" + content


@pytest.mark.django_db(transaction=True)
def test_lmtp_takes_the_same_mail_once(door: Running) -> None:
    for _ in range(2):
        with door.client() as client:
            client.sendmail("", [TO], b"Subject: failure notice\r\n\r\nx\r\n")
    assert RawNotice.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_lmtp_refuses_other_domains(door: Running) -> None:
    """D9: no open relay."""
    with door.client() as client:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            client.sendmail("a@x.example", ["b@other.example"], b"x")
        assert refused.value.recipients["b@other.example"][0] == 550
    assert not RawNotice.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_doors_take_the_return_domains_of_customers(door: Running) -> None:
    """E9"""
    domain = make_sender().domain
    set_return_name(domain, f"bounce.{domain.name}", actor=None)
    gone = return_path.encode(1, secret=django_settings.SECRET_KEY, domain="given-up.shop.example")
    for address in ("postmaster@bounce.shop.example", "b-1-x@Bounce.Shop.Example", gone):
        with door.client() as client:
            assert client.sendmail("", [address], b"Subject: x\r\n\r\nx\r\n") == {}
        with door.smtp() as client:
            assert client.sendmail("", [address], b"Subject: x\r\n\r\ny\r\n") == {}
    for address in ("b-1-x@given-up.shop.example", "x@shop.example", "x@a.bounce.shop.example"):
        with door.smtp() as client, pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            client.sendmail("", [address], b"x")
        assert refused.value.recipients[address][0] == 550
    assert RawNotice.objects.count() == 6


@pytest.mark.django_db(transaction=True)
def test_a_recipient_that_cannot_be_looked_up_comes_again(door: Running) -> None:
    with moved_table(SenderDomain), door.smtp() as client, pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        client.sendmail("", ["x@bounce.elsewhere.example"], b"x")
    assert refused.value.recipients["x@bounce.elsewhere.example"][0] == 451


@pytest.mark.django_db(transaction=True)
def test_lmtp_takes_one_recipient_at_a_time(door: Running) -> None:
    with door.client() as client:
        assert client.sendmail("", [TO, "b-2-y@bounce.example.com"], b"x")["b-2-y@bounce.example.com"][0] == 452
    assert RawNotice.objects.get().envelope_to == TO


@pytest.mark.django_db(transaction=True)
def test_lmtp_takes_long_lines(door: Running) -> None:
    with door.client() as client:
        client.sendmail("", [TO], b"Subject: x\r\n\r\n" + b"y" * 200_000 + b"\r\n")
    assert RawNotice.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_lmtp_refuses_what_is_too_large(door: Running) -> None:
    with door.client() as client:
        with pytest.raises(smtplib.SMTPException) as refused:
            client.sendmail("", [TO], (b"y" * 70 + b"\r\n") * (MAX_BYTES // 72 + 100))
        assert "552" in str(refused.value)
    assert not RawNotice.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_lmtp_asks_to_come_again_while_the_database_is_away(door: Running) -> None:
    """A mail is never taken without its row."""
    with moved_table(), door.client() as client, pytest.raises(smtplib.SMTPDataError) as refused:
        client.sendmail("", [TO], b"x")
    assert refused.value.smtp_code == 451
    with door.client() as client:
        client.sendmail("", [TO], b"x")
    assert RawNotice.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_lmtp_survives_a_hostile_return_path(door: Running) -> None:
    replies = []
    with socket.create_connection(("127.0.0.1", door.port)) as raw, raw.makefile("rwb", buffering=0) as stream:
        stream.readline()
        for line in (b"LHLO x", b"MAIL FROM:<\xff@x>", b"NOOP", b"QUIT"):
            stream.write(line + b"\r\n")
            while (reply := stream.readline())[3:4] == b"-":
                pass
            replies.append(reply[:3])
    # Whether such a path is refused or taken, the door goes on.
    assert replies[2:] == [b"250", b"221"]


@pytest.mark.django_db(transaction=True)
def test_smtp_stores_a_notice_for_each_recipient(door: Running) -> None:
    content = read_email("postfix-user-unknown").replace(b"\n", b"\r\n")
    with door.smtp() as client:
        assert client.sendmail("", [TO, "b-2-y@bounce.example.com"], content) == {}
        notices = RawNotice.objects.order_by("pk")
        assert [(notice.door, notice.envelope_to) for notice in notices] == [
            (Door.SMTP, TO),
            (Door.SMTP, "b-2-y@bounce.example.com"),
        ]
    assert zlib.decompress(notices[0].content) == b"Return-Path: <>\r\n" + content


@pytest.mark.django_db(transaction=True)
def test_smtp_refuses_other_domains(door: Running) -> None:
    """D9: no open relay."""
    with door.smtp() as client:
        refused = client.sendmail("a@x.example", [TO, "b@other.example"], b"x")
        assert refused == {"b@other.example": (550, b"5.1.2 This door takes returned mail of its own domain only")}
    assert RawNotice.objects.get().envelope_to == TO


@pytest.mark.django_db(transaction=True)
def test_smtp_refuses_what_is_too_large(door: Running) -> None:
    """Said beforehand by SIZE (RFC 1870) or found out at the end, the answer is the same."""
    with door.smtp() as client:
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            client.sendmail("a@x.example", [TO], b"x", mail_options=[f"SIZE={MAX_BYTES + 1}"])
        assert (refused.value.smtp_code, bytes(refused.value.smtp_error)[:5]) == (552, b"5.3.4")
        client.mail("")
        client.rcpt(TO)
        code, text = client.data((b"y" * 70 + b"\r\n") * (MAX_BYTES // 72 + 100))
        assert (code, text[:5]) == (552, b"5.3.4")
    assert not RawNotice.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_smtp_takes_a_hundred_recipients_at_a_time(door: Running) -> None:
    with door.smtp() as client:
        client.ehlo()
        client.mail("")
        codes = [client.rcpt(f"b-{number}@bounce.example.com")[0] for number in range(101)]
    assert (codes[:100], codes[100]) == ([250] * 100, 452)


@pytest.mark.django_db(transaction=True)
def test_smtp_stores_for_all_or_for_none_while_the_database_is_away(door: Running) -> None:
    """A fault of ours is never final for the sender."""
    with moved_table(), door.smtp() as client, pytest.raises(smtplib.SMTPDataError) as refused:
        client.sendmail("", [TO, "b-2-y@bounce.example.com"], b"x")
    assert refused.value.smtp_code == 451
    assert not RawNotice.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_door_asks_to_come_again_when_it_is_full(door: Running) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(door.smtp()) for _ in range(lmtp.MAX_CONNECTIONS)]
        with pytest.raises(smtplib.SMTPConnectError) as full:
            door.smtp()
        assert full.value.smtp_code == 421
        assert clients[0].noop()[0] == 250


def test_bugs_of_the_door_are_temporary() -> None:
    handler = lmtp.NoticeHandler(ThreadPoolExecutor(1))
    assert asyncio.run(handler.handle_exception(ValueError("bug"))).startswith("451")


@pytest.mark.django_db(transaction=True)
def test_lmtp_stops_with_a_connection_open(door: Running) -> None:
    with door.client() as client:
        client.ehlo()
        door.end()
    assert not door.thread.is_alive()


@pytest.mark.django_db
def test_run_lmtp_wants_host_and_port() -> None:
    for wrong in ("2424", "localhost:", ":x"):
        with pytest.raises(CommandError, match="host:port"):
            call_command("run_lmtp", listen=wrong, skip_checks=True)


@pytest.mark.django_db
def test_run_lmtp_says_when_the_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(CommandError, match=f"LMTP {place}"):
            call_command("run_lmtp", listen=place, skip_checks=True)
        with pytest.raises(CommandError, match=f"SMTP {place}"):
            call_command("run_lmtp", listen="127.0.0.1:0", smtp=place, skip_checks=True)
    with pytest.raises(CommandError, match="BOUNCE_SMTP_LISTEN"):
        call_command("run_lmtp", smtp="25", skip_checks=True)


def test_run_lmtp_opens_both_doors_and_stops_on_sigterm() -> None:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings", "BOUNCE_SMTP_LISTEN": "127.0.0.1:0"}
    command = [sys.executable, "manage.py", "run_lmtp", "--listen", "127.0.0.1:0", "--skip-checks"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("LMTP: 127.0.0.1:")
        assert process.stdout.readline().startswith("SMTP: 127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0


def pipe(content: bytes, to: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    with pytest.raises(SystemExit) as ended:
        call_command("receive_notice", to=to)
    return int(ended.value.code or 0)


@pytest.mark.django_db
def test_pipe_stores_and_exits_with_0(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pipe(read_email("qmail-no-mailbox"), TO, monkeypatch) == os.EX_OK
    assert RawNotice.objects.get().door == Door.PIPE


@pytest.mark.django_db
def test_pipe_refuses_no_mail_and_too_much_with_65(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pipe(b" \n", TO, monkeypatch) == os.EX_DATAERR
    assert pipe(b"x" * (MAX_BYTES + 1), TO, monkeypatch) == os.EX_DATAERR


@pytest.mark.django_db
def test_pipe_refuses_foreign_recipients_with_67(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pipe(b"x", "a@other.example", monkeypatch) == os.EX_NOUSER


@pytest.mark.django_db(transaction=True)
def test_pipe_asks_to_come_again_with_75_while_the_database_is_away() -> None:
    with moved_table():
        assert receive_notice.receive(b"x", TO) == os.EX_TEMPFAIL


def pipe_with_environment(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> int:
    for name in ("ORIGINAL_RECIPIENT", "RECIPIENT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return pipe(b"x", "", monkeypatch)


@pytest.mark.django_db
def test_pipe_finds_the_recipient_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As local(8) of Postfix tells it to a command of an alias."""
    assert pipe_with_environment(monkeypatch, {"ORIGINAL_RECIPIENT": TO, "RECIPIENT": "hm@mx.example"}) == os.EX_OK
    assert RawNotice.objects.get().envelope_to == TO
    assert pipe_with_environment(monkeypatch, {"RECIPIENT": TO}) == os.EX_OK
    assert pipe_with_environment(monkeypatch, {}) == os.EX_USAGE


def test_pipe_ends_with_64_for_wrong_arguments() -> None:
    with pytest.raises(SystemExit) as ended:
        receive_notice.Command().run_from_argv(["manage.py", "receive_notice", "--of", TO])
    assert ended.value.code == os.EX_USAGE


@pytest.mark.django_db
def test_pipe_asks_to_come_again_after_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x")))
    sys.stdin.buffer.close()
    with pytest.raises(SystemExit) as ended:
        call_command("receive_notice", to=TO)
    assert ended.value.code == os.EX_TEMPFAIL


@pytest.mark.django_db
def test_recipient_is_cleaned() -> None:
    notice = store_raw(b"x", envelope_to="<b-1\x00-x@bounce.example.com>\r\n", door=Door.LMTP)
    assert notice.envelope_to == "b-1-x@bounce.example.com"
    assert store_raw(b"x", envelope_to="B-1-X@bounce.example.com", door=Door.PIPE).pk == notice.pk


@pytest.mark.django_db
def test_return_domain_is_ours_in_any_case() -> None:
    assert is_for_us(f"x@{django_settings.RETURN_DOMAIN.upper()}.")
    assert not is_for_us(f"x@sub.{django_settings.RETURN_DOMAIN}")
    assert not is_for_us(django_settings.RETURN_DOMAIN)

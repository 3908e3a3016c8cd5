"""Mailboxes whose servers fail, lie or hang. Each test is named after the fault."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from bounces.mailbox_errors import MailboxError, Step
from bounces.mailbox_reading import check_mailbox
from bounces.mailbox_wire import Patience
from bounces.mailboxes import LEASE, due_mailboxes, keep_mailbox, take_mailbox
from bounces.models import Mailbox, MailboxFault, RawNotice
from tests.bounces.authority import Authority
from tests.bounces.dovecot import Dovecot
from tests.bounces.mail_servers import BreakingLine, Drip, Flood, ImapScript, Pop3Script, Words, serve_script
from tests.bounces.mailbox_making import make_dovecot_mailbox, make_mail, make_mailbox, read
from tests.hypermail.processes import is_alive
from tests.mta.certificates import make_certificate, server_context

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mail_ports")]
IMPATIENT = Patience(connect=0.5, answer=0.5, whole=1.0)


def fail(mailbox: Mailbox) -> MailboxError:
    """Check a mailbox that cannot be read; return why."""
    with pytest.raises(MailboxError) as caught:
        check_mailbox(mailbox, patience=IMPATIENT)
    return caught.value


def uids_of(count: int) -> dict[int, bytes]:
    return {uid: make_mail(uid) for uid in range(1, count + 1)}


# ── Names, ports, connections, TLS ──


def test_unknown_name() -> None:
    error = fail(make_mailbox(host="mail.nowhere.invalid", security="tls", port=993))
    assert error.step is Step.NAME
    assert "名前が見つかりません" in error.sentence


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    error = fail(make_mailbox(port=port))
    assert (error.step, error.answer) == (Step.CONNECT, "Connection refused")


def test_only_the_ports_of_mail(settings: Settings) -> None:
    """Members of a shared installation enter hosts; they must not reach its other services by us."""
    settings.MAILBOX_ANY_PORT = False
    with serve_script(Words(b"* OK\r\n")) as port:
        error = fail(make_mailbox(port=port))
    assert error.step is Step.CONNECT
    assert "110、143、993、995" in error.sentence


def test_no_password_leaves_the_network_in_the_clear() -> None:
    error = fail(make_mailbox(host="192.0.2.1", security="none"))
    assert error.step is Step.CONNECT
    assert "暗号化なし" in error.sentence


def test_self_signed_certificate(tmp_path: Path) -> None:
    context = server_context(make_certificate(tmp_path))
    with serve_script(Words(b"* OK\r\n"), context=context) as port:
        error = fail(make_mailbox(port=port, security="tls", host="localhost"))
    assert error.step is Step.TLS
    assert "自己署名" in error.sentence


def test_expired_certificate(authority: Authority) -> None:
    context = server_context(authority.issue(days=-1))
    with serve_script(Words(b"* OK\r\n"), context=context) as port:
        error = fail(make_mailbox(port=port, security="tls", host="localhost"))
    assert error.step is Step.TLS
    assert "有効期限が切れています" in error.sentence


def test_certificate_of_another_host(authority: Authority) -> None:
    context = server_context(authority.issue("other.example"))
    with serve_script(Words(b"* OK\r\n"), context=context) as port:
        error = fail(make_mailbox(port=port, security="tls", host="localhost"))
    assert error.step is Step.TLS
    assert "別の名前" in error.sentence


def test_no_tls_behind_the_port() -> None:
    with serve_script(Words(b"* OK ready\r\n")) as port:
        assert fail(make_mailbox(port=port, security="tls", host="localhost")).step is Step.TLS


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_starttls_is_not_offered(protocol: str) -> None:
    """Nothing is said in the clear instead."""
    script = ImapScript({}) if protocol == "imap" else Pop3Script({}, replies={b"CAPA": b"+OK\r\nUIDL\r\n.\r\n"})
    with serve_script(script) as port:
        error = fail(make_mailbox(protocol=protocol, port=port, security="starttls", host="localhost"))
    assert error.step is Step.TLS
    assert not [command for command in script.commands if command.startswith((b"LOGIN", b"USER", b"AUTH"))]


# ── Servers that hang or talk nonsense ──


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("words", [b"", b"* OK half a li"])
def test_server_that_hangs(protocol: str, words: bytes) -> None:
    with serve_script(Words(words)) as port:
        started = time.monotonic()
        error = fail(make_mailbox(protocol=protocol, port=port))
        assert time.monotonic() - started < 30
    assert "時間内に応答しませんでした" in error.sentence


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_server_that_drips(protocol: str) -> None:
    """A byte before each timeout: only the time for the whole conversation ends it."""
    drip = Drip(0.1)
    with serve_script(drip) as port:
        started = time.monotonic()
        fail(make_mailbox(protocol=protocol, port=port))
        assert time.monotonic() - started < 30
        drip.over.set()


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize(
    "words",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x00\xff\xfe\r\n" * 20,
        b"* OK \xff\xfe\r\n* CAPABILITY \xff\r\nHYPE1 OK\r\n",
        b"+OK\r\n+OK\r\n+OK\r\nx\r\ny z\r\n.\r\n",
        b"* OK {99999999999}\r\n",
        b"* BYE no room\r\n",
        b"-ERR no room\r\n",
    ],
    ids=["http", "binary", "not ascii", "pop3", "literal", "bye", "error"],
)
def test_server_that_talks_nonsense(protocol: str, words: bytes) -> None:
    with serve_script(Words(words)) as port:
        mailbox = read(make_mailbox(protocol=protocol, port=port), IMPATIENT)
    assert mailbox.problem
    assert mailbox.lease_until is None


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_answer_without_end(protocol: str) -> None:
    """It is cut off before it fills the memory."""
    words, greeting = (
        (b"* OK " + b"x" * 60_000 + b"\r\n", b"* OK\r\n") if protocol == "imap" else (b"+" * 65_536, b"+OK\r\n")
    )
    patience = Patience(connect=5, answer=5, whole=60)
    with serve_script(Flood(words, greeting)) as port:
        mailbox = make_mailbox(protocol=protocol, port=port)
        tracemalloc.start()
        with pytest.raises(MailboxError):
            check_mailbox(mailbox, patience=patience)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 80 * 1024 * 1024


def test_announced_length_is_not_believed() -> None:
    script = ImapScript(uids_of(1), replies={b"FETCH": b"* 1 FETCH (UID 1 BODY[]<0> {4000000000}\r\n"})
    with serve_script(script) as port:
        mailbox = read(make_mailbox(port=port), IMPATIENT)
    assert mailbox.problem
    assert MailboxFault.objects.get().tries == 1


def test_password_in_an_answer_is_not_repeated() -> None:
    script = ImapScript({}, replies={b"LOGIN": b'TAG NO you said "tell-nobody"\r\n'})
    with serve_script(script) as port:
        password = "tell-nobody"  # noqa: S105
        mailbox = read(make_mailbox(port=port, password=password))
    assert "you said" in mailbox.problem
    assert "tell-nobody" not in mailbox.problem


# ── Messages that cannot be taken over ──


def test_broken_message_is_set_aside_after_three_tries() -> None:
    """The others are taken over meanwhile."""
    script = ImapScript(uids_of(5), replies={b"FETCH 3 ": b"TAG NO [SERVERBUG] cannot read it\r\n"})
    with serve_script(script) as port:
        mailbox = read(make_mailbox(port=port))
        assert RawNotice.objects.count() == 4
        assert (mailbox.problem, mailbox.waiting) == ("", 1)
        read(mailbox)
        assert list(script.messages) == [3]
        read(mailbox)
    assert (list(script.messages), script.moved) == ([], [b"3"])
    fault = MailboxFault.objects.get()
    assert (fault.uid, fault.tries, fault.set_aside) == ("7.3", 3, True)
    assert "cannot read it" in fault.why


def test_broken_message_at_a_real_server(dovecot: Dovecot) -> None:
    """Dovecot ends the connection over it and cannot move it either: it is skipped, the others are read."""
    mailbox = make_dovecot_mailbox(dovecot, "aside")
    dovecot.put("aside", make_mail(1))
    next((dovecot.folder / "mail" / "aside" / "new").iterdir()).chmod(0)
    for _ in range(3):
        read(mailbox)
    assert MailboxFault.objects.get().set_aside
    assert "Internal error" in MailboxFault.objects.get().why
    dovecot.put("aside", make_mail(2))
    assert read(mailbox).problem == ""
    assert RawNotice.objects.count() == 1
    assert (mailbox.waiting, dovecot.count("aside")) == (0, 1)


@pytest.mark.parametrize("reply", [b"TAG OK done\r\n", b"* 1 FETCH (UID 1 BODY[]<0> NIL)\r\nTAG OK done\r\n"])
def test_message_without_content(reply: bytes) -> None:
    script = ImapScript(uids_of(1), replies={b"FETCH": reply})
    with serve_script(script) as port:
        mailbox = make_mailbox(port=port)
        for _ in range(3):
            read(mailbox)
    assert script.moved == [b"1"]


def test_message_that_kills_the_server() -> None:
    """Three times it takes the connection along; then those behind it have their turn."""
    script = ImapScript(uids_of(3), replies={b"FETCH 1 ": b""})
    with serve_script(script) as port:
        mailbox = make_mailbox(port=port)
        for _ in range(4):
            read(mailbox)
    assert RawNotice.objects.count() == 2
    assert script.moved == [b"1"]
    assert mailbox.problem == ""


def test_set_aside_folder_is_full() -> None:
    """The message stays where it is and is skipped."""
    replies = {b"FETCH 1 ": b"TAG NO broken\r\n", b"UID MOVE": b"TAG NO [OVERQUOTA] full\r\n"}
    script = ImapScript(uids_of(2), replies=replies)
    with serve_script(script) as port:
        mailbox = make_mailbox(port=port)
        for _ in range(5):
            read(mailbox)
    assert (mailbox.problem, mailbox.waiting) == ("", 0)
    assert len([command for command in script.commands if b"FETCH 1 " in command]) == 3


def test_pop3_leaves_a_broken_message_and_skips_it() -> None:
    script = Pop3Script({b"a": make_mail(1), b"b": make_mail(2)}, replies={b"RETR 1": b"-ERR cannot read it\r\n"})
    with serve_script(script) as port:
        mailbox = make_mailbox(protocol="pop3", port=port)
        read(mailbox)
        assert list(script.messages) == [b"a"]
        for _ in range(3):
            read(mailbox)
        assert script.commands.count(b"RETR 1") == 3
        assert (mailbox.problem, mailbox.waiting) == ("", 0)
        assert MailboxFault.objects.get().uid == "a"
        del script.messages[b"a"]
        read(mailbox)
    assert not MailboxFault.objects.exists()


def test_fault_is_forgotten_when_the_message_is_read_after_all() -> None:
    script = ImapScript(uids_of(1), replies={b"FETCH": b"TAG NO not now\r\n"})
    with serve_script(script) as port:
        mailbox = read(make_mailbox(port=port))
        assert MailboxFault.objects.get().tries == 1
        script.replies.clear()
        read(mailbox)
    assert not MailboxFault.objects.exists()
    assert RawNotice.objects.count() == 1


def test_server_out_of_order_blames_no_message() -> None:
    script = ImapScript(uids_of(9), replies={b"FETCH": b"TAG NO [UNAVAILABLE] storage is away\r\n"})
    with serve_script(script) as port:
        mailbox = read(make_mailbox(port=port))
    assert "storage is away" in mailbox.problem
    assert not MailboxFault.objects.exists()


def test_three_bad_messages_in_a_row_end_the_turn() -> None:
    script = ImapScript(uids_of(9), replies={b"FETCH": b"TAG NO something\r\n"})
    with serve_script(script) as port:
        mailbox = read(make_mailbox(port=port))
    assert mailbox.problem
    assert MailboxFault.objects.count() == 3


def test_no_room_for_moving() -> None:
    script = ImapScript(uids_of(2), replies={b"UID MOVE": b"TAG NO [OVERQUOTA] Quota exceeded\r\n"})
    with serve_script(script) as port:
        mailbox = read(make_mailbox(port=port, after_reading="move"))
    assert "Quota exceeded" in mailbox.problem
    assert "空き容量" in mailbox.problem
    assert RawNotice.objects.count() == 2


# ── Turns and pauses ──


def test_pauses_grow_up_to_an_hour() -> None:
    mailbox = make_mailbox(host="mail.nowhere.invalid", security="tls", port=993)
    pauses = []
    for _ in range(8):
        before = timezone.now()
        read(mailbox)
        assert mailbox.due_at
        pauses.append(round((mailbox.due_at - before).total_seconds() / 60))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert mailbox.failures == 8
    assert due_mailboxes(now=timezone.now()) == []


def test_bad_mailbox_stops_no_other(dovecot: Dovecot) -> None:
    good = make_dovecot_mailbox(dovecot, "neighbour")
    dovecot.put("neighbour", make_mail())
    with serve_script(Words(b"")) as port:
        bad = make_mailbox(good.workspace, port=port)
        assert due_mailboxes(now=timezone.now()) == [good.pk, bad.pk]
        read(bad, IMPATIENT)
        read(good)
    assert bad.problem
    assert good.problem == ""
    assert RawNotice.objects.count() == 1


def test_only_some_are_read_at_once() -> None:
    now = timezone.now()
    boxes = [make_mailbox() for _ in range(6)]
    assert due_mailboxes(now=now) == [box.pk for box in boxes[:4]]
    assert take_mailbox(boxes[0].pk, now=now)
    assert take_mailbox(boxes[0].pk, now=now) is None
    assert due_mailboxes(now=now) == [box.pk for box in boxes[1:4]]


def test_full_mailbox_goes_on_at_the_next_tick() -> None:
    script = ImapScript(uids_of(520))
    with serve_script(script) as port:
        mailbox = read(make_mailbox(port=port))
        assert (RawNotice.objects.count(), mailbox.waiting) == (500, 20)
        assert due_mailboxes(now=timezone.now()) == [mailbox.pk]
        read(mailbox)
    assert (RawNotice.objects.count(), mailbox.waiting) == (520, 0)
    assert due_mailboxes(now=timezone.now()) == []


def test_thousands_of_messages_take_little_memory() -> None:
    content = make_mail(size=50_000)
    script = ImapScript(dict.fromkeys(range(1, 10_001), content))
    with serve_script(script) as port:
        mailbox = make_mailbox(port=port)
        tracemalloc.start()
        read(mailbox)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert mailbox.problem == ""
    # A turn ends after 500 messages, or earlier where the machine is slow.
    assert 9_500 <= mailbox.waiting < 10_000
    assert peak < 16 * 1024 * 1024


def test_lease_is_lost_to_a_change() -> None:
    now = timezone.now()
    mailbox = take_mailbox(make_mailbox().pk, now=now)
    assert mailbox
    assert keep_mailbox(mailbox, now=now + timedelta(seconds=5))
    assert mailbox.lease_until == now + timedelta(seconds=5) + LEASE
    Mailbox.objects.update(is_active=False)
    assert not keep_mailbox(mailbox, now=now)


# ── Connections that break, processes that die ──


@pytest.mark.parametrize(("protocol", "after"), [("imap", "delete"), ("imap", "move"), ("pop3", "delete")])
def test_connection_that_breaks_at_each_command(dovecot: Dovecot, protocol: str, after: str) -> None:
    """Nothing is lost and nothing doubled, wherever the line breaks."""
    username = f"broken-{protocol}-{after}"
    mailbox = make_dovecot_mailbox(dovecot, username, protocol=protocol, after_reading=after)
    line = BreakingLine(mailbox.port)
    stored = 0
    with serve_script(line) as port:
        Mailbox.objects.filter(pk=mailbox.pk).update(port=port)
        while True:
            MailboxFault.objects.all().delete()
            line.commands, line.breaks_at = 0, line.breaks_at + 1
            dovecot.put(username, make_mail(stored + 1), make_mail(stored + 2))
            read(mailbox)
            if line.commands < line.breaks_at:
                break
            line.commands, saved, line.breaks_at = 0, line.breaks_at, 0
            dovecot.put(username, make_mail(stored + 3))
            assert read(mailbox).problem == ""
            line.breaks_at = saved
            stored += 3
            assert RawNotice.objects.count() == stored
            assert dovecot.count(username) == 0
    assert line.breaks_at > 6
    assert RawNotice.objects.count() == stored + 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("protocol", "word"), [("imap", b"STORE"), ("imap", b"EXPUNGE"), ("pop3", b"DELE"), ("pop3", b"QUIT")]
)
def test_kill_between_storing_and_deleting(dovecot: Dovecot, protocol: str, word: bytes) -> None:
    username = f"killed-{word.decode().lower()}"
    mailbox = make_dovecot_mailbox(dovecot, username, protocol=protocol)
    dovecot.put(username, *(make_mail(number) for number in range(5)))
    reached, killed = threading.Event(), threading.Event()

    def stop_at_the_word(command: bytes) -> None:
        if word in command:
            reached.set()
            killed.wait(30)

    with serve_script(BreakingLine(mailbox.port, watch=stop_at_the_word)) as port:
        Mailbox.objects.filter(pk=mailbox.pk).update(port=port)
        process = start_reading(mailbox.pk)
        try:
            assert reached.wait(60)
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait(10)
            killed.set()
    assert not is_alive(process.pid)
    assert RawNotice.objects.count() == 5
    Mailbox.objects.update(port=mailbox.port)
    # The dead task's lease is still on; afterwards another takes over.
    assert due_mailboxes(now=timezone.now()) == []
    Mailbox.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    dovecot.put(username, make_mail(6))
    end = time.monotonic() + 10
    while dovecot.count(username) and time.monotonic() < end:
        # POP3 keeps the mailbox locked until the server knows that the client is gone.
        read(mailbox)
    assert dovecot.count(username) == 0
    assert RawNotice.objects.count() == 6


def start_reading(mailbox_id: int) -> subprocess.Popen[bytes]:
    """Read a mailbox of the database of this test in another process."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        url = f"sqlite:///{name}"
    else:
        url = f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}"
    environment = os.environ | {
        "DATABASE_URL": url,
        "MAILBOX_ANY_PORT": "1",
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }
    command = [sys.executable, "-m", "tests.bounces.read_mailbox_once", str(mailbox_id)]
    return subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[2])

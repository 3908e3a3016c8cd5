"""Reading by POP3 from a real server."""

from __future__ import annotations

import pytest

from bounces.mailbox_errors import MailboxError, Step
from bounces.mailbox_pop3 import name_of
from bounces.mailbox_reading import check_mailbox
from bounces.models import Door, Mailbox, RawNotice
from bounces.processing import unpack
from tests.bounces.dovecot import Dovecot
from tests.bounces.mail_servers import Pop3Script, serve_script
from tests.bounces.mailbox_making import make_dovecot_mailbox, make_mail, make_mailbox, read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mail_ports")]
WRONG = "secret-of-anna"


def test_takes_messages_over_and_deletes_them(dovecot: Dovecot) -> None:
    mailbox = make_dovecot_mailbox(dovecot, "pop-plain", protocol="pop3")
    mails = [make_mail(number) for number in range(25)]
    dovecot.put("pop-plain", *mails)
    read(mailbox)
    assert (mailbox.problem, mailbox.waiting) == ("", 0)
    assert dovecot.count("pop-plain") == 0
    notices = RawNotice.objects.order_by("pk")
    assert [unpack(notice.content) for notice in notices] == mails
    assert {notice.door for notice in notices} == {Door.POP3}
    assert {notice.envelope_to for notice in notices} == {"b-1-x@bounce.example.com"}


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_reads_inside_tls(dovecot: Dovecot, security: str) -> None:
    username = f"pop-{security}"
    mailbox = make_dovecot_mailbox(dovecot, username, protocol="pop3", security=security, host="localhost")
    mailbox.port = dovecot.pop3s if security == "tls" else dovecot.pop3
    mailbox.save(update_fields=["port"])
    dovecot.put(username, make_mail())
    read(mailbox)
    assert mailbox.problem == ""
    assert RawNotice.objects.count() == 1


def test_check_deletes_nothing(dovecot: Dovecot) -> None:
    mailbox = make_dovecot_mailbox(dovecot, "pop-check", protocol="pop3")
    dovecot.put("pop-check", make_mail(1), make_mail(2))
    assert check_mailbox(mailbox) == 2
    assert dovecot.count("pop-check") == 2
    assert RawNotice.objects.count() == 0


def test_imap_and_pop3_give_the_same_bytes(dovecot: Dovecot) -> None:
    """The same mail is one notice, by whichever of a provider's protocols it is read."""
    by_imap = make_dovecot_mailbox(dovecot, "both")
    by_pop3 = make_mailbox(by_imap.workspace, protocol="pop3", username="both", port=dovecot.pop3)
    for mailbox in (by_imap, by_pop3):
        dovecot.put("both", make_mail(size=3000))
        read(mailbox)
        assert mailbox.problem == ""
    assert dovecot.count("both") == 0
    assert RawNotice.objects.count() == 1


def test_mail_over_the_limit_is_cut(dovecot: Dovecot) -> None:
    """A line of megabytes, too: it is read up to the limit of a line."""
    mailbox = make_dovecot_mailbox(dovecot, "pop-large", protocol="pop3")
    body = (b"x" * 900_000 + b"\r\n") * 8
    dovecot.put("pop-large", make_mail() + body)
    read(mailbox)
    assert mailbox.problem == ""
    assert dovecot.count("pop-large") == 0
    assert len(unpack(RawNotice.objects.get().content)) == 5 * 1024 * 1024


def test_wrong_password(dovecot: Dovecot) -> None:
    dovecot.add_user("pop-locked")
    mailbox = make_mailbox(protocol="pop3", username="pop-locked", password=WRONG, port=dovecot.pop3)
    with pytest.raises(MailboxError) as caught:
        check_mailbox(mailbox)
    assert caught.value.step is Step.LOGIN
    assert "[AUTH]" in caught.value.answer


def test_headers_of_the_mail_store_make_no_second_notice() -> None:
    """mbox servers write Status and X-UIDL into the mail, and another Status the next time."""
    first = b"Status: N\r\nX-UIDL: abc\r\n def\r\nTo: x@example.com\r\n\r\nStatus: stays\r\n"
    second = b"X-UIDL: abc\r\nTo: x@example.com\r\nStatus: RO\r\n\r\nStatus: stays\r\n"
    mailbox = make_mailbox(protocol="pop3")
    for content in (first, second):
        with serve_script(Pop3Script({b"uid-1": content})) as port:
            Mailbox.objects.update(port=port)
            assert read(mailbox).problem == ""
    assert unpack(RawNotice.objects.get().content) == b"To: x@example.com\r\n\r\nStatus: stays\r\n"


def test_long_unique_ids_keep_their_difference() -> None:
    names = {name_of(b"x" * 200 + digit) for digit in (b"1", b"2")}
    assert len(names) == 2
    assert max(map(len, names)) <= 100
    assert name_of(b" short\xff ") == "short\\xff"

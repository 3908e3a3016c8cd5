"""Reading by IMAP from a real server."""

from __future__ import annotations

import imaplib
from datetime import timedelta

import pytest
from django.utils import timezone

from bounces.mailbox_errors import MailboxError, Step
from bounces.mailbox_imap import DONE_FOLDER
from bounces.mailbox_reading import check_mailbox
from bounces.models import Door, Mailbox, MailboxFault, RawNotice
from bounces.processing import unpack
from tests.bounces.dovecot import PASSWORD, Dovecot
from tests.bounces.mailbox_making import make_dovecot_mailbox, make_mail, make_mailbox, read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mail_ports")]

WRONG = "secret-of-anna"


def open_box(server: Dovecot, username: str) -> imaplib.IMAP4:
    """Log in as another program of the same person."""
    box = imaplib.IMAP4("127.0.0.1", server.imap)
    box.authenticate("PLAIN", lambda _: f"\0{username}\0{PASSWORD}".encode())
    box.select()
    return box


def test_takes_messages_over_and_deletes_them(dovecot: Dovecot) -> None:
    mailbox = make_dovecot_mailbox(dovecot, "plain")
    mails = [make_mail(number) for number in range(45)]
    dovecot.put("plain", *mails)
    read(mailbox)
    assert (mailbox.problem, mailbox.waiting, mailbox.failures) == ("", 0, 0)
    assert mailbox.read_at
    assert mailbox.due_at
    assert mailbox.due_at >= mailbox.read_at + timedelta(seconds=59)
    assert mailbox.lease_until is None
    assert dovecot.count("plain") == 0
    notices = RawNotice.objects.order_by("pk")
    assert [unpack(notice.content) for notice in notices] == mails
    assert {notice.door for notice in notices} == {Door.IMAP}
    assert {notice.envelope_to for notice in notices} == {"b-1-x@bounce.example.com"}
    assert {notice.workspace_id for notice in notices} == {mailbox.workspace_id}


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_reads_inside_tls(dovecot: Dovecot, security: str) -> None:
    port = dovecot.imaps if security == "tls" else dovecot.imap
    mailbox = make_dovecot_mailbox(dovecot, f"inside-{security}", security=security, port=port, host="localhost")
    dovecot.put(f"inside-{security}", make_mail())
    read(mailbox)
    assert mailbox.problem == ""
    assert RawNotice.objects.count() == 1


def test_moves_messages(dovecot: Dovecot) -> None:
    mailbox = make_dovecot_mailbox(dovecot, "moving", after_reading="move")
    dovecot.put("moving", make_mail(1), make_mail(2))
    read(mailbox)
    assert mailbox.problem == ""
    assert (dovecot.count("moving"), dovecot.count("moving", DONE_FOLDER)) == (0, 2)
    dovecot.put("moving", make_mail(3))
    read(mailbox)
    assert dovecot.count("moving", DONE_FOLDER) == 3


@pytest.mark.parametrize("after", ["delete", "move"])
def test_server_without_move_and_uidplus(old_dovecot: Dovecot, after: str) -> None:
    username = f"old-{after}"
    mailbox = make_dovecot_mailbox(old_dovecot, username, after_reading=after)
    old_dovecot.put(username, make_mail(1), make_mail(2))
    read(mailbox)
    assert mailbox.problem == ""
    assert old_dovecot.count(username) == 0
    assert old_dovecot.count(username, DONE_FOLDER) == (2 if after == "move" else 0)


def test_mail_that_others_marked_is_not_expunged(old_dovecot: Dovecot) -> None:
    """Without UIDPLUS an EXPUNGE takes everything that is marked; a person may still want it back."""
    mailbox = make_dovecot_mailbox(old_dovecot, "shared")
    old_dovecot.put("shared", make_mail(1))
    other = open_box(old_dovecot, "shared")
    other.store("1", "+FLAGS", r"(\Deleted)")
    old_dovecot.put("shared", make_mail(2))
    read(mailbox)
    assert mailbox.problem == ""
    assert RawNotice.objects.count() == 1
    assert old_dovecot.count("shared") == 2
    other.store("1", "-FLAGS", r"(\Deleted)")
    other.logout()
    read(mailbox)
    assert RawNotice.objects.count() == 2
    assert old_dovecot.count("shared") == 0


def test_empty_mailbox(dovecot: Dovecot) -> None:
    mailbox = read(make_dovecot_mailbox(dovecot, "empty"))
    assert mailbox.problem == ""
    assert check_mailbox(mailbox) == 0


def test_same_message_twice_is_one_notice(dovecot: Dovecot) -> None:
    """Each message is processed once, however often it arrives."""
    mailbox = make_dovecot_mailbox(dovecot, "twice")
    dovecot.put("twice", make_mail(), make_mail())
    read(mailbox)
    dovecot.put("twice", make_mail())
    read(mailbox)
    assert RawNotice.objects.count() == 1
    assert dovecot.count("twice") == 0


def test_wrong_password(dovecot: Dovecot) -> None:
    dovecot.add_user("locked")
    mailbox = make_mailbox(username="locked", password=WRONG, port=dovecot.imap)
    with pytest.raises(MailboxError) as caught:
        check_mailbox(mailbox)
    assert caught.value.step is Step.LOGIN
    assert "AUTHENTICATIONFAILED" in caught.value.answer
    read(mailbox)
    assert "ユーザー名とパスワードを確認してください" in mailbox.problem
    assert WRONG not in mailbox.problem


def test_missing_folder(dovecot: Dovecot) -> None:
    mailbox = make_dovecot_mailbox(dovecot, "nofolder", folder="エラー")
    with pytest.raises(MailboxError) as caught:
        check_mailbox(mailbox)
    assert caught.value.step is Step.FOLDER
    assert "doesn't exist" in caught.value.answer


def test_folder_with_a_japanese_name(dovecot: Dovecot) -> None:
    mailbox = make_dovecot_mailbox(dovecot, "japanese", folder="エラーメール")
    box = open_box(dovecot, "japanese")
    box.create("&MKgw6TD8MOEw,DDr-")
    box.append("&MKgw6TD8MOEw,DDr-", "", "", make_mail())
    box.logout()
    read(mailbox)
    assert mailbox.problem == ""
    assert RawNotice.objects.count() == 1


def test_read_only_folder(dovecot: Dovecot) -> None:
    """Nothing is fetched that cannot be removed: it would come again and again."""
    mailbox = make_dovecot_mailbox(dovecot, "readonly")
    (dovecot.folder / "mail" / "readonly" / "dovecot-acl").write_text("owner lr\n")
    dovecot.put("readonly", make_mail())
    read(mailbox)
    assert "読み取り専用" in mailbox.problem
    assert RawNotice.objects.count() == 0


def test_deleting_is_forbidden(dovecot: Dovecot) -> None:
    """The notice is stored once, the mailbox says what is wrong, and the mail stays."""
    mailbox = make_dovecot_mailbox(dovecot, "keeping")
    (dovecot.folder / "mail" / "keeping" / "dovecot-acl").write_text("owner lrws\n")
    dovecot.put("keeping", make_mail())
    for _ in range(2):
        read(mailbox)
    assert RawNotice.objects.count() == 1
    assert dovecot.count("keeping") == 1
    assert mailbox.problem


def test_folder_made_anew(dovecot: Dovecot) -> None:
    """A new UIDVALIDITY gives old numbers to new messages."""
    mailbox = make_dovecot_mailbox(dovecot, "anew", folder="Errors")
    box = open_box(dovecot, "anew")
    box.create("Errors")
    box.append("Errors", "", "", make_mail(1))
    read(mailbox)
    box.append("Errors", "", "", make_mail(2))
    MailboxFault.objects.create(mailbox=mailbox, uid="1.2", tries=2, at=timezone.now())
    box.delete("Errors")
    box.create("Errors")
    box.append("Errors", "", "", make_mail(3))
    box.append("Errors", "", "", make_mail(4))
    box.logout()
    read(mailbox)
    assert RawNotice.objects.count() == 3
    assert not MailboxFault.objects.exists()


def test_mail_over_the_limit_is_cut(dovecot: Dovecot) -> None:
    mailbox = make_dovecot_mailbox(dovecot, "large")
    dovecot.put("large", make_mail(size=6 * 1024 * 1024))
    read(mailbox)
    assert mailbox.problem == ""
    assert dovecot.count("large") == 0
    assert len(unpack(RawNotice.objects.get().content)) == 5 * 1024 * 1024


def test_two_tasks_at_once(dovecot: Dovecot) -> None:
    mailbox = make_dovecot_mailbox(dovecot, "once")
    dovecot.put("once", make_mail())
    Mailbox.objects.update(lease_until=timezone.now() + timedelta(minutes=1))
    read(mailbox)
    assert RawNotice.objects.count() == 0
    Mailbox.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    read(mailbox)
    assert RawNotice.objects.count() == 1

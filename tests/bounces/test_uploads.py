"""Uploaded notices: taken over once, in turns, and shown with what became of them."""

from __future__ import annotations

import zlib
from datetime import timedelta

import pytest
import redis
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from accounts.models import AuditEntry, Role, Workspace
from bounces import tasks, uploads
from bounces.errors import TurnLost
from bounces.intake import envelope_of
from bounces.models import Door, NoticeState, NoticeUpload, RawNotice, UploadState
from campaigns.models import DeliveryState
from tests.bounces.notices import read_email, signed_path
from tests.factories import make_campaign, make_delivery, make_list, make_subscriber, make_user, make_workspace

pytestmark = pytest.mark.django_db
DATED = b"From MAILER-DAEMON Mon Jan  5 10:00:00 2026\n"


@pytest.fixture(autouse=True)
def files_apart(settings: Settings, tmp_path: object) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


def make_mbox(count: int) -> bytes:
    return b"".join(
        DATED + b"To: lost@bounce.example.com\nSubject: failure notice\n\nnumber %d\n\n" % number
        for number in range(count)
    )


def make_upload(workspace: Workspace, content: bytes = b"", **fields: object) -> NoticeUpload:
    upload = NoticeUpload(workspace=workspace, filename="old.mbox", **fields)
    upload.file.save("test.mbox", ContentFile(content or make_mbox(3)), save=False)
    upload.save()
    return upload


def read_whole(upload: NoticeUpload) -> NoticeUpload:
    while uploads.read_upload(upload.pk, now=timezone.now()):
        pass
    upload.refresh_from_db()
    return upload


def as_member(workspace: Workspace, role: Role = Role.EDITOR) -> Client:
    client = Client()
    client.force_login(make_user(workspace, role=role))
    return client


def send(client: Client, *files: tuple[str, bytes]) -> str:
    """Upload files and return the page that is shown after them."""
    given = [SimpleUploadedFile(name, content) for name, content in files]
    return client.post(reverse("notice_upload_index"), {"mails": given}, follow=True).content.decode()


def test_takes_single_mails_and_an_mbox_together() -> None:
    workspace = make_workspace()
    client = as_member(workspace)
    page = send(
        client,
        ("a.eml", read_email("postfix-user-unknown")),
        ("b.eml", read_email("qmail-no-mailbox")),
        ("c.mbox", make_mbox(2)),
    )
    upload = read_whole(NoticeUpload.objects.get())
    assert "a.eml ほか2件" in page
    assert (upload.state, upload.found, upload.stored, upload.known) == (UploadState.DONE, 4, 4, 0)
    assert set(RawNotice.objects.values_list("door", "workspace", "upload")) == {(Door.UPLOAD, workspace.pk, upload.pk)}
    first = RawNotice.objects.order_by("pk")[0]
    assert zlib.decompress(first.content) == read_email("postfix-user-unknown")
    assert not upload.file
    assert AuditEntry.objects.get().action == "notice.upload"


def test_a_notice_of_ours_is_counted_like_any_other() -> None:
    """The signed address stands in Delivered-To, as a mailbox keeps it."""
    mailing_list = make_list()
    subscriber = make_subscriber(mailing_list, "nobody@dest.example")
    delivery = make_delivery(make_campaign(mailing_list), subscriber, state=DeliveryState.SENT)
    mail = f"Delivered-To: {signed_path(delivery)}\n".encode() + read_email("postfix-user-unknown")
    upload = read_whole(make_upload(mailing_list.workspace, DATED + mail + b"\n"))
    notice = upload.notices.get()
    assert notice.envelope_to == signed_path(delivery)
    tasks.process_notices([notice.pk])
    delivery.refresh_from_db()
    notice.refresh_from_db()
    assert (delivery.state, notice.state) == (DeliveryState.BOUNCED, NoticeState.PROCESSED)


def test_the_same_file_twice_is_known() -> None:
    workspace = make_workspace()
    read_whole(make_upload(workspace))
    again = read_whole(make_upload(workspace, make_mbox(4).replace(b"\n", b"\r\n")))
    assert (again.found, again.stored, again.known) == (4, 1, 3)
    # Nobody's upload stands in another workspace's way.
    other = read_whole(make_upload(make_workspace()))
    assert (other.stored, other.known) == (3, 0)


def test_a_mail_twice_in_a_file_is_known() -> None:
    upload = read_whole(make_upload(make_workspace(), make_mbox(1) * 3))
    assert (upload.found, upload.stored, upload.known) == (3, 1, 2)


def test_goes_on_where_a_turn_ended() -> None:
    upload = make_upload(make_workspace(), make_mbox(120))
    late = iter([0.0, *[uploads.TURN_SECONDS + 1] * 9])
    assert uploads.read_upload(upload.pk, now=timezone.now(), clock=lambda: next(late))
    upload.refresh_from_db()
    assert (upload.state, upload.found, upload.lease_until) == (UploadState.QUEUED, uploads.BATCH, None)
    upload = read_whole(upload)
    assert (upload.state, upload.found, upload.stored, upload.known) == (UploadState.DONE, 120, 120, 0)


class Killed(BaseException):
    """Ends a turn as SIGKILL does: nobody tidies up."""


def test_a_killed_process_doubles_nothing() -> None:
    upload = make_upload(make_workspace(), make_mbox(120))
    now = timezone.now()

    asked: list[float] = []

    def kill_after_the_second_batch() -> float:
        asked.append(0.0)
        if len(asked) == 3:
            raise Killed
        return 0.0

    with pytest.raises(Killed):
        uploads.read_upload(upload.pk, now=now, clock=kill_after_the_second_batch)
    upload.refresh_from_db()
    assert (upload.state, upload.found) == (UploadState.RUNNING, 100)
    # While the dead process may still be alive, nobody else works on it.
    assert not uploads.read_upload(upload.pk, now=now)
    assert upload.notices.count() == 100
    assert not uploads.read_upload(upload.pk, now=now + 2 * uploads.LEASE)
    upload.refresh_from_db()
    assert (upload.state, upload.found, upload.stored, upload.known) == (UploadState.DONE, 120, 120, 0)


def test_a_process_that_lost_its_turn_writes_nothing() -> None:
    upload = make_upload(make_workspace(), make_mbox(3))
    turn = uploads.take_turn(upload.pk, now=timezone.now() - 2 * uploads.LEASE)
    assert turn is not None
    assert uploads.take_turn(upload.pk, now=timezone.now()) is not None
    with pytest.raises(TurnLost):
        uploads.store_batch(turn, [b"A: 1\n\nx"])
    assert not RawNotice.objects.exists()


def test_a_file_that_ends_its_process_every_time_is_given_up() -> None:
    upload = make_upload(make_workspace())
    now = timezone.now()
    for number in range(uploads.MAX_TRIES):
        assert uploads.take_turn(upload.pk, now=now + number * 2 * uploads.LEASE) is not None
    assert uploads.take_turn(upload.pk, now=now + timedelta(hours=1)) is None
    upload.refresh_from_db()
    assert upload.state == UploadState.FAILED
    uploads.clear_uploads(now=now)
    upload.refresh_from_db()
    assert not upload.file


def test_a_file_without_a_mail_fails_with_a_sentence() -> None:
    upload = read_whole(make_upload(make_workspace(), b"From nothing\n"))
    assert (upload.state, bool(upload.file)) == (UploadState.FAILED, False)
    assert "見つかりませんでした" in upload.message


def test_a_file_that_is_gone_fails_with_a_sentence() -> None:
    upload = make_upload(make_workspace())
    upload.file.storage.delete(upload.file.name)
    assert "もう一度アップロード" in read_whole(upload).message


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.zip", b"PK\x03\x04rest", "圧縮されています"),
        ("a.mbox.gz", b"\x1f\x8b\x08rest", "圧縮されています"),
        ("a.msg", b"\xd0\xcf\x11\xe0rest", "Outlookの形式"),
        ("a.pdf", b"%PDF-1.7", "メールのファイルではない"),
        ("a.eml", b"", "ファイルが空です"),
    ],
)
def test_refuses_what_holds_no_mail(name: str, content: bytes, said: str) -> None:
    assert said in send(as_member(make_workspace()), (name, content))
    assert not NoticeUpload.objects.exists()


def test_refuses_too_much_and_too_many(settings: Settings) -> None:
    client = as_member(make_workspace())
    settings.UPLOAD_MAX_BYTES = 20
    assert "大きすぎます" in send(client, ("a.eml", b"A: 1\n\n12345678"), ("b.eml", b"B: 2\n\n12345678"))
    assert "大きすぎます" in send(client, ("a.mbox", b"A: 1\n\n" + b"x" * 100_000))
    many = [(f"{number}.eml", b"A: 1\n\n") for number in range(settings.DATA_UPLOAD_MAX_NUMBER_FILES + 1)]
    settings.UPLOAD_MAX_BYTES = 1_000_000
    assert "100個まで" in send(client, *many)
    assert "選んでください" in client.post(reverse("notice_upload_index")).content.decode()
    assert not NoticeUpload.objects.exists()


def test_an_upload_needs_its_token() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user(make_workspace()))
    given = SimpleUploadedFile("a.eml", b"A: 1\n\n")
    assert client.post(reverse("notice_upload_index"), {"mails": given}).status_code == 403


def test_pages_belong_to_editors_of_the_workspace() -> None:
    upload = read_whole(make_upload(make_workspace()))
    paths = [reverse("notice_upload_index")] + [
        reverse(name, args=[upload.pk]) for name in ("notice_upload_detail", "notice_upload_progress", "upload_survey")
    ]
    assert [as_member(upload.workspace).get(path).status_code for path in paths] == [200] * 4
    assert [as_member(upload.workspace, Role.VIEWER).get(path).status_code for path in paths] == [403] * 4
    stranger = as_member(make_workspace(), Role.ADMIN)
    assert [stranger.get(path).status_code for path in paths[1:]] == [404] * 3
    assert "old.mbox" not in stranger.get(paths[0]).content.decode()


def test_the_page_moves_until_everything_is_read() -> None:
    upload = make_upload(make_workspace())
    client = as_member(upload.workspace)
    progress = reverse("notice_upload_progress", args=[upload.pk])
    assert "順番を待っています" in client.get(progress).content.decode()
    assert "読み取り中" in client.get(reverse("notice_upload_detail", args=[upload.pk])).content.decode()
    read_whole(upload)
    assert "残り3通" in client.get(progress).content.decode()
    tasks.process_notices(list(upload.notices.values_list("pk", flat=True)))
    answer = client.get(progress)
    assert answer["HX-Redirect"] == reverse("notice_upload_detail", args=[upload.pk])


def test_the_result_has_few_queries(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    upload = read_whole(make_upload(make_workspace(), make_mbox(60)))
    client = as_member(upload.workspace)
    with django_assert_max_num_queries(14):
        page = client.get(reverse("notice_upload_detail", args=[upload.pk]) + "?state=new").content.decode()
    newest = upload.notices.order_by("-pk").values_list("pk", flat=True)[:50]
    assert all(reverse("notice_detail", args=[pk]) in page for pk in newest)


def test_tick_asks_for_uploads(valkey: str) -> None:
    make_upload(make_workspace())
    with redis.Redis.from_url(valkey) as broker:
        broker.delete("work")
        tasks.hint_uploads(now=timezone.now())
        assert broker.llen("work") == 1


def test_the_task_reads_an_upload() -> None:
    upload = make_upload(make_workspace())
    tasks.read_upload(upload.pk)
    tasks.read_upload(upload.pk)
    upload.refresh_from_db()
    assert (upload.state, upload.stored) == (UploadState.DONE, 3)


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ("X-Original-To: b-1-x@bounce.example.com\nTo: b-2-y@bounce.example.com", "b-1-x@bounce.example.com"),
        ("Delivered-To: box@host.example\nTo: <b-2-y@BOUNCE.example.com>", "b-2-y@BOUNCE.example.com"),
        ("To: somebody@else.example", ""),
        ("Subject: x", ""),
    ],
)
def test_finds_the_envelope_in_the_headers(headers: str, found: str) -> None:
    assert envelope_of(f"{headers}\n\nTo: b-3-z@bounce.example.com\n".encode()) == found

"""Surveying past bounces and stopping what a person chooses."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import AuditEntry, Role, Workspace
from bounces.models import Bounce, Door, NoticeState, NoticeUpload, RawNotice, UploadState
from bounces.survey import chosen_failures, count_chosen, stop_chosen, survey_upload
from lists.models import AddressError, StopReason, Subscriber
from tests.factories import make_subscriber, make_user, make_workspace

pytestmark = pytest.mark.django_db


def make_upload(workspace: Workspace) -> NoticeUpload:
    return NoticeUpload.objects.create(workspace=workspace, filename="old.mbox", state=UploadState.DONE)


def tell(upload: NoticeUpload, address: str, kind: str, reason: str, **fields: str) -> Bounce:
    """Store what a notice of the upload says of an address."""
    number = RawNotice.objects.count()
    notice = RawNotice.objects.create(
        workspace=upload.workspace,
        upload=upload,
        digest=f"{number:064}",
        door=Door.UPLOAD,
        content=b"",
        state=NoticeState.UNMATCHED,
    )
    return Bounce.objects.create(notice=notice, recipient=address, kind=kind, reason=reason, **fields)


@pytest.fixture
def upload() -> NoticeUpload:
    """Past bounces of five addresses, of which the workspace knows four and still sends to three."""
    workspace = make_workspace()
    for address in ("gone@example.jp", "full@example.jp", "blocked@example.jp"):
        make_subscriber(workspace=workspace, address=address)
    make_subscriber(workspace=workspace, address="stopped@example.jp", status="stopped")
    upload = make_upload(workspace)
    tell(upload, "Gone@Example.JP", "hard", "user_unknown", code="5.1.1", text="no such user")
    tell(upload, "gone@example.jp", "hard", "user_unknown")
    tell(upload, "stopped@example.jp", "hard", "user_unknown")
    tell(upload, "stranger@example.jp", "hard", "user_unknown")
    tell(upload, "full@example.jp", "soft", "mailbox_full")
    tell(upload, "blocked@example.jp", "block", "reputation")
    tell(upload, "full@example.jp", "not_bounce", "delayed")
    return upload


def as_member(workspace: Workspace, role: Role = Role.EDITOR) -> Client:
    client = Client()
    client.force_login(make_user(workspace, role=role))
    return client


def test_counts_addresses_by_kind_and_reason(upload: NoticeUpload) -> None:
    """E7: past bounces are surveyed, unmatched ones too; an address counts once however it is written."""
    # The same address in another workspace is nobody's business here.
    make_subscriber(workspace=make_workspace(), address="stranger@example.jp")
    survey = survey_upload(upload)
    rows = [(one.value, one.addresses, one.active, one.is_stoppable()) for one in survey.findings]
    assert rows == [
        ("hard.user_unknown", 3, 1, True),
        ("block.reputation", 1, 1, False),
        ("soft.mailbox_full", 1, 1, True),
    ]
    assert (survey.addresses, survey.active, survey.unread) == (5, 3, 0)
    assert [one.value for one in survey.findings if one.is_proposed()] == ["hard.user_unknown"]


def test_stops_what_was_chosen_with_its_evidence(upload: NoticeUpload) -> None:
    """E7: the chosen addresses are stopped in advance; what was read is kept, not counted."""
    client = as_member(upload.workspace)
    path = reverse("upload_survey", args=[upload.pk])
    asked = client.post(path, {"choices": ["hard.user_unknown", "soft.mailbox_full"]}).content.decode()
    assert "<strong>2件</strong>" in asked
    assert not Subscriber.objects.stopped().exclude(address="stopped@example.jp").exists()
    client.post(path, {"choices": ["hard.user_unknown", "soft.mailbox_full"], "confirmed": "1"})
    stopped = Subscriber.objects.stopped().order_by("address").values_list("address", "stop_reason")
    assert list(stopped) == [
        ("full@example.jp", StopReason.MANUAL),
        ("gone@example.jp", StopReason.MANUAL),
        ("stopped@example.jp", StopReason.MANUAL),
    ]
    gone = Subscriber.objects.get(address="gone@example.jp")
    error = gone.errors.get()
    assert (error.counted, error.stopped, error.reason, error.about) == (False, True, "user_unknown", "old.mbox")
    assert gone.error_count == 0
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target) == ("survey.stop", "old.mbox")
    assert entry.detail == {"reasons": ["mailbox_full", "user_unknown"], "stopped": 2}
    # Once more changes nothing.
    assert count_chosen(upload, ["hard.user_unknown"]) == 0
    assert stop_chosen(upload, ["hard.user_unknown"], actor=make_user(), now=timezone.now()) == 0
    assert AddressError.objects.count() == 2


def test_nothing_is_stopped_for_what_blames_the_sender(upload: NoticeUpload) -> None:
    assert not chosen_failures(upload, ["block.reputation", "hard.user", "nonsense", ""]).exists()
    page = as_member(upload.workspace).post(
        reverse("upload_survey", args=[upload.pk]), {"choices": ["block.reputation"], "confirmed": "1"}
    )
    assert "選べない理由です" in page.content.decode()
    assert Subscriber.objects.active().count() == 3


def test_a_complaint_stops_as_complaint(upload: NoticeUpload) -> None:
    make_subscriber(workspace=upload.workspace, address="angry@example.jp")
    tell(upload, "angry@example.jp", "complaint", "complaint")
    assert stop_chosen(upload, ["complaint.complaint"], actor=make_user(), now=timezone.now()) == 1
    assert Subscriber.objects.get(address="angry@example.jp").stop_reason == StopReason.COMPLAINT


def test_asks_for_a_choice(upload: NoticeUpload) -> None:
    page = as_member(upload.workspace).post(reverse("upload_survey", args=[upload.pk])).content.decode()
    assert "理由を選んでください" in page


def test_a_survey_without_errors_says_so() -> None:
    upload = make_upload(make_workspace())
    page = as_member(upload.workspace).get(reverse("upload_survey", args=[upload.pk])).content.decode()
    assert "エラーのアドレスはありません" in page


def test_a_survey_has_few_queries(upload: NoticeUpload, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    client = as_member(upload.workspace)
    with django_assert_max_num_queries(10):
        client.get(reverse("upload_survey", args=[upload.pk]))


def look_up(client: Client, content: bytes, name: str = "bad.csv") -> str:
    given = SimpleUploadedFile(name, content)
    return client.post(reverse("known_addresses"), {"file": given}).content.decode()


def ids_in(page: str) -> str:
    return page.partition('name="ids" value="')[2].partition('"')[0]


def test_known_bad_addresses_are_shown_before_they_are_stopped(upload: NoticeUpload) -> None:
    """E7: a list of known bad addresses is imported: found and active ones are stopped, after a question."""
    workspace = upload.workspace
    client = as_member(workspace)
    content = "番号,メールアドレス\n1,ＧＯＮＥ@example.jp\n2,stopped@example.jp\n3,who@example.jp\n4,なし\n5,gone@example.jp\n"
    page = look_up(client, content.encode("cp932"))
    gone = Subscriber.objects.get(address="gone@example.jp")
    assert "<strong>1件</strong>" in page
    assert ids_in(page) == str(gone.pk)
    assert Subscriber.objects.active().count() == 3
    answer = client.post(reverse("known_addresses_stop"), {"ids": ids_in(page), "filename": "bad.csv"}, follow=True)
    assert "1件のアドレスを配信停止にしました" in answer.content.decode()
    gone.refresh_from_db()
    assert gone.stop_reason == StopReason.MANUAL
    assert gone.errors.get().about == "既知の不達アドレス: bad.csv"
    assert not Subscriber.objects.filter(address="who@example.jp").exists()
    assert AuditEntry.objects.get().detail == {"chosen": 1, "stopped": 1}


def test_known_addresses_in_a_plain_text() -> None:
    workspace = make_workspace()
    make_subscriber(workspace=workspace, address="one@example.jp")
    make_subscriber(workspace=workspace, address="two@example.jp")
    page = look_up(as_member(workspace), b"one@example.jp\r\ntwo@example.jp\r\n\r\n", "bad.txt")
    assert "<strong>2件</strong>" in page


def test_known_addresses_of_nobody() -> None:
    page = look_up(as_member(make_workspace()), b"one@example.jp\n")
    assert "配信停止にするアドレスはありませんでした" in page


def test_what_is_no_list_is_refused() -> None:
    client = as_member(make_workspace())
    assert "Excel" in look_up(client, b"PK\x03\x04" + b"x" * 50)
    assert "空" in look_up(client, b"")


def test_numbers_of_another_workspace_stop_nobody() -> None:
    subscriber = make_subscriber()
    client = as_member(make_workspace())
    answer = client.post(reverse("known_addresses_stop"), {"ids": str(subscriber.pk)}, follow=True)
    assert "すでに停止していました" in answer.content.decode()
    for wrong in ("", "1,x", "1" * 30, "-1"):
        answer = client.post(reverse("known_addresses_stop"), {"ids": wrong}, follow=True)
        assert "もう一度ファイルを選んでください" in answer.content.decode()
    subscriber.refresh_from_db()
    assert not subscriber.is_stopped()


def test_only_editors_stop(upload: NoticeUpload) -> None:
    client = as_member(upload.workspace, Role.VIEWER)
    paths = [reverse("known_addresses"), reverse("known_addresses_stop"), reverse("upload_survey", args=[upload.pk])]
    assert [client.post(path).status_code for path in paths] == [403] * 3

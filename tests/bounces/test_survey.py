"""Surveying past bounces and stopping what a person chooses."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import AuditEntry, Role, Workspace
from bounces import survey_known
from bounces.models import Bounce, Door, NoticeState, NoticeUpload, RawNotice, UploadState
from bounces.survey import chosen_failures, count_chosen, stop_chosen, survey_upload
from lists.csv_import import Choice, create_import, queue_import
from lists.csv_reading import Format
from lists.erasing import erase
from lists.models import AddressError, Exclusion, ImportMode, StopReason, Subscriber
from tests.factories import make_list, make_subscriber, make_user, make_workspace
from tests.lists.importing import apply_import

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
    rows = [(one.value, one.addresses, one.active, one.unregistered, one.is_stoppable()) for one in survey.findings]
    assert rows == [
        ("hard.user_unknown", 3, 1, 1, True),
        ("block.reputation", 1, 1, 0, False),
        ("soft.mailbox_full", 1, 1, 0, True),
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
    # Who is no subscriber goes on the 除外リスト only where that is asked for.
    assert not Exclusion.objects.exists()
    # Once more changes nothing.
    assert count_chosen(upload, ["hard.user_unknown"]) == 0
    assert stop_chosen(upload, ["hard.user_unknown"], actor=make_user(), now=timezone.now()) == 0
    assert AddressError.objects.count() == 2


def test_what_nobody_registered_is_excluded_where_that_is_asked_for(upload: NoticeUpload) -> None:
    """E7: what was surveyed before the first upload is not brought in by it."""
    client, path = as_member(upload.workspace), reverse("upload_survey", args=[upload.pk])
    tell(upload, "no address", "hard", "user_unknown")
    choice = {"choices": ["hard.user_unknown"]}
    asked = client.post(path, choice).content.decode()
    assert "登録のない2件のアドレスも除外リストに入れる" in asked
    answer = client.post(path, choice | {"confirmed": "1", "exclude": "on"}, follow=True).content.decode()
    assert "1件のアドレスを配信停止にしました" in answer
    assert "登録のない1件のアドレスを除外リストに入れました" in answer
    entry = Exclusion.objects.get()
    assert (entry.workspace, entry.kind, entry.value) == (upload.workspace, "address", "stranger@example.jp")
    assert (entry.reason, entry.expires_at) == ("過去のエラーメール: old.mbox", None)
    assert AuditEntry.objects.get(action="known.exclude").detail == {"rows": 1}
    # Where nobody is left to be stopped, the others still can be excluded.
    asked = client.post(path, choice).content.decode()
    assert "除外リストに入れますか" in asked
    assert '<input type="hidden" name="exclude" value="on">' in asked
    answer = client.post(path, choice | {"confirmed": "1", "exclude": "on"}, follow=True).content.decode()
    assert "除外リストに入れたアドレスはありません" in answer
    assert Exclusion.objects.count() == 1


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


def value_in(page: str, name: str) -> str:
    return page.partition(f'name="{name}" value="')[2].partition('"')[0]


def ids_in(page: str) -> str:
    return value_in(page, "ids")


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


def test_known_addresses_of_nobody_are_not_brought_in_by_a_later_file(settings: Any, tmp_path: Path) -> None:
    """E7: whatever comes first, the list of bad addresses or the list of subscribers."""
    workspace = make_workspace()
    for address in ("gone@example.jp", "erased@example.jp"):
        make_subscriber(workspace=workspace, address=address)
    erased = Subscriber.objects.get(address="erased@example.jp")
    now = timezone.now()
    erase([erased.pk], workspace=workspace, actor=None, now=now)
    kept = Exclusion.objects.create(workspace=workspace, kind="address", value="mine@example.jp", reason="社員")
    client = as_member(workspace)
    page = look_up(client, b"gone@example.jp\nnew@example.jp\nNEW@example.jp\nerased@example.jp\nmine@example.jp\n")
    assert value_in(page, "unregistered") == "new@example.jp"
    assert "登録のない1件のアドレスも除外リストに入れる" in page
    assert not Exclusion.objects.exclude(pk=kept.pk).exists()
    given = {name: value_in(page, name) for name in ("ids", "unregistered", "filename")} | {"exclude": "on"}
    # What comes from a browser is judged again.
    given["unregistered"] += " erased@example.jp gone@example.jp no-address mine@example.jp"
    answer = client.post(reverse("known_addresses_stop"), given, follow=True).content.decode()
    assert "登録のない1件のアドレスを除外リストに入れました" in answer
    entry = Exclusion.objects.exclude(pk=kept.pk).get()
    assert (entry.value, entry.reason) == ("new@example.jp", "既知の不達アドレス: bad.csv")
    kept.refresh_from_db()
    assert kept.reason == "社員"
    settings.MEDIA_ROOT = tmp_path
    mailing_list = make_list(workspace)
    user = make_user(workspace)
    file = ContentFile(b"email\nnew@example.jp\nfine@example.jp\n", name="meibo.csv")
    csv_import = create_import(mailing_list, file, user)
    layout = Format(csv_import.encoding, csv_import.separator, csv_import.has_header, csv_import.sheet)
    assert queue_import(csv_import, Choice(layout, csv_import.columns, ImportMode.MERGE), user)
    assert apply_import(csv_import.pk, now=now)
    assert list(mailing_list.subscriptions.values_list("subscriber__address", flat=True)) == ["fine@example.jp"]


def test_known_addresses_of_nobody_only() -> None:
    workspace = make_workspace()
    client = as_member(workspace)
    page = look_up(client, b"one@example.jp\n")
    assert "除外リストに入れますか" in page
    given = {"unregistered": value_in(page, "unregistered"), "filename": "bad.csv", "exclude": "on"}
    answer = client.post(reverse("known_addresses_stop"), given, follow=True)
    assert answer.redirect_chain[-1][0] == reverse("exclusion_index")
    assert "one@example.jp" in answer.content.decode()


def test_more_addresses_of_nobody_than_a_page_carries_are_not_offered() -> None:
    known = survey_known.look_up(
        make_workspace(), BytesIO(b"one@example.jp\ntwo@example.jp\n"), now=timezone.now(), letters=20
    )
    assert (known.unknown, known.unregistered, known.is_too_much) == (2, (), True)


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

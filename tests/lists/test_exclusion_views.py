"""Tests of the pages of the 除外リスト."""

from datetime import timedelta
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import AuditEntry, Role, Workspace
from lists.exclusion_forms import MAX_LINES
from lists.models import Exclusion, ExclusionKind
from tests.factories import make_user, make_workspace

pytestmark = pytest.mark.django_db

INDEX = "/exclusions/"


def log_in(workspace: Workspace | None, role: Role = Role.EDITOR, **fields: bool) -> Client:
    client = Client()
    client.force_login(make_user(workspace, role, **fields))
    return client


@pytest.fixture
def editor(workspace: Workspace) -> Client:
    return log_in(workspace)


@pytest.fixture
def operator() -> Client:
    return log_in(None, is_superuser=True)


def make_entry(workspace: Workspace | None, value: str, **fields: object) -> Exclusion:
    kind = ExclusionKind.ADDRESS if "@" in value else ExclusionKind.DOMAIN
    return Exclusion.objects.create(workspace=workspace, kind=kind, value=value, **fields)


def text_of(client: Client, url: str, **query: str) -> str:
    return client.get(url, query).content.decode()


def test_an_editor_adds_several_entries_at_once(workspace: Workspace, editor: Client) -> None:
    data = {"values": "Mori@example.jp\n\n*.example.com\n", "reason": "取引終了", "last_day": ""}
    response = editor.post(reverse("exclusion_create"), data, follow=True)
    assert "2件を登録しました" in response.content.decode()
    stored = Exclusion.objects.order_by("kind").values_list("workspace", "kind", "value", "reason", "expires_at")
    assert list(stored) == [
        (workspace.pk, "address", "mori@example.jp", "取引終了", None),
        (workspace.pk, "domain", "example.com", "取引終了", None),
    ]
    assert AuditEntry.objects.get().action == "exclusion.create"
    again = editor.post(reverse("exclusion_create"), data, follow=True)
    assert "すでに同じ内容" in again.content.decode()
    changed = editor.post(reverse("exclusion_create"), data | {"reason": "依頼"}, follow=True)
    assert "登録済みの2件" in changed.content.decode()


def test_a_wrong_line_is_named_and_nothing_added(editor: Client) -> None:
    lines = ["mori@example.jp", *["山田"] * 6]
    body = editor.post(reverse("exclusion_create"), {"values": "\n".join(lines)}).content.decode()
    assert "2行目「山田」" in body
    assert "ほかに1行" in body
    too_many = editor.post(reverse("exclusion_create"), {"values": "a.jp\n" * (MAX_LINES + 1)}).content.decode()
    assert "ファイルで登録" in too_many
    over = editor.post(reverse("exclusion_create"), {"values": "a.jp", "last_day": "2020-01-01"}).content.decode()
    assert "今日以降" in over
    assert not Exclusion.objects.exists()


def test_the_page_finds_entries_and_tells_whether_an_address_is_excluded(workspace: Workspace, editor: Client) -> None:
    make_entry(workspace, "example.com", reason="取引終了")
    make_entry(workspace, "mori@example.jp", expires_at=timezone.now() - timedelta(days=1))
    make_entry(make_workspace(), "secret.example")
    body = text_of(editor, INDEX)
    assert "example.com" in body
    assert "期限切れ" in body
    assert "secret.example" not in body
    assert "mori@example.jp" not in text_of(editor, INDEX, kind="domain")
    assert "mori@example.jp" not in text_of(editor, INDEX, state="binding")
    over = text_of(editor, INDEX, state="over")
    assert "mori@example.jp" in over
    assert "取引終了" not in over
    by_reason = text_of(editor, INDEX, q="取引")
    assert "example.com" in by_reason
    assert "には送りません" in text_of(editor, INDEX, q="kato@www.example.com")
    assert "対象ではありません" in text_of(editor, INDEX, q="mori@example.jp")
    assert "条件に合う登録はありません" in text_of(editor, INDEX, q="nothing")


def test_a_member_learns_of_the_installations_entries_only_what_he_asks_about(
    workspace: Workspace, editor: Client
) -> None:
    make_entry(None, "example.com", reason="運営者のメモ")
    make_entry(None, "kato@example.net")
    assert "example.net" not in text_of(editor, INDEX)
    body = text_of(editor, INDEX, q="mori@example.com")
    assert "システム全体の除外リスト" in body
    assert "運営者のメモ" not in body
    assert "対象ではありません" in text_of(editor, INDEX, q="example.net")


def test_a_viewer_reads_and_changes_nothing(workspace: Workspace) -> None:
    entry = make_entry(workspace, "example.com")
    viewer = log_in(workspace, Role.VIEWER)
    body = text_of(viewer, INDEX)
    assert "example.com" in body
    assert reverse("exclusion_create") not in body
    for url in (
        reverse("exclusion_create"),
        reverse("exclusion_import"),
        reverse("exclusion_export"),
        reverse("exclusion_clear"),
    ):
        assert viewer.get(url).status_code == 403
    assert viewer.post(reverse("exclusion_delete", args=[entry.pk])).status_code == 403
    assert Exclusion.objects.exists()


def test_nobody_reaches_entries_of_others(workspace: Workspace, editor: Client, operator: Client) -> None:
    others, everybodys = make_entry(make_workspace(), "example.com"), make_entry(None, "example.net")
    for entry in (others, everybodys):
        assert editor.post(reverse("exclusion_delete", args=[entry.pk])).status_code == 404
    assert operator.post(reverse("operator_exclusion_delete", args=[others.pk])).status_code == 404
    editor.post(reverse("exclusion_clear"))
    assert Exclusion.objects.count() == 2
    assert editor.get(reverse("operator_exclusion_index")).status_code == 403


def test_deletes_one_entry_and_all_of_a_search(workspace: Workspace, editor: Client) -> None:
    entry = make_entry(workspace, "one.example")
    for name in ("a.example.com", "b.example.com", "keep.example"):
        make_entry(workspace, name)
    assert "削除しました" in editor.post(reverse("exclusion_delete", args=[entry.pk]), follow=True).content.decode()
    question = text_of(editor, reverse("exclusion_clear"), q="example.com")
    assert "2件" in question
    assert Exclusion.objects.count() == 3
    editor.post(reverse("exclusion_clear"), {"q": "example.com"})
    assert Exclusion.objects.get().value == "keep.example"


def test_a_file_is_taken_and_its_refused_lines_are_told(workspace: Workspace, editor: Client) -> None:
    file = SimpleUploadedFile("jogai.csv", "メールアドレス\nmori@example.jp\n山田\nexample.com\n".encode("cp932"))
    body = editor.post(reverse("exclusion_import"), {"file": file, "reason": "一括"}).content.decode()
    assert "山田" in body
    assert "登録できなかった行" in body
    assert set(Exclusion.objects.values_list("value", "reason")) == {
        ("mori@example.jp", "一括"),
        ("example.com", "一括"),
    }
    told = AuditEntry.objects.get()
    assert (told.action, told.target, told.detail) == ("exclusion.import", "jogai.csv", {"rows": 2, "rejected": 1})
    broken = SimpleUploadedFile("jogai.csv", b'"mori@example.jp\n')
    assert "引用符" in editor.post(reverse("exclusion_import"), {"file": broken}).content.decode()
    empty = editor.post(reverse("exclusion_import"), {}).content.decode()
    assert "ファイルを選んでください" in empty


def test_a_file_that_is_too_large_is_refused(editor: Client) -> None:
    file = BytesIO(b"a@example.jp\n" * 1_700_000)
    file.name = "large.csv"
    assert "20MB" in editor.post(reverse("exclusion_import"), {"file": file}).content.decode()


@pytest.mark.parametrize(("encoding", "codec"), [("", "utf-8-sig"), ("cp932", "cp932")])
def test_what_is_shown_is_exported(workspace: Workspace, editor: Client, encoding: str, codec: str) -> None:
    make_entry(workspace, "example.com", reason="取引終了", expires_at=timezone.now() + timedelta(days=400))
    make_entry(workspace, "mori@example.jp")
    response = editor.get(reverse("exclusion_export"), {"encoding": encoding, "kind": "domain"})
    lines = response.getvalue().decode(codec).splitlines()
    assert lines[0] == "種類,メールアドレスまたはドメイン,理由,期限,登録日"
    assert len(lines) == 2
    assert lines[1].startswith("ドメイン,example.com,取引終了,20")


def test_the_operator_keeps_the_installations_list(operator: Client) -> None:
    operator.post(reverse("operator_exclusion_create"), {"values": "example.com"})
    file = SimpleUploadedFile("a.csv", b"example.net\n")
    assert operator.post(reverse("operator_exclusion_import"), {"file": file}).status_code == 200
    assert list(Exclusion.objects.values_list("workspace", flat=True)) == [None, None]
    assert "example.net" in text_of(operator, reverse("operator_exclusion_index"))
    assert b"example.net" in operator.get(reverse("operator_exclusion_export")).getvalue()
    entry = Exclusion.objects.get(value="example.net")
    operator.post(reverse("operator_exclusion_delete", args=[entry.pk]))
    operator.post(reverse("operator_exclusion_clear"), {"q": ""})
    assert not Exclusion.objects.exists()
    assert set(AuditEntry.objects.values_list("workspace", flat=True)) == {None}


def test_the_page_asks_few_queries(
    workspace: Workspace, editor: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(60):
        make_entry(workspace, f"d{number}.example")
    editor.get(INDEX)
    with django_assert_max_num_queries(10):
        body = text_of(editor, INDEX, q="d1.example", page="1")
    assert "d1.example" in body
    assert 'rel="next"' in text_of(editor, INDEX)

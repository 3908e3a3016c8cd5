"""Tests of the pages of the 除外リスト."""

from datetime import date, timedelta
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import AuditEntry, Role, Workspace
from lists.exclusion_entries import end_of
from lists.exclusion_forms import MAX_LINES
from lists.exclusion_imports import run_exclusions, take_exclusion_hints
from lists.models import Exclusion, ExclusionImport, ExclusionKind, SubscriberStatus
from tests.factories import make_subscriber, make_user, make_workspace

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


def take_all() -> None:
    """Do what the tick asks for."""
    for import_id in take_exclusion_hints(timezone.now()):
        assert run_exclusions(import_id, now=timezone.now())


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


def test_a_day_that_means_never_is_one(editor: Client) -> None:
    data = {"values": "mori@example.jp", "reason": "", "last_day": "9999-12-31"}
    assert editor.post(reverse("exclusion_create"), data).status_code == 302
    assert "9999" in editor.get(reverse("exclusion_index")).content.decode()


def test_a_domain_that_concerns_subscribers_asks_first(workspace: Workspace, editor: Client) -> None:
    for address in ("a@example.co.jp", "b@mail.example.co.jp", "c@myexample.co.jp", "d@example.com"):
        make_subscriber(workspace=workspace, address=address)
    make_subscriber(workspace=make_workspace(), address="stranger@example.co.jp")
    url = reverse("exclusion_create")
    page = editor.post(url, {"values": "Example.co.jp"}).content.decode()
    assert "<strong>2人</strong>" in page
    mark = page.partition('name="confirmed" value="')[2].partition('"')[0]
    # Who then writes something else is asked about that.
    assert "<strong>3人</strong>" in editor.post(url, {"values": "co.jp", "confirmed": mark}).content.decode()
    assert not Exclusion.objects.exists()
    editor.post(url, {"values": "Example.co.jp", "confirmed": mark})
    assert Exclusion.objects.get().value == "example.co.jp"
    # Nobody has such an address, so that there is nothing to ask.
    editor.post(url, {"values": "example.net\nd@example.com"})
    assert Exclusion.objects.count() == 3


def test_the_operator_is_asked_about_the_people_of_all_workspaces(workspace: Workspace, operator: Client) -> None:
    for owner in (workspace, make_workspace()):
        make_subscriber(workspace=owner, address="a@mail.example.co.jp")
    make_subscriber(workspace=workspace, address="b@example.com", status=SubscriberStatus.STOPPED)
    url = reverse("operator_exclusion_create")
    page = operator.post(url, {"values": "example.co.jp"}).content.decode()
    assert "すべてのワークスペース" in page
    assert "<strong>2人</strong>" in page
    assert not Exclusion.objects.exists()
    mark = page.partition('name="confirmed" value="')[2].partition('"')[0]
    operator.post(url, {"values": "example.co.jp", "confirmed": mark})
    assert Exclusion.objects.get().workspace is None
    assert "<strong>1人</strong>" in operator.post(url, {"values": "example.com"}).content.decode()


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
    editor.post(reverse("exclusion_clear"), {"number": "0"})
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
    assert 'name="number" value="2"' in question
    editor.post(reverse("exclusion_clear"), {"q": "example.com", "number": "2"})
    assert Exclusion.objects.get().value == "keep.example"


def test_entries_that_came_after_the_question_are_asked_about_anew(workspace: Workspace, editor: Client) -> None:
    for name in ("a.example.com", "b.example.com"):
        make_entry(workspace, name)
    for number in ("1", "3", "", "x"):
        answer = editor.post(reverse("exclusion_clear"), {"q": "example.com", "number": number}, follow=True)
        page = answer.content.decode()
        assert "件数が変わった" in page
        assert 'name="number" value="2"' in page
    assert Exclusion.objects.count() == 2
    assert not AuditEntry.objects.exists()


def test_a_file_is_taken_and_its_refused_lines_are_told(workspace: Workspace, editor: Client) -> None:
    file = SimpleUploadedFile("jogai.csv", "メールアドレス\nmori@example.jp\n山田\nexample.com\n".encode("cp932"))
    page = editor.post(reverse("exclusion_import"), {"file": file, "reason": "一括"})["Location"]
    assert "順番を待っています" in text_of(editor, page)
    assert "順番を待っています" in text_of(editor, f"{page}progress/")
    assert not Exclusion.objects.exists()
    take_all()
    assert editor.get(f"{page}progress/")["HX-Redirect"] == page
    body = text_of(editor, page)
    assert "山田" in body
    assert "登録できなかった行" in body
    refused = editor.get(f"{page}refused.csv", {"encoding": "cp932"}).getvalue().decode("cp932").splitlines()
    assert refused[0] == "行,値,理由"
    assert refused[1].startswith("3,山田,メールアドレスでもドメインでもありません")
    assert set(Exclusion.objects.values_list("value", "reason")) == {
        ("mori@example.jp", "一括"),
        ("example.com", "一括"),
    }
    told = AuditEntry.objects.get()
    assert (told.action, told.target, told.detail) == ("exclusion.import", "jogai.csv", {"rows": 2, "rejected": 1})
    broken = SimpleUploadedFile("jogai.csv", b'"mori@example.jp\n')
    page = editor.post(reverse("exclusion_import"), {"file": broken})["Location"]
    take_all()
    failed = text_of(editor, page)
    assert "引用符" in failed
    assert "除外リストは変わっていません" in failed
    empty = editor.post(reverse("exclusion_import"), {}).content.decode()
    assert "ファイルを選んでください" in empty


def test_a_file_of_others_is_nobodys(workspace: Workspace, editor: Client, operator: Client) -> None:
    for owner in (make_workspace(), None):
        job = ExclusionImport.objects.create(workspace=owner, filename="a.csv", state="done")
        for page in ("detail", "progress", "refused"):
            assert editor.get(reverse(f"exclusion_import_{page}", args=[job.pk])).status_code == 404
    job = ExclusionImport.objects.create(workspace=workspace, filename="a.csv", state="done")
    for page in ("detail", "progress", "refused"):
        assert operator.get(reverse(f"operator_exclusion_import_{page}", args=[job.pk])).status_code == 404
        assert editor.get(reverse(f"operator_exclusion_import_{page}", args=[job.pk])).status_code == 403
        viewer = log_in(workspace, Role.VIEWER)
        assert viewer.get(reverse(f"exclusion_import_{page}", args=[job.pk])).status_code == 403


def test_of_many_refused_lines_the_page_shows_some_and_the_file_says_how_many_are_left(
    workspace: Workspace, editor: Client
) -> None:
    refused: list[list[object]] = [[number, f"誤り{number}", "理由。"] for number in range(1, 31)]
    job = ExclusionImport.objects.create(
        workspace=workspace, filename="a", state="done", rows_refused=35, refused=refused
    )
    page = text_of(editor, reverse("exclusion_import_detail", args=[job.pk]))
    assert "誤り20" in page
    assert "誤り21" not in page
    assert "途中までしか" in page
    response = editor.get(reverse("exclusion_import_refused", args=[job.pk]))
    lines = response.getvalue().decode("utf-8-sig").splitlines()
    assert (len(lines), lines[30]) == (32, "30,誤り30,理由。")
    assert "ほかに5行" in lines[31]


def test_a_file_that_is_too_large_is_refused_before_it_is_stored(editor: Client, operator: Client) -> None:
    for client, name in ((editor, "exclusion_import"), (operator, "operator_exclusion_import")):
        file = BytesIO(b"a@example.jp\n" * 1_700_000)
        file.name = "large.csv"
        answer = client.post(reverse(name), {"file": file})
        # The form was not even looked at.
        assert answer["Location"] == reverse(name)
        assert "20MB" in text_of(client, reverse(name))


def test_what_is_shown_is_exported(workspace: Workspace, editor: Client) -> None:
    make_entry(workspace, "example.com", reason="=取引終了", expires_at=end_of(date(2126, 12, 31)))
    make_entry(workspace, "mori@example.jp")
    url = reverse("exclusion_export") + "?kind=domain"
    page = text_of(editor, url)
    assert "登録した人" in page
    assert "エクスポート" in text_of(editor, INDEX, kind="domain")
    response = editor.post(url, {"columns": ["kind", "value", "reason", "last_day"], "format": "csv"})
    assert response.getvalue().decode("utf-8-sig").splitlines() == [
        "種類,メールアドレスまたはドメイン,理由,期限",
        "ドメイン,example.com,'=取引終了,2126-12-31",
    ]
    told = AuditEntry.objects.get()
    assert (told.workspace, told.action, told.target) == (workspace, "exclusion.export", "ドメイン")
    assert told.detail == {"columns": 4, "format": "csv"}


def test_the_operator_keeps_the_installations_list(operator: Client) -> None:
    operator.post(reverse("operator_exclusion_create"), {"values": "example.com"})
    file = SimpleUploadedFile("a.csv", b"example.net\n")
    page = operator.post(reverse("operator_exclusion_import"), {"file": file})["Location"]
    take_all()
    assert "新しく登録" in text_of(operator, page)
    assert operator.get(f"{page}progress/")["HX-Redirect"] == page
    assert operator.get(f"{page}refused.csv").getvalue().decode("utf-8-sig") == "行,値,理由\r\n"
    assert list(Exclusion.objects.values_list("workspace", flat=True)) == [None, None]
    assert "example.net" in text_of(operator, reverse("operator_exclusion_index"))
    chosen = {"columns": ["value"], "format": "csv"}
    assert b"example.net" in operator.post(reverse("operator_exclusion_export"), chosen).getvalue()
    entry = Exclusion.objects.get(value="example.net")
    operator.post(reverse("operator_exclusion_delete", args=[entry.pk]))
    operator.post(reverse("operator_exclusion_clear"), {"q": "", "number": "1"})
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

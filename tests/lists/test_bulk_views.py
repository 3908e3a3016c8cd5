"""Pages of bulk actions: the choice, the number, the forms, progress, result and cancel."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import Role, Workspace
from lists.bulk_turns import run_bulk
from lists.bulk_views import JOBS_SHOWN, count_context, look_on
from lists.finding import Search
from lists.models import (
    AttributeDefinition,
    BulkAction,
    BulkJob,
    BulkState,
    CsvImport,
    MailingList,
    Segment,
    Subscriber,
)
from tests.conftest import ClientFor
from tests.factories import make_list, make_subscriber, make_user

pytestmark = pytest.mark.django_db
CREATE = "/subscribers/bulk/"
COUNT = "/subscribers/bulk/count/"


@pytest.fixture
def admin(workspace: Workspace, client_for: ClientFor) -> Client:
    """A browser session of a 管理者."""
    return client_for(make_user(workspace, Role.ADMIN))


@pytest.fixture
def send(editor: Client) -> Callable[..., Any]:
    """A function that fills in the form of an action and sends it."""

    def post(action: str, query: str = "", client: Client | None = None, **fields: Any) -> Any:
        url = f"{CREATE}?action={action}&{query}"
        page = (client or editor).get(url)
        return (client or editor).post(url, seen(page) | {"reason": "退会した会員"} | fields)

    return post


def seen(page: Any) -> dict[str, Any]:
    """What the page's form carries of those whose number it showed."""
    found = re.findall(r'<input type="hidden" name="(last_id|revision)" value="(\d*)">', text(page))
    assert [name for name, _value in found] == ["last_id", "revision"]
    return dict(found)


def work(job: BulkJob) -> BulkJob:
    while run_bulk(job.pk, now=timezone.now()):
        pass
    job.refresh_from_db()
    return job


def text(response: Any) -> str:
    return str(response.content.decode())


def test_the_page_says_whom_and_how_many(
    editor: Client, mailing_list: MailingList, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make_subscriber(mailing_list, "taro@old.example")
    make_subscriber(mailing_list, "hanako@new.example")
    with django_assert_max_num_queries(13):
        page = text(editor.get(CREATE, {"q": "@old.example", "list": mailing_list.pk, "status": "active"}))
    assert "<strong>1人</strong>" in page
    assert mailing_list.name in page
    assert "@old.example" in page
    assert "配信停止にする" in page
    assert "個人情報を消去する" not in page


def test_without_a_search_the_page_warns(editor: Client) -> None:
    assert "すべての購読者が対象です" in text(editor.get(CREATE))


def test_the_confirmation_says_how_many_and_the_post_acts(
    editor: Client, mailing_list: MailingList, send: Callable[..., Any]
) -> None:
    make_subscriber(mailing_list, "taro@old.example")
    make_subscriber(mailing_list, "hanako@new.example")
    question = editor.get(CREATE, {"q": "@old.example", "action": "stop"})
    assert "<strong>1人</strong>" in text(question)
    assert BulkJob.objects.count() == 0
    answer = send("stop", "q=@old.example")
    job = BulkJob.objects.get()
    assert answer.headers["Location"] == reverse("bulk_detail", args=[job.pk])
    assert (job.action, job.why, job.search) == (BulkAction.STOP, "退会した会員", {"q": "@old.example"})
    work(job)
    page = text(editor.get(answer.headers["Location"]))
    assert "完了しました" in page
    assert list(Subscriber.objects.stopped().values_list("address", flat=True)) == ["taro@old.example"]


def test_who_was_added_after_the_look_is_left_alone(editor: Client, mailing_list: MailingList) -> None:
    make_subscriber(mailing_list)
    url = f"{CREATE}?action=stop"
    shown = seen(editor.get(url))
    late = make_subscriber(mailing_list)
    editor.post(url, shown | {"reason": "退会"})
    assert work(BulkJob.objects.get()).changed == 1
    assert Subscriber.objects.active().get() == late


def test_a_last_id_from_elsewhere_reaches_nobody_who_is_not_there_yet(
    editor: Client, mailing_list: MailingList
) -> None:
    person = make_subscriber(mailing_list)
    editor.post(f"{CREATE}?action=stop", {"last_id": 10**15, "reason": "退会"})
    assert BulkJob.objects.get().last_id == person.pk


@pytest.mark.parametrize(
    ("action", "fields", "problem"),
    [
        ("stop", {"reason": ""}, "停止の理由を入力してください"),
        ("stop", {"reason": "a\nb"}, "改行や制御文字は使えません"),
        ("resume", {"reason": ""}, "再開の理由を入力してください"),
        ("add", {"mailing_list": ""}, "リストを選んでください"),
        ("remove", {"mailing_list": "0"}, "正しく選択してください"),
        ("set", {"attribute": ""}, "項目を選んでください"),
        ("set", {"attribute": "点", "value": "たくさん"}, "数値として読めません"),
    ],
)
def test_what_is_missing_is_asked_for(
    action: str,
    fields: dict[str, str],
    problem: str,
    workspace: Workspace,
    mailing_list: MailingList,
    send: Callable[..., Any],
) -> None:
    AttributeDefinition.objects.create(workspace=workspace, name="点", label="ポイント", kind="number")
    make_subscriber(mailing_list)
    assert problem in text(send(action, **fields))
    assert BulkJob.objects.count() == 0


def test_a_list_of_another_workspace_cannot_be_chosen(mailing_list: MailingList, send: Callable[..., Any]) -> None:
    make_subscriber(mailing_list)
    stranger = make_list()
    assert send("add", mailing_list=stranger.pk).status_code == 200
    assert send("remove", mailing_list=stranger.pk).status_code == 200
    assert BulkJob.objects.count() == 0


@pytest.mark.parametrize("query", ["list=", "segment="])
def test_a_search_of_another_workspace_is_not_found(query: str, editor: Client) -> None:
    stranger = make_list()
    segment = Segment.objects.create(workspace=stranger.workspace, name="会員")
    pk = stranger.pk if query == "list=" else segment.pk
    for url in (f"{CREATE}?{query}{pk}", f"{CREATE}?{query}{pk}&action=stop"):
        assert editor.get(url).status_code == 404
    # The part that counts on says it, or it would turn for ever.
    assert "削除されました" in text(editor.get(f"{COUNT}?{query}{pk}"))


def test_a_segment_that_cannot_be_used_is_told(editor: Client, workspace: Workspace) -> None:
    segment = Segment.objects.create(workspace=workspace, name="空", conditions={"v": 1, "all": []})
    answer = editor.get(f"{CREATE}?segment={segment.pk}", follow=True)
    assert "条件がありません" in text(answer)
    assert "条件がありません" in text(editor.get(f"{COUNT}?segment={segment.pk}"))


def test_values_are_read_as_the_attributes_kind(
    workspace: Workspace, mailing_list: MailingList, send: Callable[..., Any], editor: Client
) -> None:
    AttributeDefinition.objects.create(workspace=workspace, name="点", label="ポイント", kind="number")
    person = make_subscriber(mailing_list)
    send("set", attribute="点", value="1,200")
    job = work(BulkJob.objects.get())
    person.refresh_from_db()
    assert person.attributes == {"点": 1200}
    page = text(editor.get(reverse("bulk_detail", args=[job.pk])))
    assert "ポイント" in page
    assert "1200" in page


def test_adding_names_the_list_and_the_consent_a4(
    mailing_list: MailingList, send: Callable[..., Any], editor: Client
) -> None:
    target = make_list(mailing_list.workspace)
    make_subscriber(mailing_list)
    send("add", mailing_list=target.pk, text_version="第2版")
    job = work(BulkJob.objects.get())
    assert job.argument == {"list": target.pk, "text_version": "第2版"}
    page = text(editor.get(reverse("bulk_detail", args=[job.pk])))
    assert target.name in page
    assert "配信への同意" in page


def test_erasing_in_bulk_is_for_administrators(
    admin: Client, editor: Client, mailing_list: MailingList, send: Callable[..., Any]
) -> None:
    make_subscriber(mailing_list)
    url = f"{CREATE}?action=erase"
    assert editor.get(url).status_code == editor.post(url).status_code == 403
    assert "個人情報を消去する" in text(admin.get(CREATE))
    CsvImport.objects.create(
        mailing_list=mailing_list, workspace=mailing_list.workspace, filename="a.csv", file="imports/x.csv"
    )
    CsvImport.objects.update(created_at=datetime(2026, 5, 1, 3, tzinfo=UTC))
    page = text(send("erase", client=admin))
    assert "元に戻せません" in page
    assert "2026/06/01までに自動で削除されます" in page
    assert BulkJob.objects.count() == 0
    send("erase", client=admin, sure="on")
    assert BulkJob.objects.get().action == BulkAction.ERASE


@pytest.mark.parametrize("action", ["", "delete_list", "x"])
def test_what_is_no_bulk_action_is_not_found(action: str, editor: Client) -> None:
    assert editor.get(f"{CREATE}?action={action}").status_code == 404
    assert editor.post(f"{CREATE}?action={action}").status_code == 404
    assert editor.post(CREATE).status_code == 404


def count_a_piece(workspace: Workspace, query: str) -> Any:
    """Count two people of what an address asks for; return what the page shows it with."""
    request: Any = RequestFactory().get(f"{CREATE}?{query}")
    request.workspace = workspace
    chosen = look_on(request, Search.require(request.GET))
    return count_context(request, chosen, budget=0, size=2)


@pytest.mark.parametrize("address", ["count_url", "page_url"])
def test_the_number_is_counted_on(address: str, editor: Client, workspace: Workspace) -> None:
    """With scripts by the part of the page, without them by a link to the page itself."""
    mailing_list = make_list(workspace)
    for number in range(7):
        make_subscriber(mailing_list, f"reader{number}@old.example", status="stopped" if number < 3 else "active")
    make_subscriber(mailing_list, "other@new.example")
    context = count_a_piece(workspace, "q=%40old.example&action=stop")
    assert not context["counted"].is_complete
    found = context["counted"].found
    part = render_to_string("lists/_bulk_count.html", context)
    assert f"<strong>{found}人以上</strong>" in part
    # Who comes while it is being counted is not counted, and left alone.
    make_subscriber(mailing_list, "late@old.example")
    url = context[address]
    assert url.replace("&", "&amp;") in part
    answer = editor.get(url)
    assert "<strong>7人</strong>" in text(answer)
    assert "うち配信中 4人" in text(answer)
    assert "hx-get" not in text(answer).split('id="bulk-count"', 1)[1].split("</p>", 1)[0]
    if address == "page_url":
        editor.post(url, seen(answer) | {"reason": "退会"})
        assert work(BulkJob.objects.get()).found == 7


def test_a_count_of_others_is_not_gone_on_with(workspace: Workspace, mailing_list: MailingList) -> None:
    for _number in range(5):
        make_subscriber(mailing_list)
    first = count_a_piece(workspace, "q=reader")
    place = first["page_url"].split("?", 1)[1]
    assert count_a_piece(workspace, place)["counted"].found > first["counted"].found
    other = count_a_piece(workspace, place.replace("q=reader", "q=example"))
    assert other["counted"].found == first["counted"].found


def test_a_segment_that_changed_since_it_was_counted_is_counted_anew(
    editor: Client, workspace: Workspace, mailing_list: MailingList
) -> None:
    """Who agrees to 1 person must not have acted on 2."""
    make_subscriber(mailing_list, "taro@old.example")
    make_subscriber(mailing_list, "hanako@new.example")
    narrow = {"v": 1, "all": [{"field": "address", "op": "contains", "value": "taro"}]}
    wide = {"v": 1, "all": [{"field": "address", "op": "contains", "value": "example"}]}
    segment = Segment.objects.create(workspace=workspace, name="退会者", conditions=narrow)
    url = f"{CREATE}?segment={segment.pk}&action=stop"
    page = editor.get(url)
    assert "<strong>1人</strong>" in text(page)
    Segment.objects.filter(pk=segment.pk).update(conditions=wide, revision=segment.revision + 1)
    page = editor.post(url, seen(page) | {"reason": "退会"})
    assert BulkJob.objects.count() == 0
    assert "対象が変わった" in text(page)
    assert "<strong>2人</strong>" in text(page)
    editor.post(url, seen(page) | {"reason": "退会"})
    assert work(BulkJob.objects.get()).changed == 2


def test_a_form_that_does_not_say_whom_is_refused(editor: Client, mailing_list: MailingList) -> None:
    make_subscriber(mailing_list)
    assert "対象が変わった" in text(editor.post(f"{CREATE}?action=stop", {"reason": "退会"}))
    assert BulkJob.objects.count() == 0


@pytest.mark.parametrize("query", ["segment=12x", "list=x", "status=none", "attribute=ランク", "q=a b c d e f"])
def test_a_search_that_makes_no_sense_never_means_everybody(
    query: str, editor: Client, mailing_list: MailingList
) -> None:
    make_subscriber(mailing_list)
    for url in (f"{CREATE}?{query}", f"{CREATE}?{query}&action=stop"):
        answer = editor.get(url, follow=True)
        assert answer.redirect_chain[0][0] == reverse("subscriber_index")
        assert "検索" in text(answer)
    assert "<strong>" not in text(editor.get(f"{COUNT}?{query}"))


@pytest.mark.parametrize("query", ["found=x&after=-1&last=x", "after=" + "9" * 40, "last=" + "9" * 18])
def test_nonsense_in_the_address_of_a_count_is_left_out(query: str, editor: Client, mailing_list: MailingList) -> None:
    make_subscriber(mailing_list)
    assert editor.get(f"{COUNT}?{query}").status_code == 200


def make_job(workspace: Workspace, **fields: Any) -> BulkJob:
    return BulkJob.objects.create(**{"workspace": workspace, "action": "stop", "why": "退会"} | fields)


def test_progress_is_live_and_ends_with_the_page(editor: Client, workspace: Workspace) -> None:
    job = make_job(workspace, state=BulkState.RUNNING, found=2000, done=1000, changed=900)
    url = reverse("bulk_progress", args=[job.pk])
    assert "1,000 / 2,000" in text(editor.get(url))
    assert "hx-get" in text(editor.get(reverse("bulk_detail", args=[job.pk])))
    BulkJob.objects.update(state=BulkState.DONE, finished_at=timezone.now())
    assert editor.get(url).headers["HX-Redirect"] == reverse("bulk_detail", args=[job.pk])


def test_waiting_is_said(editor: Client, workspace: Workspace) -> None:
    job = make_job(workspace)
    assert "順番を待っています" in text(editor.get(reverse("bulk_detail", args=[job.pk])))


def test_an_action_is_cancelled(editor: Client, viewer: Client, workspace: Workspace) -> None:
    job = make_job(workspace)
    url = reverse("bulk_cancel", args=[job.pk])
    assert viewer.post(url).status_code == 403
    assert "途中で取り消されました" in text(editor.post(url, follow=True))
    assert "取り消せません" in text(editor.post(url, follow=True))
    job.refresh_from_db()
    assert job.state == BulkState.CANCELLED


def test_a_deletion_shows_the_lists_name_and_cannot_be_cancelled(editor: Client, workspace: Workspace) -> None:
    job = make_job(workspace, action="delete_list", argument={"list": 5, "name": "秋の会員"})
    page = text(editor.get(reverse("bulk_detail", args=[job.pk])))
    assert "秋の会員" in page
    assert "cancel-dialog" not in page
    editor.post(reverse("bulk_cancel", args=[job.pk]))
    job.refresh_from_db()
    assert job.state == BulkState.QUEUED


def test_why_nobody_changed_is_said(editor: Client, workspace: Workspace) -> None:
    job = make_job(workspace, state=BulkState.DONE, finished_at=timezone.now(), found=3, done=3, changed=1)
    assert "すでに配信停止でした" in text(editor.get(reverse("bulk_detail", args=[job.pk])))


def test_why_it_was_broken_off_is_said(editor: Client, workspace: Workspace) -> None:
    why = "セグメントが削除されました。"
    job = make_job(workspace, state=BulkState.CANCELLED, finished_at=timezone.now(), message=why)
    page = text(editor.get(reverse("bulk_detail", args=[job.pk])))
    assert f"{why}途中で中止しました" in page


def test_a_failure_says_how_far_it_came_and_what_to_do(editor: Client, viewer: Client, workspace: Workspace) -> None:
    job = make_job(workspace, state=BulkState.FAILED, finished_at=timezone.now(), found=2000, done=1200, changed=900)
    url, restart = reverse("bulk_detail", args=[job.pk]), reverse("bulk_restart", args=[job.pk])
    page = text(editor.get(url))
    for words in ("処理が何度も途中で止まったため", "2,000", "1,200", "900", "続きから再開"):
        assert words in page
    assert restart in page
    assert restart not in text(viewer.get(url))
    assert viewer.post(restart).status_code == 403
    assert "順番を待っています" not in text(editor.post(restart, follow=True))
    job.refresh_from_db()
    assert (job.state, job.done) == (BulkState.QUEUED, 1200)
    assert "すでに続きを始めています" in text(editor.post(restart, follow=True))


def test_erasing_goes_on_by_an_administrators_word_only(editor: Client, admin: Client, workspace: Workspace) -> None:
    job = make_job(workspace, action="erase", state=BulkState.FAILED, finished_at=timezone.now())
    restart = reverse("bulk_restart", args=[job.pk])
    assert restart not in text(editor.get(reverse("bulk_detail", args=[job.pk])))
    assert editor.post(restart).status_code == 403
    assert admin.post(restart).status_code == 302


def test_another_try_is_said(editor: Client, workspace: Workspace) -> None:
    job = make_job(workspace, state=BulkState.RUNNING, found=5, tries=2)
    assert "自動でやり直しています" in text(editor.get(reverse("bulk_detail", args=[job.pk])))


def test_older_jobs_are_found_again(editor: Client, workspace: Workspace) -> None:
    jobs = [make_job(workspace, why=f"依頼{number}番") for number in range(JOBS_SHOWN + 1)]
    first, second = text(editor.get(CREATE)), text(editor.get(CREATE, {"page": 2}))
    oldest = reverse("bulk_detail", args=[jobs[0].pk])
    assert (oldest in first, oldest in second) == (False, True)


def test_what_was_asked_for_stays_readable(editor: Client, workspace: Workspace) -> None:
    """Also where the list or the segment of the search is gone."""
    search = {"list_id": 999, "segment_id": 999, "reason": "errors", "attributes": [["点", "5"]]}
    job = make_job(workspace, action="resume", search=search, argument={"own_will": True})
    page = text(editor.get(reverse("bulk_detail", args=[job.pk])))
    for words in ("(削除されたリスト)", "(削除されたセグメント)", "エラー停止", "購読解除・苦情の人"):
        assert words in page
    job = make_job(workspace, action="set", argument={"attribute": "点", "value": ""})
    assert "(値を消す)" in text(editor.get(reverse("bulk_detail", args=[job.pk])))

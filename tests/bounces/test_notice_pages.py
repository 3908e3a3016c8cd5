"""The pages of notices: lists, the reason why, raw view, assigning by hand, reading again."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import AuditEntry, Role, User, Workspace
from bounces.intake import store_raw
from bounces.matching import Why
from bounces.models import Door, MatchedBy, NoticeState, RawNotice
from bounces.notice_lists import COUNT_UP_TO
from bounces.parsed import NoticeKind
from bounces.processing import process
from bounces.rereading import CHUNK, read_again
from bounces.rule_words import BY_NAME, WHYS, explain_rule, explain_why
from campaigns.models import Campaign, Delivery, DeliveryState
from lists.models import Subscriber
from tests.bounces.notices import make_notice, read_email, signed_path
from tests.factories import make_campaign, make_delivery, make_list, make_subscriber, make_user, make_workspace

pytestmark = pytest.mark.django_db
Log = Callable[[User], Client]
INDEX = "/bounces/notices/"


@pytest.fixture
def campaign(workspace: Workspace) -> Campaign:
    return make_campaign(make_list(workspace), subject="秋の便り")


def make_sent(campaign: Campaign, address: str = "taro@example.jp") -> Delivery:
    subscriber = make_subscriber(campaign.mailing_lists.get(), address)
    return make_delivery(campaign, subscriber, state=DeliveryState.SENT, mail_date=timezone.now())


def make_unmatched(name: str = "qmail-no-mailbox", **replaced: str) -> RawNotice:
    return process_now(make_notice(name, **replaced))


def process_now(notice: RawNotice) -> RawNotice:
    process(notice.pk, now=timezone.now())
    notice.refresh_from_db()
    return notice


def make_many(workspace: Workspace | None, count: int, **fields: object) -> list[RawNotice]:
    content = zlib.compress(b"Subject: x\n\nx")
    given = {"door": Door.LMTP, "state": NoticeState.UNMATCHED, "content": content} | fields
    start = RawNotice.objects.count()
    return RawNotice.objects.bulk_create(
        RawNotice(workspace=workspace, digest=f"{start + number:064}", **given) for number in range(count)
    )


def numbers_on(response: object) -> list[int]:
    return [notice.pk for notice in response.context["page"]]  # type: ignore[attr-defined]


def test_list_is_turned_page_by_page(editor: Client, workspace: Workspace) -> None:
    pks = [notice.pk for notice in make_many(workspace, 120)][::-1]
    first = editor.get(INDEX)
    assert numbers_on(first) == pks[:50]
    assert (first.context["newer"], first.context["older"]) == (None, pks[49])
    second = editor.get(INDEX, {"before": pks[49]})
    assert numbers_on(second) == pks[50:100]
    third = editor.get(INDEX, {"before": second.context["older"]})
    assert numbers_on(third) == pks[100:]
    assert third.context["older"] is None
    assert numbers_on(editor.get(INDEX, {"after": third.context["newer"]})) == pks[50:100]
    back = editor.get(INDEX, {"after": second.context["newer"]})
    assert (numbers_on(back), back.context["newer"]) == (pks[:50], None)
    assert numbers_on(editor.get(INDEX, {"before": "x", "after": "9" * 30})) == pks[:50]


def test_filters_narrow_the_list(editor: Client, workspace: Workspace) -> None:
    [old] = make_many(workspace, 1, door=Door.IMAP)
    RawNotice.objects.update(received_at=timezone.now() - timedelta(days=3))
    [new] = make_many(workspace, 1, state=NoticeState.BROKEN)
    today, before = timezone.localdate().isoformat(), (timezone.localdate() - timedelta(days=2)).isoformat()
    assert numbers_on(editor.get(INDEX, {"door": "imap"})) == [old.pk]
    assert numbers_on(editor.get(INDEX, {"state": "broken"})) == [new.pk]
    assert numbers_on(editor.get(INDEX, {"since": today})) == [new.pk]
    assert numbers_on(editor.get(INDEX, {"until": before})) == [old.pk]
    assert numbers_on(editor.get(INDEX, {"since": "2100-01-01"})) == []
    assert numbers_on(editor.get(INDEX, {"until": "2000-01-01"})) == []
    assert numbers_on(editor.get(INDEX, {"door": "pigeon", "since": "yesterday"})) == [new.pk, old.pk]
    assert "条件に合うメールはありません" in editor.get(INDEX, {"door": "pop3"}).content.decode()


def test_address_is_found_whatever_its_letter_case(editor: Client, workspace: Workspace) -> None:
    notice = make_unmatched(**{"taro@example.jp": "Taro@Example.jp"})
    make_unmatched("sendmail-mailbox-full", **{"taro@example.jp": "hanako@example.jp"})
    assert numbers_on(editor.get(INDEX, {"q": " tARO@example.jp"})) == [notice.pk]
    assert numbers_on(editor.get(INDEX, {"q": "aro@example.jp"})) == []
    assert numbers_on(editor.get(INDEX, {"q": "\0"})) != []


def test_reports_are_kept_apart(editor: Client, workspace: Workspace) -> None:
    """DMARC and failure reports concern the sender as a whole."""
    reports = [make_unmatched(name).pk for name in ("dmarc-report", "arf-auth-failure")]
    make_unmatched("ordinary-mail")
    page = editor.get(INDEX, {"state": "report"})
    assert numbers_on(page) == reports[::-1]
    assert "送信元全体についての報告" in page.content.decode()
    assert [(chip.value, chip.count) for chip in page.context["chips"]] == [("ignored", "3"), ("report", "2")]


def test_counting_stops_somewhere(editor: Client, workspace: Workspace) -> None:
    make_many(workspace, COUNT_UP_TO + 5)
    assert [chip.count for chip in editor.get(INDEX).context["chips"]] == ["10,000+"]


def test_operators_list_joins_what_belongs_to_nobody(client_for: Log, workspace: Workspace) -> None:
    own, nobodys, theirs = (make_many(place, 30) for place in (workspace, None, make_workspace()))
    expected = sorted((notice.pk for notice in [*own, *nobodys]), reverse=True)
    operator = client_for(make_user(workspace, is_superuser=True))
    first = operator.get(INDEX)
    second = operator.get(INDEX, {"before": first.context["older"]})
    assert numbers_on(first) + numbers_on(second) == expected
    assert numbers_on(operator.get(INDEX, {"after": second.context["newer"]})) == expected[:50]
    member = client_for(make_user(workspace))
    assert set(numbers_on(member.get(INDEX))) == {notice.pk for notice in own}
    assert theirs


def test_list_needs_few_queries(
    client_for: Log, workspace: Workspace, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make_many(workspace, 60)
    operator = client_for(make_user(workspace, is_superuser=True))
    with django_assert_max_num_queries(28):
        operator.get(INDEX)


@pytest.mark.parametrize("why", list(Why))
def test_every_why_has_its_sentence(why: Why) -> None:
    assert explain_why(why) == str(WHYS[why])
    assert explain_why(f"{why}: KeyError: 'x'").endswith("(KeyError: 'x')")


def test_page_says_why(editor: Client, workspace: Workspace) -> None:
    notice = make_unmatched()
    words = "書かれているアドレスへの配信もありません"
    assert words in editor.get(reverse("notice_detail", args=[notice.pk])).content.decode()
    assert words in editor.get(INDEX).content.decode()


def test_every_rule_can_be_told() -> None:
    for name, rule in BY_NAME.items():
        told = explain_rule(name)
        assert (told.meaning, told.source) == (str(rule.reason.label), rule.source)
    assert explain_rule("flufl").meaning
    assert explain_rule("").meaning == ""


def test_page_shows_what_was_looked_at_and_which_rule_decided(editor: Client, campaign: Campaign) -> None:
    notice = process_now(make_notice(to=signed_path(make_sent(campaign))))
    rule = BY_NAME[notice.bounces.get().rule]
    page = editor.get(reverse("notice_detail", args=[notice.pk])).content.decode()
    for words in ("message/delivery-status", "RCPT TO", rule.name, rule.source, "宛先不明", "決め手", "秋の便り"):
        assert words in page


def test_page_tells_when_todays_rules_decide_otherwise(editor: Client, campaign: Campaign) -> None:
    notice = process_now(make_notice(to=signed_path(make_sent(campaign))))
    notice.bounces.update(rule="long-gone", reason="policy")
    page = editor.get(reverse("notice_detail", args=[notice.pk])).content.decode()
    assert "読んだときの判定: ポリシー拒否 (long-gone)" in page


def test_delay_notice_is_explained_too(editor: Client, workspace: Workspace) -> None:
    notice = make_unmatched("postfix-delay")
    assert "遅延通知" in editor.get(reverse("notice_detail", args=[notice.pk])).content.decode()


def test_raw_view_hides_nothing_and_runs_nothing(editor: Client, workspace: Workspace) -> None:
    """Neither markup nor characters that turn or hide text reach the page as such."""
    content = "Subject: \u202egnp.exe\r\n\r\n<img src=http://x.example/a.png><script>alert(1)</script>\x1b[2J\x00"
    notice = store_raw(content.encode(), envelope_to="x@bounce.example.com", door=Door.LMTP)
    RawNotice.objects.update(workspace=workspace)
    page = editor.get(reverse("notice_detail", args=[notice.pk])).content.decode()
    assert "&lt;img src=http://x.example/a.png&gt;" in page
    for hidden in ("\u202e", "\x1b", "\0", "<script>alert", "<img src=http"):
        assert hidden not in page


def test_raw_mail_is_handed_out_as_a_file(editor: Client, workspace: Workspace) -> None:
    notice = make_unmatched()
    answer = editor.get(reverse("notice_download", args=[notice.pk]))
    assert answer.content == read_email("qmail-no-mailbox")
    assert answer["Content-Type"] == "message/rfc822"
    assert answer["Content-Disposition"] == f'attachment; filename="notice-{notice.pk}.eml"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    RawNotice.objects.update(door=Door.WEBHOOK)
    assert editor.get(reverse("notice_download", args=[notice.pk]))["Content-Disposition"].endswith('.json"')
    RawNotice.objects.update(content=b"no zlib")
    assert editor.get(reverse("notice_download", args=[notice.pk])).status_code == 404
    assert "原文を表示できません" in editor.get(reverse("notice_detail", args=[notice.pk])).content.decode()


def choose(client: Client, notice: RawNotice, delivery: Delivery, **data: str) -> str:
    answer = client.post(reverse("notice_assign", args=[notice.pk]), {"delivery": delivery.pk} | data, follow=True)
    return answer.content.decode()


def test_delivery_is_assigned_by_hand_once(editor: Client, campaign: Campaign) -> None:
    """It asks first, counts once, and says who did it."""
    notice = make_unmatched()
    delivery = make_sent(campaign)
    page = editor.get(reverse("notice_candidates", args=[notice.pk])).content.decode()
    assert "taro@example.jp" in page
    assert "秋の便り" in page
    assert "この配信のエラーとして数えますか" in choose(editor, notice, delivery)
    assert Delivery.objects.get().state == DeliveryState.SENT
    page = choose(editor, notice, delivery, confirmed="1")
    assert "配信の結果に反映しました" in page
    assert "割り当てた人" in page
    notice.refresh_from_db()
    assert (notice.state, notice.matched_by) == (NoticeState.PROCESSED, MatchedBy.HAND)
    entry = AuditEntry.objects.get(action="notice.assign")
    assert (entry.target, entry.detail) == ("taro@example.jp", {"notice": notice.pk, "campaign": campaign.pk})
    assert entry.actor == notice.assigned_by
    assert "すでに処理されています" in choose(editor, notice, delivery, confirmed="1")
    assert Subscriber.objects.get().error_count == 1
    assert AuditEntry.objects.count() == 1


def test_second_notice_about_one_delivery_counts_nothing_new(editor: Client, campaign: Campaign) -> None:
    delivery = make_sent(campaign, "alias@example.jp")
    for name in ("qmail-no-mailbox", "sendmail-mailbox-full"):
        page = choose(editor, make_unmatched(name), delivery, confirmed="1")
    assert "すでに記録されているため" in page
    assert Subscriber.objects.get().error_count == 1


def test_other_address_is_searched_for(editor: Client, campaign: Campaign) -> None:
    make_sent(campaign, "alias@example.jp")
    url = reverse("notice_candidates", args=[make_unmatched().pk])
    assert "配信はありません" in editor.get(url).content.decode()
    assert "秋の便り" in editor.get(url, {"q": "ALIAS@example.jp"}).content.decode()
    assert "配信はありません" in editor.get(url, {"q": "a\0"}).content.decode()


def test_unreadable_notice_is_assigned_without_a_cause(editor: Client, campaign: Campaign) -> None:
    notice = make_unmatched()
    RawNotice.objects.update(content=b"no zlib", state=NoticeState.BROKEN)
    delivery = make_sent(campaign)
    choose(editor, notice, delivery, confirmed="1")
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason, delivery.rule) == (DeliveryState.BOUNCED, "unknown", "by-hand")


def test_delivery_of_another_workspace_is_never_assigned(editor: Client, workspace: Workspace) -> None:
    foreign = make_sent(make_campaign(make_list(), subject="よその便り"))
    notice = make_unmatched("arf-without-recipient")
    RawNotice.objects.update(workspace=workspace)
    url = reverse("notice_candidates", args=[notice.pk])
    assert "よその便り" not in editor.get(url, {"q": "taro@example.jp"}).content.decode()
    assert "配信先を選んでください" in choose(editor, notice, foreign, confirmed="1")
    assert (
        "配信先を選んでください"
        in editor.post(reverse("notice_assign", args=[notice.pk]), follow=True).content.decode()
    )
    foreign.refresh_from_db()
    assert foreign.state == DeliveryState.SENT


def test_counted_notice_is_not_assigned_again(editor: Client, campaign: Campaign) -> None:
    notice = process_now(make_notice(to=signed_path(make_sent(campaign))))
    other = make_sent(campaign, "other@example.jp")
    assert "割り当てはできません" in editor.get(reverse("notice_candidates", args=[notice.pk])).content.decode()
    choose(editor, notice, other, confirmed="1")
    other.refresh_from_db()
    assert other.state == DeliveryState.SENT


def test_operator_assigns_what_belongs_to_nobody(client_for: Log, campaign: Campaign) -> None:
    make_workspace()
    notice = make_unmatched("arf-without-recipient")
    assert RawNotice.objects.filter(workspace=None).exists()
    operator = client_for(make_user(campaign.workspace, is_superuser=True))
    choose(operator, notice, make_sent(campaign), confirmed="1")
    notice.refresh_from_db()
    assert (notice.workspace, notice.state) == (campaign.workspace, NoticeState.PROCESSED)


def test_notice_of_a_mail_that_is_still_being_sent_waits(editor: Client, campaign: Campaign) -> None:
    delivery = make_sent(campaign)
    notice = make_unmatched()
    Delivery.objects.update(state=DeliveryState.DEFERRED)
    assert "配信の結果が決まりしだい" in choose(editor, notice, delivery, confirmed="1")


def test_one_notice_is_read_again(editor: Client, campaign: Campaign) -> None:
    notice = make_unmatched()
    RawNotice.objects.update(envelope_to=signed_path(make_sent(campaign)), rules="older")
    detail = reverse("notice_detail", args=[notice.pk])
    assert "以前の規則で読みました" in editor.get(detail).content.decode()
    reread = reverse("notice_reread", args=[notice.pk])
    assert "配信の結果に反映しました" in editor.post(reread, follow=True).content.decode()
    assert "読み直しませんでした" in editor.post(reread, follow=True).content.decode()
    assert Subscriber.objects.get().error_count == 1
    other = make_unmatched("ordinary-mail")
    answer = editor.post(reverse("notice_reread", args=[other.pk]), follow=True).content.decode()
    assert "状態は「エラーではない」です" in answer


def test_what_older_rules_read_is_read_again(editor: Client, workspace: Workspace) -> None:
    """Only what counted nothing, and only in the own workspace."""
    older = make_many(workspace, 3, rules="000000000000")
    newer = make_many(workspace, 1, rules="zzzzzzzzzzzz", state=NoticeState.IGNORED)
    counted = make_many(workspace, 1, rules="000000000000", state=NoticeState.PROCESSED)
    foreign = make_many(make_workspace(), 1, rules="000000000000")
    current = make_unmatched("ordinary-mail")
    RawNotice.objects.filter(pk=current.pk).update(workspace=workspace)
    page = editor.get(INDEX).content.decode()
    assert "4件は、以前の規則で読みました" in page
    answer = editor.post(reverse("notice_reread_all"), follow=True).content.decode()
    assert "4件をもう一度読みます" in answer
    unread = RawNotice.objects.filter(state=NoticeState.NEW, tries=0).values_list("pk", flat=True)
    assert set(unread) == {notice.pk for notice in [*older, *newer]}
    assert RawNotice.objects.filter(pk__in=[counted[0].pk, foreign[0].pk, current.pk], state="new").count() == 0
    assert AuditEntry.objects.get().detail == {"changed": 4}
    assert (
        "以前の規則で読んだメールはありません"
        in editor.post(reverse("notice_reread_all"), follow=True).content.decode()
    )


def test_reading_again_goes_chunk_by_chunk(workspace: Workspace) -> None:
    make_many(workspace, CHUNK + 20)
    assert [read_again(RawNotice.objects.all(), at_most=CHUNK + 10) for _ in range(3)] == [CHUNK + 10, 10, 0]


def test_command_reads_again(workspace: Workspace) -> None:
    make_many(workspace, 2, rules="older")
    make_many(workspace, 1, rules="older", state=NoticeState.BROKEN)
    told = StringIO()
    call_command("reprocess_notices", "--state", "broken", stdout=told)
    call_command("reprocess_notices", "--limit", "1", stdout=told)
    call_command("reprocess_notices", "--all", stdout=told)
    call_command("reprocess_notices", "--all", stdout=told)
    assert [line[0] for line in told.getvalue().splitlines()] == ["1", "1", "1", "0"]


CHANGES = ["notice_assign", "notice_reread", "notice_reread_all"]


@pytest.mark.parametrize("name", [*CHANGES, "notice_candidates", "notice_download"])
def test_who_may_do_what(name: str, client: Client, client_for: Log, campaign: Campaign) -> None:
    """A viewer looks and downloads; only 作成者 assign and read again; strangers find nothing."""
    make_sent(campaign)
    notice = make_unmatched()
    url = reverse(name, args=[] if name.endswith("_all") else [notice.pk])
    viewer, stranger = client_for(make_user(campaign.workspace, Role.VIEWER)), client_for(make_user(make_workspace()))
    if name in CHANGES:
        assert client.post(url).status_code == 302
        assert viewer.post(url, {"delivery": Delivery.objects.get().pk, "confirmed": "1"}).status_code == 403
        assert stranger.post(url).status_code == (302 if name.endswith("_all") else 404)
        assert viewer.get(url).status_code in (403, 405)
    else:
        assert client.get(url).status_code == 302
        assert viewer.get(url).status_code == (403 if name == "notice_candidates" else 200)
        assert stranger.get(url).status_code == 404
        assert viewer.post(url).status_code in (403, 405)
    notice.refresh_from_db()
    assert notice.state == NoticeState.UNMATCHED
    assert notice.kind == NoticeKind.BOUNCE

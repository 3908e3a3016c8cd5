"""エラーレポート: the figures of a period, what narrows them, the commonest answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User, Workspace
from bounces.advice import BY_REASON, BY_RULE
from bounces.answers import normalise
from campaigns.audiences import set_parts
from campaigns.models import Campaign, DeliveryState, Part, Tally
from lists.models import MailingList, Segment
from mta.reply_rules import RULES
from mta.verdicts import Kind, Reason
from tests.factories import make_campaign, make_delivery, make_lane, make_list, make_user, make_workspace

pytestmark = pytest.mark.django_db
Log = Callable[[User], Client]
NOW = timezone.now()
SOURCES = {rule.name: rule.source for rule in RULES}


def mail(mailing_list: MailingList, *, days_ago: int = 1, **fields: Any) -> Campaign:
    """Make a finished mailing that began some days ago."""
    began = NOW - timedelta(days=days_ago)
    defaults: dict[str, Any] = {"state": "done", "started_at": began, "finished_at": began + timedelta(minutes=5)}
    return make_campaign(mailing_list, **defaults | fields)


def tally(campaign: Campaign, provider: str = "gmail", state: str = "sent", number: int = 1, **fields: str) -> None:
    """Count some deliveries of a mailing."""
    Tally.objects.create(campaign=campaign, provider=provider, state=state, number=number, **fields)


def fill(campaign: Campaign, provider: str = "gmail") -> None:
    """Count 90 accepted, 6 of 宛先不明, 3 blocked and 1 in doubt."""
    tally(campaign, provider, number=90)
    tally(campaign, provider, "failed", 4, kind="hard", reason="user_unknown")
    tally(campaign, provider, "bounced", 2, kind="hard", reason="user_unknown")
    tally(campaign, provider, "failed", 3, kind="block", reason="reputation")
    tally(campaign, provider, "doubt", 1)


def refuse(campaign: Campaign, text: str = "550 5.1.1 user unknown", **fields: Any) -> None:
    """Make a failed delivery to Gmail."""
    defaults: dict[str, Any] = {
        "lane": make_lane(campaign.workspace, provider="gmail"),
        "state": DeliveryState.FAILED,
        "settled_at": NOW,
        "kind": Kind.HARD,
        "reason": Reason.USER_UNKNOWN,
        "code": "5.1.1",
        "text": text,
        "rule": "gmail-no-account",
    }
    make_delivery(campaign, **defaults | fields)


def show(client: Client, **query: Any) -> Any:
    response = client.get(reverse("error_report"), query)
    assert response.status_code == 200
    return response


def test_figures_of_the_period(viewer: Client, workspace: Workspace) -> None:
    """B10, B11, A12: counts by kind and provider with their shares; each count leads to its addresses."""
    campaign = mail(make_list(workspace), subject="秋の便り")
    fill(campaign)
    tally(campaign, "docomo", number=40)
    tally(campaign, "docomo", "failed", 10, kind="refused", reason="refused")
    tally(campaign, "docomo", "deferred", 5)
    response = show(viewer)
    figures = response.context["figures"]
    assert (figures.tried, figures.accepted, figures.failed, response.context["doubt"]) == (150, 130, 19, 1)
    kinds = {line.label: line for line in response.context["kinds"]}
    assert {label: line.number for label, line in kinds.items()} == {"受信拒否": 10, "永続的": 6, "ブロック": 3}
    assert [(one.label, one.number) for one in kinds["永続的"].reasons] == [("宛先不明", 6)]
    assert [(cell.label, cell.number, cell.percent) for cell in kinds["永続的"].cells] == [
        ("Gmail", 6, 6.0),
        ("ドコモ", 0, 0.0),
    ]
    page = response.content.decode()
    assert f"{reverse('period_failures')}?since=" in page
    assert "kind=hard&amp;provider=gmail" in page
    assert f"{reverse('provider_report', args=['docomo'])}?" in page
    assert reverse("failed_addresses", args=[campaign.pk]) in page
    assert "秋の便り" in page


def test_help_says_what_is_not_known(viewer: Client) -> None:
    """B3, B11, B12, B14, B17: what each kind means, the three ends, and servers that send no notice."""
    page = show(viewer).content.decode()
    for words in (
        "エラーメールを返しません",
        "3つの場合があります",
        "迷惑メールフォルダーに入った",
        "受信サーバー受付",
        "容量不足や通信の障害",
        "原因が書かれていない",
        "エラー停止には数えません",
    ):
        assert words in page
    assert "この期間に始まった配信はありません" in page


def test_young_results_are_preliminary(viewer: Client, workspace: Workspace) -> None:
    """B7: 速報 for 7 days; the page says when the figures were counted."""
    mailing_list = make_list(workspace)
    old = mail(mailing_list, days_ago=20)
    fill(old)
    page = show(viewer).content.decode()
    assert 'badge-ok">確定' in page
    new = mail(mailing_list, days_ago=1)
    counted = timezone.now() - timedelta(minutes=3)
    Campaign.objects.filter(pk=new.pk).update(tally_due_at=NOW, tally_not_before=counted)
    fill(new)
    mail(mailing_list, tally_due_at=NOW)
    page = show(viewer).content.decode()
    assert 'badge-info">速報を含む' in page
    assert "うち 2件は、配信完了から7日たっていない「速報」です" in page
    assert f"数字は {timezone.localtime(counted):%Y/%m/%d %H:%M} かそれより後に数えたもの" in page
    assert "まだ数えていない配信が 1件あります" in page


def test_period_is_narrowed(viewer: Client, workspace: Workspace) -> None:
    mailing_list = make_list(workspace)
    for days_ago in (1, 20, 80, 200):
        fill(mail(mailing_list, days_ago=days_ago))
    today = timezone.localdate()
    assert show(viewer).context["figures"].tried == 200
    for days, tried in ((7, 100), (30, 200), (90, 300)):
        assert show(viewer, days=days).context["figures"].tried == tried
    since, until = today - timedelta(days=210), today - timedelta(days=190)
    assert show(viewer, since=since, until=until).context["figures"].tried == 100
    response = show(viewer, since=since, until=today + timedelta(days=9))
    assert response.context["scope"].period.last == today
    assert response.context["figures"].tried == 400
    assert response.context["is_weekly"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"since": "きのう", "until": "2026-11-01"}, "開始日を「2026-11-01」のような日付で"),
        ({"since": "2026-11-01", "until": "2026-13-01"}, "終了日を「2026-11-30」のような日付で"),
        ({"since": "2026-10-02", "until": "2026-10-01"}, "終了日は開始日と同じ日か"),
        ({"since": "2026-10-02"}, "開始日と終了日の両方を"),
        ({"until": "2026-10-02"}, "開始日と終了日の両方を"),
        ({"since": "2998-01-01", "until": "2998-01-02"}, "開始日がまだ来ていません"),
        ({"since": "2020-01-01", "until": "2026-01-01"}, "366日以内"),
        ({"days": "8"}, "期間は7日・30日・90日から"),
        ({"provider": "x"}, "選ばれたプロバイダはありません"),
        ({"list": "999999"}, "選ばれたリストは見つかりません"),
        ({"list": "x"}, "選ばれたリストは見つかりません"),
    ],
)
def test_input_that_is_not_understood_gets_a_sentence(viewer: Client, query: dict[str, str], sentence: str) -> None:
    response = show(viewer, **query)
    assert sentence in response.content.decode()
    assert response.context["scope"].period.days == 30


def test_list_of_another_workspace_is_not_found(viewer: Client) -> None:
    stranger = make_list()
    fill(mail(stranger))
    response = show(viewer, list=stranger.pk)
    assert "選ばれたリストは見つかりません" in response.content.decode()
    assert response.context["figures"].tried == 0


def test_lists_and_providers_narrow_the_figures(viewer: Client, workspace: Workspace) -> None:
    """A mailing to several lists counts under each of them, and once in the whole."""
    one, two = make_list(workspace, name="会員"), make_list(workspace, name="法人")
    both = mail(one)
    both.mailing_lists.add(two)
    fill(both)
    alone = mail(two)
    fill(alone, "docomo")
    response = show(viewer)
    assert response.context["figures"].tried == 200
    assert {group.label: group.tried for group in response.context["lists"]} == {"会員": 100, "法人": 200}
    assert "それぞれのリストに数えます" in response.content.decode()
    response = show(viewer, list=one.pk)
    assert (response.context["figures"].tried, response.context["lists"]) == (100, [])
    response = show(viewer, provider="docomo")
    assert response.context["figures"].tried == 100
    assert [one.pk for one in response.context["mailings"]] == [alone.pk]
    assert [point.tried for point in response.context["points"] if point.tried] == [100]


def test_trend_is_a_picture_and_a_table(viewer: Client, workspace: Workspace) -> None:
    """The chart is drawn by the server, named for those who do not see it, and repeated in numbers."""
    fill(mail(make_list(workspace), days_ago=2))
    page = show(viewer, days=7).content.decode()
    chart = page[page.index('<svg class="chart"') : page.index("<summary>数字で見る")]
    assert 'role="img" aria-labelledby="chart-title chart-desc"' in chart
    assert '<title id="chart-title">日ごとのエラー率と配信数</title>' in chart
    assert chart.count('class="chart-tried"') == 1
    assert "style=" not in chart
    assert page.count("配信なし") == 6


def test_much_blocked_offers_the_letters(viewer: Client, workspace: Workspace) -> None:
    """D6, D7: where a provider blocks much, the letters are offered."""
    campaign = mail(make_list(workspace))
    tally(campaign, "icloud", number=100)
    tally(campaign, "icloud", "failed", 9, kind="block", reason="policy")
    assert "ブロックしています" not in show(viewer).content.decode()
    Tally.objects.filter(state="failed").update(number=10)
    page = show(viewer).content.decode()
    assert "iCloudメール が 10通をブロックしています" in page
    assert f"{reverse('letter')}?" in page
    assert "provider=icloud&amp;letter=from_sender" in page


def test_commonest_answers_are_explained(viewer: Client, workspace: Workspace) -> None:
    """B14: what servers said, grouped without names and numbers, with its meaning, what to do and the rule."""
    campaign = mail(make_list(workspace))
    tally(campaign, "gmail", "failed", 3, kind="hard", reason="user_unknown")
    refuse(campaign, "550-5.1.1 The account a@gmail.com does not exist. 98e67-abc.12 - gsmtp")
    refuse(campaign, "550-5.1.1 The account b@gmail.com does not exist. 77c12-xyz.98 - gsmtp")
    refuse(campaign, "451 try later", code="4.3.0", kind="soft", reason="temporary", rule="")
    response = viewer.get(reverse("error_answers"))
    first, second = response.context["answers"].rows
    assert (first.number, second.number) == (2, 1)
    assert (first.kind_label(), first.reason_label(), first.code) == ("永続的", "宛先不明", "5.1.1")
    page = response.content.decode()
    for words in ("リストから外してください", "gmail-no-account", SOURCES["gmail-no-account"], "一時的な障害"):
        assert words in page
    assert "kind=hard&amp;reason=user_unknown" in page
    assert "<html" in page
    part = viewer.get(reverse("error_answers"), headers={"hx-request": "true"}).content.decode()
    assert "<html" not in part
    assert part.lstrip().startswith('<section class="card stack" id="answers"')


def test_answers_of_one_provider(viewer: Client, workspace: Workspace) -> None:
    campaign = mail(make_list(workspace))
    for provider in ("gmail", "docomo"):
        tally(campaign, provider, "failed", 1, kind="hard", reason="user_unknown")
        refuse(campaign, f"no such user here, says {provider}", lane=make_lane(workspace, provider=provider))
    [answer] = viewer.get(reverse("error_answers"), {"provider": "docomo"}).context["answers"].rows
    assert answer.text.endswith("docomo")
    assert viewer.get(reverse("error_answers"), {"provider": "au"}).context["answers"].rows == []


def test_answers_of_a_huge_period_are_a_sample_and_say_so(viewer: Client, workspace: Workspace) -> None:
    campaigns = [mail(make_list(workspace)) for _number in range(3)]
    for campaign, word in zip(campaigns, ("mailbox", "account", "person"), strict=True):
        tally(campaign, "gmail", "failed", 6_000, kind="hard", reason="user_unknown")
        refuse(campaign, f"{word} is unknown")
    response = viewer.get(reverse("error_answers"))
    # The two newest mailings fill the sample.
    assert (response.context["answers"].read, response.context["answers"].is_capped) == (2, True)
    assert "新しい配信の失敗を最大 10,000件まで調べています" in response.content.decode()


def test_hostile_words_are_shown_as_words(viewer: Client, workspace: Workspace) -> None:
    campaign = mail(make_list(workspace))
    tally(campaign, "gmail", "failed", 1, kind="hard", reason="user_unknown")
    refuse(campaign, "550 <script>alert(1)</script>")
    for name in ("error_answers", "period_failures"):
        page = viewer.get(reverse(name)).content.decode()
        assert "&lt;script&gt;" in page
        assert "<script>alert" not in page


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("550 5.1.1 <Taro@example.jp>: User unknown", "# # # user unknown"),
        ("host mx1.example.jp said  no", "host # said no"),
        ("", ""),
    ],
)
def test_texts_lose_what_differs(text: str, plain: str) -> None:
    assert normalise(text) == plain


def test_there_is_advice_for_every_reason_that_fails() -> None:
    not_failures = {Reason.AUTO_REPLY, Reason.DELAYED, Reason.DELIVERED}
    assert set(BY_REASON) == set(Reason) - not_failures
    assert set(BY_RULE) <= set(SOURCES)


def test_segments_stand_beside_the_lists(viewer: Client, workspace: Workspace) -> None:
    """What is left out was not sent to; a report cannot look at a segment alone, so no row leads to one."""
    gold, silver = (Segment.objects.create(workspace=workspace, name=name) for name in ("金の人", "銀の人"))
    campaign = mail(make_list(workspace))
    set_parts(campaign, {Part.INCLUDE_SEGMENT: [gold], Part.EXCLUDE_SEGMENT: [silver]})
    fill(campaign)
    response = show(viewer)
    assert {group.label: group.tried for group in response.context["segments"]} == {"金の人": 100}
    page = response.content.decode()
    assert "セグメント別" in page
    assert f'href="{reverse("segment_detail", args=[gold.pk])}"' in page
    assert "銀の人" not in page


def test_pages_need_few_queries(
    viewer: Client, workspace: Workspace, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(25):
        campaign = mail(make_list(workspace), days_ago=number % 9)
        fill(campaign)
        refuse(campaign)
    for name in ("error_report", "error_answers", "period_failures"):
        with django_assert_max_num_queries(18):
            viewer.get(reverse(name))


@pytest.mark.parametrize("name", ["error_report", "error_answers", "period_failures", "period_failures_csv"])
def test_access(name: str, client: Client, client_for: Log, workspace: Workspace, viewer: Client) -> None:
    """A viewer may read; a stranger of another workspace sees nothing of it; nobody enters without a login."""
    campaign = mail(make_list(workspace), subject="ひみつの便り")
    tally(campaign, "gmail", "failed", 1, kind="hard", reason="user_unknown")
    refuse(campaign, "ひみつの応答")
    url = reverse(name)
    assert client.get(url).status_code == 302

    def read(reader: Client) -> str:
        answer: Any = reader.get(url)
        assert answer.status_code == 200
        return str((answer.getvalue() if answer.streaming else answer.content).decode())

    assert "ひみつ" in read(viewer)
    assert "ひみつ" not in read(client_for(make_user(make_workspace())))
    assert viewer.post(url).status_code == 405


def test_days_are_those_of_japan(viewer: Client, workspace: Workspace) -> None:
    """A mailing of 00:10 belongs to the day that begins then."""
    today = timezone.localdate()
    midnight = timezone.make_aware(datetime.combine(today - timedelta(days=3), datetime.min.time()))
    fill(mail(make_list(workspace), started_at=midnight + timedelta(minutes=10)))
    fill(mail(make_list(workspace), started_at=midnight - timedelta(minutes=10)))
    day = today - timedelta(days=3)
    assert show(viewer, since=day, until=day).context["figures"].tried == 100

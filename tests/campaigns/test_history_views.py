"""配信履歴 and the mailings of a list."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User, Workspace
from campaigns.models import Campaign, CampaignState, DeliveryState, Tally
from campaigns.tally import refresh
from lists.models import MailingList
from tests.factories import make_campaign, make_delivery, make_list, make_user, make_workspace

pytestmark = pytest.mark.django_db
Log = Callable[[User], Client]


@pytest.fixture
def mailing_list(workspace: Workspace) -> MailingList:
    return make_list(workspace)


def sent_campaign(mailing_list: MailingList, **fields: object) -> Campaign:
    now = timezone.now()
    campaign = make_campaign(
        mailing_list, **{"state": CampaignState.DONE, "started_at": now, "finished_at": now} | fields
    )
    make_delivery(campaign, state=DeliveryState.SENT)
    make_delivery(campaign, state=DeliveryState.BOUNCED, kind="hard", reason="user_unknown")
    make_delivery(campaign, state=DeliveryState.DOUBT, fenced_at=now)
    refresh(campaign, now=now)
    return campaign


def page_of(client: Client, **query: object) -> str:
    return client.get(reverse("history"), query).content.decode()


def test_delivered_failed_and_doubtful_stand_side_by_side(editor: Client, mailing_list: MailingList) -> None:
    """A8, B3, B8, B9: the failures are a link to their addresses."""
    campaign = sent_campaign(mailing_list)
    response = editor.get(reverse("history"))
    [(_campaign, result)] = response.context["rows"]
    assert (result.total, result.accepted, result.failed, result.doubt) == (3, 1, 1, 1)
    page = response.content.decode()
    assert reverse("failed_addresses", args=[campaign.pk]) in page
    assert "受信サーバー受付" in page
    assert "33.3%" in page


def test_result_is_preliminary_for_a_week(editor: Client, mailing_list: MailingList) -> None:
    """B7."""
    sent_campaign(mailing_list)
    assert 'badge-info">速報' in page_of(editor)
    Campaign.objects.update(finished_at=timezone.now() - timedelta(days=7))
    assert 'badge-ok">確定' in page_of(editor)


def test_a_mailing_is_compared_with_the_others_as_on_its_own_page(editor: Client, mailing_list: MailingList) -> None:
    now = timezone.now()
    for failed in (5, 5, 60):
        campaign = make_campaign(mailing_list, state=CampaignState.DONE, started_at=now, finished_at=now)
        for state, number in ((DeliveryState.SENT, 100 - failed), (DeliveryState.FAILED, failed)):
            Tally.objects.create(campaign=campaign, provider="other", state=state, number=number)
    rows = editor.get(reverse("history")).context["rows"]
    assert {result.error_percent: str(result.tendency) for _, result in rows} == {60: "higher", 5: "lower"}
    own = editor.get(reverse("campaign_detail", args=[campaign.pk])).content.decode()
    assert "ふだんの 5.0% より高めです" in own


def test_a_mailing_that_was_not_counted_yet_says_so(editor: Client, mailing_list: MailingList) -> None:
    sent_campaign(mailing_list)
    Tally.objects.all().delete()
    assert "集計中です" in page_of(editor)


def test_the_way_from_the_list_to_its_mailings(editor: Client, mailing_list: MailingList) -> None:
    """B8: list → its mailings → subject."""
    campaign = sent_campaign(mailing_list, subject="このリストの便り")
    other = sent_campaign(make_list(mailing_list.workspace), subject="よその便り")
    page = editor.get(reverse("list_detail", args=[mailing_list.pk])).content.decode()
    assert reverse("list_campaigns", args=[mailing_list.pk]) in page
    assert f"{reverse('history')}?list={mailing_list.pk}" in page
    part = editor.get(reverse("list_campaigns", args=[mailing_list.pk])).content.decode()
    for text in (part, page_of(editor, list=mailing_list.pk)):
        assert reverse("campaign_detail", args=[campaign.pk]) in text
        assert reverse("campaign_detail", args=[other.pk]) not in text
    for nonsense in ("x", make_list().pk):
        assert campaign.subject not in page_of(editor, list=nonsense)


def test_subjects_are_searched(editor: Client, mailing_list: MailingList) -> None:
    sent_campaign(mailing_list, subject="秋のお知らせ")
    sent_campaign(mailing_list, subject="冬のお知らせ")
    page = page_of(editor, q="冬の")
    assert "冬のお知らせ" in page
    assert "秋のお知らせ" not in page
    assert "条件に合う配信はありません" in page_of(editor, q="春")


def test_nothing_sent_says_what_comes(editor: Client) -> None:
    assert "配信したメールはまだありません" in page_of(editor)


def test_history_counts_no_deliveries(
    editor: Client, mailing_list: MailingList, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(12):
        sent_campaign(mailing_list)
    with django_assert_max_num_queries(10) as captured:
        page_of(editor)
    assert not any("campaigns_delivery" in query["sql"] for query in captured.captured_queries)


@pytest.mark.parametrize("name", ["history", "list_campaigns"])
def test_access(name: str, client: Client, viewer: Client, client_for: Log, mailing_list: MailingList) -> None:
    sent_campaign(mailing_list, subject="ひみつの便り")
    url = reverse(name, args=[mailing_list.pk] if name == "list_campaigns" else [])
    assert client.get(url).status_code == 302
    assert "ひみつの便り" in viewer.get(url).content.decode()
    stranger = client_for(make_user(make_workspace()))
    assert "ひみつの便り" not in stranger.get(url).content.decode()
    assert viewer.post(url).status_code == 405

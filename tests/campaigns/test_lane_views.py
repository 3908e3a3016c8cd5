"""プロバイダ別の配信: what it shows, pause and exclusion by hand (A13), caps of domains (C23), the operator's paces."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import AuditEntry, User, Workspace
from campaigns.claims import claim_due
from campaigns.lane_overview import ProviderRow, Standing, list_providers
from campaigns.models import Campaign, Delivery, DomainCap, Lane
from campaigns.tally import refresh
from mta.models import MailRoute, Pace, RouteCircuit
from tests.factories import (
    make_campaign,
    make_delivery,
    make_lane,
    make_list,
    make_mail_route,
    make_subscriber,
    make_user,
    make_workspace,
)

pytestmark = pytest.mark.django_db

NOW = timezone.now()


@pytest.fixture
def campaign(workspace: Workspace) -> Campaign:
    return make_campaign(make_list(workspace), state="sending", started_at=NOW)


def make_rows(campaign: Campaign, provider: str, number: int, **fields: Any) -> list[Delivery]:
    lane = fields.pop("lane", None) or make_lane(campaign.workspace, provider=provider)
    people = [make_subscriber(campaign.mailing_lists.get()) for _ in range(number)]
    rows = [make_delivery(campaign, person, lane=lane, **fields) for person in people]
    refresh(campaign, now=NOW)
    return rows


def row_of(workspace: Workspace, provider: str, *, now: datetime = NOW) -> ProviderRow:
    return next(row for row in list_providers(workspace, now=now) if row.provider == provider)


def act(client: Client, name: str, provider: str, **fields: str) -> str:
    response = client.post(reverse(name), {"provider": provider, **fields}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_shows_what_waits_for_each_provider(editor: Client, campaign: Campaign) -> None:
    make_rows(campaign, "docomo", 2)
    make_rows(campaign, "gmail", 3)
    make_rows(campaign, "gmail", 0)
    page = editor.get(reverse("lane_index")).content.decode()
    assert page.index('data-provider="gmail"') < page.index('data-provider="docomo"')
    assert [(row.provider, row.waiting) for row in list_providers(campaign.workspace, now=NOW)] == [
        ("gmail", 3),
        ("docomo", 2),
    ]
    assert "上限なし" in page


def test_waiting_counts_deferred_rows_and_nothing_that_is_over(campaign: Campaign) -> None:
    lane = make_lane(campaign.workspace, provider="docomo")
    for state in ("pending", "deferred", "sent", "failed"):
        make_delivery(campaign, make_subscriber(campaign.mailing_lists.get()), lane=lane, state=state)
    refresh(campaign, now=NOW)
    assert row_of(campaign.workspace, "docomo").waiting == 2


def test_a_provider_is_shown_for_a_week_after_its_last_mail(workspace: Workspace) -> None:
    make_lane(workspace, provider="docomo", served_at=NOW - timedelta(days=6))
    make_lane(workspace, provider="gmail", served_at=NOW - timedelta(days=8))
    make_lane(workspace, provider="au")
    assert [row.provider for row in list_providers(workspace, now=NOW)] == ["docomo"]


def test_tells_why_a_provider_is_slow_and_until_when(campaign: Campaign, settings: Settings) -> None:
    settings.RELAY_PACED = True
    for provider in ("docomo", "gmail", "yahoo", "au"):
        make_rows(campaign, provider, 1)
    until = NOW + timedelta(minutes=5)
    better = NOW + timedelta(minutes=2)
    Pace.objects.create(
        route="relay",
        provider="yahoo",
        level=2,
        base=1200,
        code="421",
        because="[TSS04] slow down",
        improves_at=better,
    )
    Pace.objects.create(
        route="relay", provider="gmail", level=3, suspended_until=until, code="421", because="421 4.7.28 rate"
    )
    Pace.objects.create(route="route-9", provider="docomo", level=3, suspended_until=until)
    Lane.objects.filter(provider="au").update(held_until=until, held_because="接続: refused")
    workspace = campaign.workspace
    yahoo = row_of(workspace, "yahoo")
    assert (yahoo.standing, yahoo.until) == (Standing.SLOWED, better + timedelta(minutes=3))
    assert (row_of(workspace, "yahoo").because, row_of(workspace, "yahoo").per_minute) == ("421 [TSS04] slow down", 300)
    gmail = row_of(workspace, "gmail")
    assert (gmail.standing, gmail.until, gmail.because) == (Standing.SUSPENDED, until, "421 4.7.28 rate")
    assert (row_of(workspace, "docomo").standing, row_of(workspace, "docomo").per_minute) == (Standing.NORMAL, 600)
    assert (row_of(workspace, "au").standing, row_of(workspace, "au").because) == (Standing.FAULT, "接続: refused")
    assert row_of(workspace, "gmail", now=until).standing == Standing.SLOWED


def test_tells_who_can_set_a_provider_back(
    editor: Client, client_for: Callable[[User], Client], campaign: Campaign
) -> None:
    """The page of a member names the operator, that of the operator the page where it is done."""
    make_rows(campaign, "gmail", 1)
    improves = timezone.now() + timedelta(minutes=3)
    Pace.objects.create(route="relay", provider="gmail", level=1, base=600, improves_at=improves)
    page = editor.get(reverse("lane_table")).content.decode()
    assert f"{timezone.localtime(improves):%H:%M} ごろ元の速さに戻ります" in page
    assert "運営者にご連絡ください" in page
    assert reverse("operator_paces") not in page
    operator = client_for(make_user(campaign.workspace, is_superuser=True))
    assert reverse("operator_paces") in operator.get(reverse("lane_table")).content.decode()


def test_a_lane_that_waits_for_its_turn_is_no_fault(campaign: Campaign) -> None:
    """Where a rate holds a lane back for seconds, nothing is wrong."""
    make_rows(campaign, "docomo", 1)
    Lane.objects.update(held_until=NOW + timedelta(seconds=3), held_because="")
    assert row_of(campaign.workspace, "docomo").standing == Standing.NORMAL


def test_an_open_circuit_concerns_all_who_use_the_route(campaign: Campaign) -> None:
    make_rows(campaign, "docomo", 1)
    make_rows(campaign, "gmail", 1, lane=make_lane(campaign.workspace, provider="gmail", route="route-9"))
    RouteCircuit.objects.create(route="relay", opened_at=NOW, retry_at=NOW, because="connection refused")
    assert row_of(campaign.workspace, "docomo").standing == Standing.FAULT
    assert row_of(campaign.workspace, "gmail").standing == Standing.NORMAL


def test_a_direct_route_keeps_the_rate_of_the_provider(campaign: Campaign) -> None:
    route = MailRoute.objects.create(name="直接", kind="direct")
    make_rows(campaign, "docomo", 1, lane=make_lane(campaign.workspace, provider="docomo", route=route.key()))
    assert row_of(campaign.workspace, "docomo").per_minute == 600


def test_a_limit_of_the_route_is_told_where_it_is_the_lower_one(campaign: Campaign, settings: Settings) -> None:
    make_rows(campaign, "gmail", 1)
    assert row_of(campaign.workspace, "gmail").route_per_minute is None
    settings.RELAY_PER_MINUTE = 600
    assert row_of(campaign.workspace, "gmail").route_per_minute == 600


def test_a_disabled_route_is_no_fault(campaign: Campaign) -> None:
    route = make_mail_route(name="社外リレー", disabled_at=NOW)
    Lane.objects.create(workspace=campaign.workspace, provider="gmail", route=route.key(), served_at=NOW)
    row = row_of(campaign.workspace, "gmail")
    assert (row.standing, row.is_moving) == (Standing.DISABLED, False)
    assert "社外リレー" in row.because


def test_names_the_mailings_that_rest_whatever_the_provider(editor: Client, campaign: Campaign) -> None:
    make_rows(campaign, "gmail", 1)
    now = timezone.now()
    Campaign.objects.update(
        state="sending", subject="夜の配信", closed_from=now, closed_until=now + timedelta(days=400, hours=1)
    )
    page = editor.get(reverse("lane_index")).content.decode()
    assert "夜の配信" in page
    assert "配信禁止時間のため" in page
    assert "配信禁止時間(" in editor.get(reverse("campaign_index")).content.decode()
    assert "配信禁止時間のため" in editor.get(reverse("home")).content.decode()
    Campaign.objects.update(state="paused")
    assert "配信の画面で一時停止しています" in editor.get(reverse("lane_table")).content.decode()
    Campaign.objects.update(state="sending", closed_from=None, closed_until=None)
    assert "夜の配信" not in editor.get(reverse("lane_table")).content.decode()


def test_one_provider_is_paused_while_the_others_go_on(editor: Client, campaign: Campaign) -> None:
    """A13: over every route, and the lanes of its capped domains."""
    [held], [other] = make_rows(campaign, "docomo", 1), make_rows(campaign, "gmail", 1)
    capped = make_lane(campaign.workspace, provider="docomo", domain="docomo.ne.jp")
    assert "ドコモ 宛ての配信を一時停止しました" in act(editor, "lane_pause", "docomo")
    assert row_of(campaign.workspace, "docomo").standing == Standing.PAUSED
    assert list(claim_due(held.lane, now=timezone.now(), limit=9).deliveries) == []
    assert [row.pk for row in claim_due(other.lane, now=timezone.now(), limit=9).deliveries] == [other.pk]
    capped.refresh_from_db()
    assert capped.paused_at is not None
    assert "ちょうど状態が変わりました" in act(editor, "lane_pause", "docomo")
    assert "ドコモ 宛ての配信を再開しました" in act(editor, "lane_resume", "docomo")
    assert [row.pk for row in claim_due(held.lane, now=timezone.now(), limit=9).deliveries] == [held.pk]
    assert list(AuditEntry.objects.order_by("pk").values_list("action", "target")) == [
        ("lane.pause", "ドコモ"),
        ("lane.resume", "ドコモ"),
    ]


def test_one_provider_is_excluded_after_a_question(editor: Client, campaign: Campaign) -> None:
    """A13: the question names the number; the waiting rows become 送信除外, the others are sent."""
    gone, [other] = make_rows(campaign, "docomo", 2), make_rows(campaign, "gmail", 1)
    act(editor, "lane_pause", "docomo")
    question = act(editor, "lane_exclude", "docomo")
    assert "<strong>2件</strong>" in question
    assert not Lane.objects.filter(excluded_at__isnull=False).exists()
    assert "ドコモ を除外しました" in act(editor, "lane_exclude", "docomo", confirmed="1")
    for lane in Lane.objects.all():
        claim_due(lane, now=timezone.now(), limit=9)
    assert {Delivery.objects.get(pk=row.pk).state for row in gone} == {"excluded"}
    assert Delivery.objects.get(pk=other.pk).state == "claimed"
    assert row_of(campaign.workspace, "docomo").standing == Standing.EXCLUDED
    assert "ちょうど状態が変わりました" in act(editor, "lane_pause", "docomo")
    assert "除外をやめました" in act(editor, "lane_include", "docomo")
    assert {Delivery.objects.get(pk=row.pk).state for row in gone} == {"excluded"}
    [new] = make_rows(make_campaign(make_list(campaign.workspace), state="sending", started_at=NOW), "docomo", 1)
    assert [row.pk for row in claim_due(new.lane, now=timezone.now(), limit=9).deliveries] == [new.pk]


def test_a_provider_is_held_back_before_the_first_mail(editor: Client, workspace: Workspace) -> None:
    act(editor, "lane_pause", "softbank")
    assert row_of(workspace, "softbank").standing == Standing.PAUSED


def test_refuses_a_provider_that_there_is_not(editor: Client) -> None:
    for name in ("lane_pause", "lane_resume", "lane_exclude", "lane_include"):
        assert "プロバイダを選んでください" in act(editor, name, "no such")
    assert not Lane.objects.exists()


def add(client: Client, domain: str, per_minute: str = "30") -> str:
    fields = {"domain": domain, "per_minute": per_minute}
    return client.post(reverse("cap_create"), fields, follow=True).content.decode()


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("example.co.jp", "example.co.jp"),
        ("  Example.CO.JP. ", "example.co.jp"),
        ("ｅｘａｍｐｌｅ．co。jp", "example.co.jp"),
        ("@example.co.jp", "example.co.jp"),
        ("日本語.jp", "xn--wgv71a119e.jp"),
        ("faß.de", "xn--fa-hia.de"),
    ],
)
def test_caps_a_domain_however_it_is_written(editor: Client, workspace: Workspace, text: str, domain: str) -> None:
    """C23."""
    assert "上限を登録しました" in add(editor, text)
    assert list(DomainCap.objects.values_list("workspace", "domain", "per_minute")) == [(workspace.pk, domain, 30)]


@pytest.mark.parametrize(
    ("domain", "per_minute", "error"),
    [
        ("taro@example.co.jp", "30", "ドメインだけを入力してください(例: example.co.jp)"),
        ("https://example.co.jp/", "30", "URLや「*」は使えません"),
        ("*.example.co.jp", "30", "URLや「*」は使えません"),
        ("exa mple.jp", "30", "ドメインの形が正しくありません"),
        ("localhost", "30", "ドメインの形が正しくありません"),
        ("", "30", "宛先ドメインを入力してください"),
        ("a" * 64 + ".jp", "30", "ドメインの形が正しくありません"),
        ("example.co.jp", "0", "1以上の数を入力してください"),
        ("example.co.jp", "100001", "100,000以下の数を入力してください"),
        ("example.co.jp", "たくさん", "整数で入力してください"),
        ("example.co.jp", "", "1分間に送る通数を入力してください"),
    ],
)
def test_says_what_is_wrong_with_a_cap(editor: Client, domain: str, per_minute: str, error: str) -> None:
    assert error in add(editor, domain, per_minute)
    assert not DomainCap.objects.exists()


def test_a_domain_is_capped_once(editor: Client) -> None:
    add(editor, "example.co.jp")
    assert "すでに登録されています" in add(editor, "EXAMPLE.co.jp")
    assert DomainCap.objects.count() == 1


def test_changes_and_removes_a_cap(editor: Client, workspace: Workspace) -> None:
    add(editor, "example.co.jp")
    cap = DomainCap.objects.get()
    assert editor.get(reverse("cap_edit", args=[cap.pk])).status_code == 200
    refused = editor.post(reverse("cap_edit", args=[cap.pk]), {"per_minute": "0"})
    assert "1以上の数" in refused.content.decode()
    editor.post(reverse("cap_edit", args=[cap.pk]), {"per_minute": "60"})
    assert DomainCap.objects.get().per_minute == 60
    editor.post(reverse("cap_delete", args=[cap.pk]))
    assert not DomainCap.objects.exists()
    assert AuditEntry.objects.filter(workspace=workspace, action__startswith="cap.").count() == 3


def test_a_viewer_looks_and_changes_nothing(workspace: Workspace, viewer: Client) -> None:
    make_lane(workspace, provider="docomo", served_at=NOW)
    cap = DomainCap.objects.create(workspace=workspace, domain="example.co.jp", per_minute=5)
    page = viewer.get(reverse("lane_index")).content.decode()
    assert "example.co.jp" in page
    assert "<form" not in page.split('id="lanes"')[1].split("</main>")[0]
    for name in ("lane_pause", "lane_resume", "lane_exclude", "lane_include", "cap_create"):
        assert viewer.post(reverse(name), {"provider": "docomo", "confirmed": "1"}).status_code == 403
    for name in ("cap_edit", "cap_delete"):
        assert viewer.post(reverse(name, args=[cap.pk]), {"per_minute": "60"}).status_code == 403
    assert Lane.objects.get().paused_at is None


def test_a_stranger_reaches_neither_lanes_nor_caps(workspace: Workspace, client_for: Callable[[User], Client]) -> None:
    lane = make_lane(workspace, provider="docomo", served_at=NOW)
    cap = DomainCap.objects.create(workspace=workspace, domain="himitsu.example", per_minute=5)
    stranger = client_for(make_user(make_workspace()))
    act(stranger, "lane_pause", "docomo")
    act(stranger, "lane_exclude", "docomo", confirmed="1")
    lane.refresh_from_db()
    assert (lane.paused_at, lane.excluded_at) == (None, None)
    assert stranger.post(reverse("cap_delete", args=[cap.pk])).status_code == 404
    assert stranger.post(reverse("cap_edit", args=[cap.pk]), {"per_minute": "60"}).status_code == 404
    assert "himitsu.example" not in stranger.get(reverse("lane_index")).content.decode()


def test_a_page_of_many_lanes_costs_few_queries(
    editor: Client, campaign: Campaign, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for provider in ("docomo", "au", "softbank", "gmail", "icloud", "microsoft", "ocn"):
        make_rows(campaign, provider, 1)
        make_lane(campaign.workspace, provider=provider, route="route-9", served_at=NOW)
    with django_assert_max_num_queries(12):
        assert editor.get(reverse("lane_index")).status_code == 200
    with django_assert_max_num_queries(11):
        assert editor.get(reverse("lane_table")).status_code == 200


def test_the_operator_sees_all_paces_and_sets_them_back(editor: Client, operator: Client) -> None:
    route = MailRoute.objects.create(name="第二の経路", host="relay.example")
    slow = Pace.objects.create(
        route=route.key(), provider="gmail", level=3, base=600, suspended_until=timezone.now() + timedelta(minutes=5)
    )
    Pace.objects.create(route="relay", provider="docomo", level=1, base=600, because="slow down")
    Pace.objects.create(route="relay", provider="au")
    page = operator.get(reverse("operator_paces")).content.decode()
    for text in ("第二の経路", "slow down", "一時停止中(相手の要請)"):
        assert text in page
    assert "au・UQモバイル" not in page
    assert editor.get(reverse("operator_paces")).status_code == 403
    assert editor.post(reverse("operator_pace_reset", args=[slow.pk])).status_code == 403
    said = operator.post(reverse("operator_pace_reset", args=[slow.pk]), follow=True).content.decode()
    assert "通常の速さに戻しました" in said
    slow.refresh_from_db()
    assert (slow.level, slow.suspended_until) == (0, None)
    assert (
        "すでに通常の速さです"
        in operator.post(reverse("operator_pace_reset", args=[slow.pk]), follow=True).content.decode()
    )
    assert AuditEntry.objects.get().workspace is None

"""The home page: first steps, what runs, what comes, what was."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import Role, Workspace
from bounces.models import Mailbox
from campaigns.tally import refresh
from tests.bounces.mailbox_making import make_mailbox
from tests.factories import (
    make_campaign,
    make_deliveries,
    make_delivery,
    make_lane,
    make_list,
    make_sender,
    make_subscriber,
    make_user,
)
from tests.factories import make_workspace as make_empty_workspace

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def workspace(client: Client) -> Workspace:
    workspace = make_empty_workspace()
    client.force_login(make_user(workspace))
    return workspace


def page(client: Client) -> str:
    return client.get("/").content.decode()


def test_empty_workspace_is_led_through_the_first_steps(client: Client, workspace: Workspace) -> None:
    html = page(client)
    assert "はじめての配信まで" in html
    assert "リストを作成" in html
    assert "送信元を登録" in html
    assert 'class="is-done"' not in html


def test_steps_that_are_done_are_ticked(client: Client, workspace: Workspace) -> None:
    make_list(workspace)
    assert "ファイルを取り込む" in page(client)
    make_subscriber(make_list(workspace))
    make_sender(workspace)
    assert page(client).count('class="is-done"') == 2
    make_campaign(make_list(workspace), state="done", started_at=NOW)
    assert "はじめての配信まで" not in page(client)


def test_viewer_is_not_offered_what_he_may_not_do(client: Client) -> None:
    workspace = make_empty_workspace()
    client.force_login(make_user(workspace, role=Role.VIEWER))
    html = page(client)
    assert "はじめての配信まで" in html
    assert ">リストを作成<" not in html


def test_shows_what_runs_what_comes_and_what_was(client: Client, workspace: Workspace) -> None:
    mailing_list = make_list(workspace)
    running = make_campaign(mailing_list, subject="いま届け中", state="sending", started_at=NOW, recipient_count=2)
    make_delivery(running, state="sent")
    make_delivery(running)
    at = NOW + timedelta(days=1)
    make_campaign(mailing_list, sender=running.sender, subject="あすの便り", state="scheduled", scheduled_at=at)
    done = make_campaign(mailing_list, sender=running.sender, subject="きのうの便り", state="done", started_at=NOW)
    make_delivery(done, state="bounced")
    make_subscriber(mailing_list, status="stopped")
    html = page(client)
    for words in ("いま届け中", "1 / 2", "あすの便り", "きのうの便り"):
        assert words in html
    assert f"/campaigns/{done.pk}/failed/" in html


def test_shows_nothing_of_another_workspace(client: Client, workspace: Workspace) -> None:
    make_campaign(subject="よその便り", state="done", started_at=NOW)
    make_campaign(subject="よその予約", state="scheduled", scheduled_at=NOW)
    assert "よその" not in page(client)


def test_paused_mailing_says_so(client: Client, workspace: Workspace) -> None:
    make_campaign(make_list(workspace), state="paused", started_at=NOW, recipient_count=0)
    assert "一時停止中" in page(client)


def test_many_mailings_cost_no_more_queries_than_those_shown(
    client: Client, workspace: Workspace, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    mailing_list = make_list(workspace)
    sender = make_sender(workspace)
    for _number in range(12):
        make_campaign(mailing_list, sender=sender, state="done", started_at=NOW, recipient_count=0)
    with django_assert_max_num_queries(28):
        page(client)


def test_tells_of_providers_whose_mail_waits_while_a_mailing_is_sent(client: Client, workspace: Workspace) -> None:
    campaign = make_campaign(make_list(workspace), state="sending", started_at=NOW, recipient_count=2)
    lane = make_lane(workspace, provider="docomo", paused_at=NOW)
    make_deliveries(campaign, 2, lane=lane)
    refresh(campaign, now=NOW)
    assert "ドコモ 宛て(手動で停止中): 2 件が送信を待っています。" in page(client)
    lane.paused_at = None
    lane.save()
    assert "送信を待っています" not in page(client)
    lane.paused_at = NOW
    lane.save()
    # A mailing that rests by itself waits for a person, whatever its providers do.
    type(campaign).objects.update(state="paused")
    assert "送信を待っています" not in page(client)


def test_tells_of_domains_that_may_not_send_and_mailboxes_that_cannot_be_read(
    client: Client, workspace: Workspace, settings: Settings
) -> None:
    sender = make_sender(workspace, "news@shop.example")
    settings.REQUIRE_VERIFIED_SENDERS = False
    assert "開いて確かめる" not in page(client)
    settings.REQUIRE_VERIFIED_SENDERS = True
    type(sender.domain).objects.update(verified_at=None)
    sender.domain.checks.create(kind="spf", result="missing", checked_at=NOW)
    assert "送信元ドメイン shop.example(設定が必要)" in page(client)
    sender.archived_at = NOW
    sender.save()
    mailbox = make_mailbox(workspace)
    mailbox.failures, mailbox.problem = 1, "パスワードが違います。"
    mailbox.save()
    Mailbox.objects.filter(pk=make_mailbox(make_empty_workspace()).pk).update(failures=9, problem="ひみつ")
    assert "開いて確かめる" not in page(client)
    mailbox.failures = 2
    mailbox.save()
    html = page(client)
    assert "エラーメールを数えられていません: パスワードが違います。" in html
    assert "ひみつ" not in html

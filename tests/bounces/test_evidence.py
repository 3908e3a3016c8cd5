"""The evidence behind a stop: every error of an address with all that is known of it (A7)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role, User, Workspace
from bounces.evidence import read_evidence
from bounces.models import Bounce, Door, NoticeState, RawNotice
from campaigns.failures import Failure, record_notice, record_refusal
from campaigns.models import Campaign, Delivery, DeliveryState, StopHold
from lists.errors import Weight
from lists.models import Subscriber
from lists.recounting import clear_errors
from mta.reply_rules import RULES
from mta.verdicts import Kind, Phase, Reason
from tests.factories import (
    make_campaign,
    make_delivery,
    make_errors,
    make_lane,
    make_list,
    make_subscriber,
    make_user,
    make_workspace,
)

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
ClientFor = Callable[[User], Client]


def make_mailing(subscriber: Subscriber, subject: str, **fields: object) -> Delivery:
    campaign: Campaign = make_campaign(
        make_list(subscriber.workspace), subject=subject, state="sending", started_at=NOW
    )
    return make_delivery(campaign, subscriber, **{"state": "sent", "settled_at": NOW, "mail_date": NOW} | fields)


def returned(subscriber: Subscriber, subject: str) -> RawNotice:
    """Record a returned mail about a new mailing."""
    delivery = make_mailing(subscriber, subject)
    full = Failure(
        DeliveryState.BOUNCED, Kind.SOFT, Reason.MAILBOX_FULL, "5.2.2", "552 <b>full</b>", Phase.NOTICE, RULES[0].name
    )
    record_notice(delivery.pk, full, now=NOW)
    notice = RawNotice.objects.create(
        workspace=subscriber.workspace, digest=subject, door=Door.LMTP, content=b"", state=NoticeState.PROCESSED
    )
    Bounce.objects.create(notice=notice, delivery=delivery, recipient="a@example.jp", kind="soft", applied=True)
    return notice


def refused(subscriber: Subscriber, subject: str) -> Delivery:
    """Record a refusal in the SMTP dialogue of a new mailing."""
    token = uuid4()
    delivery = make_mailing(subscriber, subject, state="claimed", lease_token=token, lease_until=NOW)
    unknown = Failure(DeliveryState.FAILED, Kind.HARD, Reason.USER_UNKNOWN, "550", "550 no such user", Phase.RCPT, "x")
    assert record_refusal(delivery, unknown, token=token, now=NOW + timedelta(hours=1))
    return delivery


def page_of(client: Client, subscriber: Subscriber, **headers: str) -> str:
    answer = client.get(reverse("subscriber_errors", args=[subscriber.pk]), headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_stop_shows_every_notice_and_reply_that_counted(client_for: ClientFor) -> None:
    """A7: date, mailing, code, reason, kind, the server's words, where it was told, the rule, which one stopped."""
    subscriber = make_subscriber()
    viewer = client_for(make_user(subscriber.workspace, Role.VIEWER))
    notice = returned(subscriber, "春のお知らせ")
    delivery = refused(subscriber, "夏のお知らせ")
    page = page_of(viewer, subscriber)
    for expected in (
        "春のお知らせ",
        "夏のお知らせ",
        "容量超過",
        "一時的",
        "5.2.2",
        "552 &lt;b&gt;full&lt;/b&gt;",
        "宛先不明",
        "永続的",
        "550 no such user",
        "SMTP (RCPT TO)",
        RULES[0].name,
        "停止の回数に達したエラー",
        reverse("notice_detail", args=[notice.pk]),
        reverse("failed_addresses", args=[delivery.campaign_id]),
    ):
        assert expected in page
    assert page.count("停止の回数に達したエラー") == 1
    part = page_of(viewer, subscriber, HX_Request="true")
    assert "552 &lt;b&gt;full" in part
    assert "<html" not in part


def test_what_did_not_count_says_why(client_for: ClientFor) -> None:
    """A7, B16: held, dropped, cleared, out of the period, never."""
    workspace = make_workspace(error_counting="period", error_period_days=30, error_limit=9)
    subscriber = make_subscriber(workspace=workspace)
    campaign = make_campaign(make_list(workspace))
    waiting, dropped = (
        StopHold.objects.create(campaign=campaign, provider=name, state=state, unknown=1, tried=1, opened_at=NOW)
        for name, state in (("docomo", "open"), ("au", "dropped"))
    )
    make_errors(subscriber, now=NOW - timedelta(days=40), key="old")
    clear_errors([subscriber.pk], now=NOW)
    make_errors(subscriber, now=NOW - timedelta(days=31), key="left")
    make_errors(subscriber, now=NOW, key="live")
    make_errors(subscriber, now=NOW, key="never", weight=Weight.NEVER)
    make_errors(subscriber, now=NOW, key="held", held_by=waiting.key())
    make_errors(subscriber, now=NOW, key="dropped", held_by=dropped.key())
    rows = read_evidence(subscriber, list(subscriber.errors.order_by("pk")), now=NOW)
    assert [(row.error.key, row.verdict, row.hold) for row in rows] == [
        ("old", "解除済み", None),
        ("left", "期間が過ぎた", None),
        ("live", "1回", None),
        ("never", "数えません", None),
        ("held", "保留中", waiting),
        ("dropped", "停止しないと決めた", dropped),
    ]
    page = page_of(client_for(make_user(workspace)), subscriber)
    assert "配信の再開" in page
    assert reverse("hold_detail", args=[waiting.pk]) in page


def test_keys_of_other_workspaces_lead_nowhere() -> None:
    subscriber, stranger = make_subscriber(), make_subscriber()
    delivery = make_mailing(stranger, "よその便り")
    for key in (f"delivery:{delivery.pk}", "delivery:x", "campaign:3", "complaint:99"):
        make_errors(subscriber, key=key, held_by="hold:x" if key == "campaign:3" else "")
    rows = list(read_evidence(subscriber, list(subscriber.errors.all()), now=NOW))
    assert [(row.delivery, row.told, row.hold) for row in rows] == [(None, "", None)] * 4


def test_an_address_without_errors_says_so(client_for: ClientFor) -> None:
    subscriber = make_subscriber()
    client = client_for(make_user(subscriber.workspace))
    assert "エラーはありません" in page_of(client, subscriber)
    assert "エラーはありません" in page_of(client, subscriber, HX_Request="true")


def test_a_stranger_finds_nothing(client_for: ClientFor) -> None:
    subscriber = make_errors(make_subscriber())
    stranger = client_for(make_user(make_workspace()))
    assert stranger.get(reverse("subscriber_errors", args=[subscriber.pk])).status_code == 404


def test_the_page_asks_few_queries_and_leads_to_older_errors(
    client_for: ClientFor, django_assert_max_num_queries
) -> None:
    workspace: Workspace = make_workspace(error_limit=99)
    subscriber = make_subscriber(workspace=workspace)
    lane = make_lane(workspace)
    for number in range(3):
        delivery = make_mailing(subscriber, f"便り{number}", lane=lane)
        make_errors(subscriber, key=f"delivery:{delivery.pk}")
    make_errors(subscriber, 50)
    client = client_for(make_user(workspace))
    with django_assert_max_num_queries(12):
        page_of(client, subscriber)
    assert "53件をすべて見る" in page_of(client, subscriber, HX_Request="true")

"""Pages of holds (B16): who sees what, the question before the answer, the note on the home page."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User, Workspace
from campaigns.models import HoldState, StopHold
from lists.models import Subscriber
from tests.factories import make_campaign, make_delivery, make_errors, make_lane, make_list, make_user, make_workspace

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
ClientFor = Callable[[User], Client]


@pytest.fixture
def hold(workspace: Workspace) -> StopHold:
    """An open hold with 3 held errors."""
    campaign = make_campaign(make_list(workspace), subject="秋のお知らせ", state="sending", started_at=NOW)
    hold = StopHold.objects.create(campaign=campaign, provider="docomo", unknown=3, tried=12, opened_at=NOW)
    lane = make_lane(campaign.workspace, provider="docomo")
    for number in range(3):
        text = f"550 5.1.1 <reader{number}@docomo.ne.jp> User <b>unknown</b>"
        delivery = make_delivery(
            campaign, lane=lane, state="bounced", kind="hard", reason="user_unknown", code="5.1.1", text=text
        )
        make_errors(delivery.subscriber, key=f"delivery:{delivery.pk}", kind="hard", held_by=hold.key())
    return hold


def page(client: Client, name: str, *arguments: int) -> str:
    return client.get(reverse(name, args=arguments)).content.decode()


def decide(client: Client, hold: StopHold, decision: str, **more: str) -> str:
    url = reverse("hold_decide", args=[hold.pk])
    return client.post(url, {"decision": decision} | more, follow=True).content.decode()


def test_a_hold_tells_what_happened_and_why_it_asks(editor: Client, hold: StopHold) -> None:
    """B16."""
    assert "確認待ちの停止が1件あります" in page(editor, "home")
    assert "12件中3件(25.0%)" in page(editor, "hold_index")
    shown = page(editor, "hold_detail", hold.pk)
    for expected in (
        "12件のうち<strong>3件(25.0%)",
        "「ドコモ」の宛先不明",
        "迷惑メール対策",
        "reader",
        "3件",
        "停止しない",
    ):
        assert expected in shown
    # The server's words without addresses, and never as HTML.
    assert "550 5.1.1 &lt;…&gt; User &lt;b&gt;unknown&lt;/b&gt;" in shown
    assert "docomo" in hold.provider
    for name in ("failed_addresses", "campaign_detail"):
        assert reverse("hold_detail", args=[hold.pk]) in page(editor, name, hold.campaign_id)
    failed = reverse("failed_addresses", args=[hold.campaign_id])
    assert f"{failed}?provider=docomo&amp;reason=user_unknown#rows" in shown


@pytest.mark.parametrize("decision", ["", "keep", "dropped"])
def test_an_unknown_decision_decides_nothing(editor: Client, hold: StopHold, decision: str) -> None:
    """A dropped hold never opens again, so nothing but the button's own word drops it."""
    assert "選んでください" in decide(editor, hold, decision, confirmed="1")
    hold.refresh_from_db()
    assert hold.state == "open"


@pytest.mark.parametrize(
    ("decision", "question", "state", "stopped"),
    [("apply", "3件に配信停止を適用する", HoldState.APPLIED, 0), ("drop", "3件を停止しない", HoldState.DROPPED, 0)],
)
def test_both_answers_ask_first_with_the_number(
    editor: Client, hold: StopHold, decision: str, question: str, state: str, stopped: int
) -> None:
    """B16."""
    assert question in decide(editor, hold, decision)
    hold.refresh_from_db()
    assert hold.state == HoldState.OPEN
    decide(editor, hold, decision, confirmed="1")
    hold.refresh_from_db()
    assert hold.state == state
    count = 1 if decision == "apply" else 0
    assert set(Subscriber.objects.values_list("error_count", flat=True)) == {count}
    assert "停止の保留" in page(editor, "hold_detail", hold.pk)
    assert "確認待ちの停止が" not in page(editor, "home")
    assert "すでに決められています" in decide(editor, hold, "apply", confirmed="1")


def test_a_viewer_sees_it_and_may_not_decide(hold: StopHold, viewer: Client) -> None:
    assert "「ドコモ」の宛先不明" in (shown := page(viewer, "hold_detail", hold.pk))
    assert "配信停止を適用する</button>" not in shown
    url = reverse("hold_decide", args=[hold.pk])
    assert viewer.post(url, {"decision": "drop", "confirmed": "1"}).status_code == 403


def test_a_stranger_finds_nothing(hold: StopHold, client_for: ClientFor) -> None:
    stranger = client_for(make_user(make_workspace()))
    for name in ("hold_detail", "hold_decide"):
        url = reverse(name, args=[hold.pk])
        answer = stranger.post(url, {"decision": "apply", "confirmed": "1"}) if "decide" in name else stranger.get(url)
        assert answer.status_code == 404
    assert "秋のお知らせ" not in page(stranger, "hold_index")
    hold.refresh_from_db()
    assert hold.state == HoldState.OPEN


def test_pages_of_holds_ask_few_queries(editor: Client, hold: StopHold, django_assert_max_num_queries) -> None:
    for name, arguments, most in (("hold_index", (), 9), ("hold_detail", (hold.pk,), 12)):
        with django_assert_max_num_queries(most):
            page(editor, name, *arguments)

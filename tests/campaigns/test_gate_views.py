"""Pages of the gate: for the members of one workspace, and for the operator of all."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, Role, User
from campaigns.gate_figures import MAILINGS
from campaigns.models import CampaignState, ErrorGate, GateState, Tally
from tests.factories import make_campaign, make_list, make_user, make_workspace

pytestmark = pytest.mark.django_db


def failing_campaign(percent=25, **fields):
    """Make a running mailing with 1,000 tried, of which `percent` failed."""
    campaign = make_campaign(
        make_list(name="古い名簿"), state=CampaignState.SENDING, started_at=timezone.now(), **fields
    )
    for state, number, kind in (
        ("sent", 1000 - 10 * percent, ""),
        ("failed", 10 * percent, "hard"),
        ("pending", 70, ""),
    ):
        Tally.objects.create(campaign=campaign, provider="docomo", state=state, kind=kind, number=number)
    return campaign


def gate_for(workspace, state, **fields):
    return ErrorGate.objects.create(workspace=workspace, state=state, since=timezone.now(), **fields)


def operator():
    return make_user(is_superuser=True)


def page(client, name, *args):
    return client.get(reverse(name, args=args))


# ── the workspace's page ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("role", list(Role))
def test_shows_the_rate_and_where_it_comes_from(role, client_for, django_assert_max_num_queries):
    """A15."""
    campaign = failing_campaign(subject="秋の便り")
    member = client_for(make_user(campaign.workspace, role=role))
    with django_assert_max_num_queries(16):
        html = page(member, "gate_detail").content.decode()
    for part in ("25.0%", "1,000", "ドコモ", "秋の便り", "古い名簿", "5%以上", "制限なし"):
        assert part in html


def test_many_mailings_cost_no_more_queries(client_for, django_assert_max_num_queries):
    campaign = failing_campaign()
    for _ in range(30):
        other = make_campaign(campaign.mailing_lists.get(), state="done", started_at=timezone.now())
        Tally.objects.create(campaign=other, provider="au", state="sent", number=10)
    member = client_for(make_user(campaign.workspace))
    with django_assert_max_num_queries(16):
        html = page(member, "gate_detail").content.decode()
    assert html.count(reverse("failed_addresses", args=[campaign.pk])) == 1
    assert html.count('data-label="リスト"') == MAILINGS


@pytest.mark.parametrize(
    ("state", "fields", "words"),
    [
        (GateState.OPEN, {}, "配信は通常どおりです"),
        (GateState.WARNED, {}, "4%を下回ると注意を解除します"),
        (GateState.SLOWED, {}, "20%以上のまま10分たつと一時停止"),
        (GateState.SLOWED, {"by_hand": True}, "運営者が速度を制限しています"),
        (GateState.STOPPED, {}, "運営者に依頼してください"),
    ],
)
def test_says_what_comes_next(state, fields, words, client_for):
    campaign = failing_campaign()
    gate_for(campaign.workspace, state, **fields)
    assert words in page(client_for(make_user(campaign.workspace)), "gate_detail").content.decode()


def test_says_that_little_was_tried_so_far(client_for):
    html = page(client_for(make_user(make_workspace())), "gate_detail").content.decode()
    assert "配信数が200件になるまでは" in html


def test_a_stranger_sees_nothing_of_it(client_for):
    campaign = failing_campaign(subject="秋の便り")
    gate_for(campaign.workspace, GateState.STOPPED)
    html = page(client_for(make_user(make_workspace())), "gate_detail").content.decode()
    assert "秋の便り" not in html
    assert "制限なし" in html


@pytest.mark.parametrize("state", [GateState.WARNED, GateState.SLOWED, GateState.STOPPED])
def test_home_and_the_mailing_say_so(state, client_for):
    campaign = failing_campaign()
    member = client_for(make_user(campaign.workspace))
    paths = [reverse("home"), reverse("campaign_detail", args=[campaign.pk])]
    assert not any("data-gate" in member.get(path).content.decode() for path in paths)
    gate_for(campaign.workspace, state)
    assert all(f'data-gate="{state}"' in member.get(path).content.decode() for path in paths)


def test_a_due_mailing_says_what_it_waits_for(client_for):
    campaign = make_campaign(state=CampaignState.SCHEDULED, scheduled_at=timezone.now() - timedelta(minutes=1))
    gate_for(campaign.workspace, GateState.STOPPED)
    html = page(client_for(make_user(campaign.workspace)), "campaign_detail", campaign.pk).content.decode()
    assert "一時停止が解除されると" in html
    assert "まもなく配信が始まります" not in html


# ── the operator's pages ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_operator_sees_all_workspaces_the_worst_first(client_for, django_assert_max_num_queries):
    """A15."""
    quiet, stopped, warned = (make_workspace(name=name) for name in ("静か", "停止", "注意"))
    gate_for(stopped, GateState.STOPPED, percent=31.5, tried=4000)
    gate_for(warned, GateState.WARNED, percent=6, tried=900, warn_percent=6)
    client = client_for(operator())
    with django_assert_max_num_queries(10):
        answer = page(client, "operator_gates")
    assert [row["workspace"] for row in answer.context["rows"]] == [stopped, warned, quiet]
    html = answer.content.decode()
    assert "31.5%" in html
    assert "6・10・20%" in html
    assert reverse("operator_gate", args=[stopped.pk]) in html


@pytest.mark.parametrize("role", list(Role))
def test_members_are_not_the_operator(role, client_for):
    workspace = make_workspace()
    member = client_for(make_user(workspace, role=role))
    answers = [page(member, "operator_gates"), page(member, "operator_gate", workspace.pk)]
    answers += [
        member.post(reverse(name, args=[workspace.pk]), {"step": "release", "why": "x", "confirmed": "1"})
        for name in ("operator_gate_step", "operator_gate_limits")
    ]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert not ErrorGate.objects.exists()


def test_the_way_to_the_operators_page_is_shown_to_him_only(client_for):
    workspace = make_workspace()
    url = reverse("operator_gates")
    assert url not in page(client_for(make_user(workspace)), "home").content.decode()
    assert url in page(client_for(make_user(workspace, is_superuser=True)), "home").content.decode()


def test_an_operator_needs_no_workspace(client_for, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "only-for-this-test")
    call_command("createsuperuser", "--noinput", email="operator@example.com", verbosity=0)
    client = client_for(User.objects.get(email="operator@example.com"))
    assert page(client, "operator_gates").status_code == 200
    assert reverse("operator_gates") in page(client, "home").content.decode()


@pytest.mark.parametrize(
    ("step", "before", "after", "action"),
    [
        ("stop", GateState.OPEN, GateState.STOPPED, "gate.stopped"),
        ("slow", GateState.OPEN, GateState.SLOWED, "gate.slowed"),
        ("release", GateState.STOPPED, GateState.OPEN, "gate.release"),
    ],
)
def test_the_operator_changes_the_step_after_a_question(step, before, after, action, client_for):
    """A15: audited in that workspace, with the reason."""
    campaign = failing_campaign()
    gate_for(campaign.workspace, before)
    actor = operator()
    client, url = client_for(actor), reverse("operator_gate_step", args=[campaign.workspace_id])
    asked = client.post(url, {"step": step, "why": "連絡を受けたため"})
    assert "70件" in asked.content.decode()
    assert ErrorGate.objects.get().state == before
    client.post(url, {"step": step, "why": "連絡を受けたため", "confirmed": "1"})
    gate, entry = ErrorGate.objects.get(), AuditEntry.objects.get()
    assert (gate.state, gate.by_hand, gate.to_mail) == (after, step != "release", entry)
    assert (entry.workspace, entry.actor, entry.action) == (campaign.workspace, actor, action)
    assert entry.detail == {"before": before, "why": "連絡を受けたため"}


def test_a_workspace_that_was_never_looked_at_can_be_stopped(client_for):
    workspace = make_workspace()
    url = reverse("operator_gate_step", args=[workspace.pk])
    client_for(operator()).post(url, {"step": "stop", "why": "調査のため", "confirmed": "1"})
    assert ErrorGate.objects.get(workspace=workspace).state == GateState.STOPPED


def test_a_step_needs_a_reason(client_for):
    workspace = make_workspace()
    url = reverse("operator_gate_step", args=[workspace.pk])
    answer = client_for(operator()).post(url, {"step": "stop", "why": " ", "confirmed": "1"})
    assert "理由を入力してください" in answer.content.decode()
    assert not ErrorGate.objects.exists()


def test_the_operator_sets_limits_after_a_question(client_for):
    """A15: thresholds per workspace."""
    workspace = make_workspace()
    client, url = client_for(operator()), reverse("operator_gate_limits", args=[workspace.pk])
    data = {"warn_percent": "2.5", "slow_percent": "", "stop_percent": "30", "why": "新しい名簿のため"}
    asked = client.post(url, data)
    assert "2.5%" in asked.content.decode()
    assert not ErrorGate.objects.exists()
    client.post(url, data | {"confirmed": "1"})
    gate = ErrorGate.objects.get(workspace=workspace)
    assert (gate.warn_percent, gate.slow_percent, gate.stop_percent) == (2.5, None, 30)
    assert AuditEntry.objects.get(workspace=workspace).detail["why"] == "新しい名簿のため"
    assert 'value="2.5"' in page(client, "operator_gate", workspace.pk).content.decode()


@pytest.mark.parametrize(
    ("warn", "slow", "stop"), [("12", "", ""), ("5", "5", "20"), ("", "30", ""), ("0", "", ""), ("a", "", "")]
)
def test_limits_that_make_no_sense_are_refused(warn, slow, stop, client_for):
    workspace = make_workspace()
    data = {"warn_percent": warn, "slow_percent": slow, "stop_percent": stop, "why": "試し", "confirmed": "1"}
    answer = client_for(operator()).post(reverse("operator_gate_limits", args=[workspace.pk]), data)
    assert answer.status_code == 200
    assert answer.context["limits_form"].errors
    assert not ErrorGate.objects.exists()


def test_the_page_of_a_workspace_that_is_not_there(client_for):
    assert page(client_for(operator()), "operator_gate", 99).status_code == 404

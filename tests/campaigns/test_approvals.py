"""承認: another person's word on a mailing, what voids it, and that it is asked again wherever it counts."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import time, timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, Membership, Role
from campaigns import approval_mails, approvals, closed_times, scheduling
from campaigns.audiences import set_parts
from campaigns.freezing import freeze_in_chunks, freeze_recipients
from campaigns.models import Approval, ApprovalRule, ApprovalState, Campaign, CampaignState, Draft, Part, QuietMode
from campaigns.quiet_hours import Rules
from campaigns.sendable import CampaignError
from lists.models import Segment
from tests.factories import make_campaign, make_list, make_subscriber, make_user, make_workspace

pytestmark = pytest.mark.django_db
# What of a campaign nobody approves: what it is called inside, what happened to it, and when it goes.
NOT_APPROVED = {
    "id",
    "form_key",
    "workspace",
    "sender",  # by what mails show of it
    "state",
    "problem",
    "scheduled_at",
    "started_at",
    "finished_at",
    "cleared_at",
    "lifetime_from",
    "author",
    "is_tracked",
    "is_narrowed",
    "wants_seeds",
    "folder",
    "closed_from",
    "closed_until",
    "people_generation",
    "late_since",
    "late_told_at",
    "back_to_mail",
    "start_cursor",
    "list_generations",
    "expected_count",
    "recipient_count",
    "tally_due_at",
    "tally_not_before",
    "tally_at",
    "resend_of",
    "revision",
    "created_by",
    "edited_by",
    "created_at",
    "updated_at",
}


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def office():
    """A workspace with two administrators and an editor, whose mailings need approval."""
    workspace = make_workspace()
    ApprovalRule.objects.create(workspace=workspace, for_editors=True)
    people = {
        "editor": make_user(workspace, role=Role.EDITOR, name="作成 花子"),
        "admin": make_user(workspace, name="管理 一郎"),
        "other": make_user(workspace, name="管理 二郎"),
    }
    mailing_list = make_list(workspace)
    make_subscriber(mailing_list)
    campaign = make_campaign(mailing_list, created_by=people["editor"], edited_by=people["editor"])
    return campaign, people


def reload(campaign):
    return Campaign.objects.select_related("sender__domain", "workspace").get(pk=campaign.pk)


def ask(campaign, asker, now):
    return approvals.ask(reload(campaign), actor=asker, now=now)


def grant(campaign, approval, actor, now):
    approvals.decide(reload(campaign), approval.pk, ApprovalState.GRANTED, actor=actor, now=now)


def approved(campaign, people, now):
    approval = ask(campaign, people["editor"], now)
    grant(campaign, approval, people["admin"], now)
    return approval


def schedule(campaign, actor, now):
    scheduling.schedule(reload(campaign), now, actor=actor, now=now)


def as_user(user):
    client = Client()
    client.force_login(user)
    return client


# ── from the request to the schedule, through the pages ───────────────────────────────────────────────────────────


def test_an_editor_asks_an_administrator_approves_and_the_mailing_goes(office, now):
    campaign, people = office
    editor, admin = as_user(people["editor"]), as_user(people["admin"])
    page = reverse("campaign_preview", args=[campaign.pk])
    refused = editor.get(page).content.decode()
    assert 'data-finding="not_approved"' in refused
    assert "承認を依頼" in refused

    asked = editor.post(reverse("campaign_ask_approval", args=[campaign.pk]), {"message": "確認をお願いします"})
    assert asked.url == page
    approval = Approval.objects.get()
    assert "確認をお願いします" in admin.get(reverse("approval_index")).content.decode()
    assert "承認を待っているメールが1件" in admin.get(reverse("home")).content.decode()
    shown = admin.get(page).content.decode()
    assert "承認する" in shown
    # An administrator needs no approval here.
    assert 'data-finding="not_approved"' not in shown
    assert "承認する" not in editor.get(page).content.decode()

    admin.post(reverse("campaign_grant", args=[campaign.pk]), {"approval": approval.pk, "note": "よいです"})
    after = editor.get(page).content.decode()
    assert 'data-finding="approved"' in after
    assert "よいです" in after
    schedule(campaign, people["editor"], now)
    assert reload(campaign).state == CampaignState.SCHEDULED
    scheduling.start_due(now=now)
    assert freeze_recipients(campaign.pk, now=now)
    actions = AuditEntry.objects.filter(action__startswith="campaign.approve").values_list("action", "actor")
    assert list(actions.order_by("pk")) == [
        ("campaign.approve_ask", people["editor"].pk),
        ("campaign.approve", people["admin"].pk),
    ]


def test_giving_back_says_why_and_the_next_request_stands_beside_it(office, now):
    campaign, people = office
    approval = ask(campaign, people["editor"], now)
    admin = as_user(people["admin"])
    url = reverse("campaign_refuse", args=[campaign.pk])
    answer = admin.post(url, {"approval": approval.pk}, follow=True).content.decode()
    assert "差し戻す理由を入力してください。" in answer
    admin.post(url, {"approval": approval.pk, "note": "<b>日付が違います</b>"})
    page = as_user(people["editor"]).get(reverse("campaign_preview", args=[campaign.pk])).content.decode()
    assert "&lt;b&gt;日付が違います&lt;/b&gt;" in page
    assert 'data-finding="not_approved"' in page
    again = ask(campaign, people["editor"], now)
    assert again.pk != approval.pk
    assert Approval.objects.filter(state=ApprovalState.ASKED).get() == again


def test_saving_the_form_voids_what_was_granted(office, now):
    campaign, people = office
    approval = approved(campaign, people, now)
    admin = as_user(people["other"])
    data = {
        "subject": "変えた件名",
        "sender": campaign.sender_id,
        "mailing_lists": [campaign.mailing_lists.get().pk],
        "text": campaign.text,
        "doubt_policy": campaign.doubt_policy,
        "quiet_mode": campaign.quiet_mode,
        "wants_tracking": "on",
        "revision": campaign.revision,
    }
    admin.post(reverse("campaign_edit", args=[campaign.pk]), data)
    assert (reload(campaign).subject, reload(campaign).edited_by) == ("変えた件名", people["other"])
    approval.refresh_from_db()
    assert approval.state == ApprovalState.VOID
    with pytest.raises(CampaignError, match="承認されていません"):
        schedule(campaign, people["editor"], now)
    # Who saved last decides no more, whoever asks.
    asked = ask(campaign, people["editor"], now)
    with pytest.raises(CampaignError, match="最後に編集"):
        grant(campaign, asked, people["other"], now)
    grant(campaign, asked, people["admin"], now)


# ── who decides ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_nobody_approves_what_he_asked_for(office, now):
    campaign, people = office
    approval = ask(campaign, people["admin"], now)
    with pytest.raises(CampaignError, match="自分が依頼した"):
        grant(campaign, approval, people["admin"], now)
    grant(campaign, approval, people["other"], now)


def test_the_role_counts_at_the_decision(office, now):
    campaign, people = office
    approval = ask(campaign, people["editor"], now)
    Membership.objects.filter(user=people["admin"]).update(role=Role.EDITOR)
    with pytest.raises(CampaignError):
        grant(campaign, approval, people["admin"], now)
    url = reverse("campaign_grant", args=[campaign.pk])
    assert as_user(people["admin"]).post(url, {"approval": approval.pk}).status_code == 403


def test_a_request_that_nobody_could_grant_is_refused_with_the_way_out(office, now):
    campaign, people = office
    Membership.objects.filter(user=people["other"]).delete()
    with pytest.raises(CampaignError, match="承認できる人がいません"):
        ask(campaign, people["admin"], now)


@pytest.mark.parametrize(
    ("rule", "needing"),
    [
        ({}, set()),
        ({"for_editors": True}, {"editor", "gone"}),
        ({"for_admins": True}, {"admin", "gone"}),
        ({"for_editors": True, "for_admins": True}, {"editor", "admin", "gone"}),
    ],
)
def test_whose_mailings_need_it(rule, needing, office):
    campaign, people = office
    ApprovalRule.objects.update(**{"for_editors": False, "for_admins": False} | rule)
    people = people | {"gone": make_user(make_workspace())}
    found = {who for who in ("editor", "admin", "gone") if approvals.needs_approval(campaign.workspace, people[who])}
    assert found == needing


def test_the_rule_is_set_on_its_page_and_not_so_that_nobody_can_comply(office):
    _campaign, people = office
    admin, url = as_user(people["admin"]), reverse("approval_settings")
    assert admin.post(url, {"for_admins": "on"}).status_code == 302
    rule = ApprovalRule.objects.get()
    assert (rule.for_editors, rule.for_admins) == (False, True)
    Membership.objects.filter(user=people["other"]).delete()
    assert "管理者が1人だけ" in admin.post(url, {"for_admins": "on"}).content.decode()
    assert AuditEntry.objects.filter(action="workspace.approval").count() == 1


# ── what voids it ─────────────────────────────────────────────────────────────────────────────────────────────────


def make_segment(workspace):
    return Segment.objects.create(
        workspace=workspace,
        name="関東",
        conditions={"v": 1, "all": [{"field": "joined_at", "op": "last_days", "value": 9}]},
    )


def change_segment(campaign):
    Segment.objects.filter(audience_parts__campaign=campaign).update(
        conditions={"v": 1, "all": [{"field": "joined_at", "op": "last_days", "value": 1}]}
    )


CHANGES = {
    "preheader": lambda found: Campaign.objects.filter(pk=found.pk).update(preheader="別"),
    "who sees a block": lambda found: Draft.objects.create(campaign=found, blocks={"blocks": [{"show": {"all": []}}]}),
    "subject": lambda found: Campaign.objects.filter(pk=found.pk).update(subject="別"),
    "text": lambda found: Campaign.objects.filter(pk=found.pk).update(text="別"),
    "html": lambda found: Campaign.objects.filter(pk=found.pk).update(html="<p>別</p>"),
    "doubts": lambda found: Campaign.objects.filter(pk=found.pk).update(doubt_policy="resend"),
    "quiet mode": lambda found: Campaign.objects.filter(pk=found.pk).update(quiet_mode=QuietMode.NONE),
    "own quiet hours": lambda found: closed_times.save_own_rules(found, Rules(begins=time(21), ends=time(9))),
    "tolerance": lambda found: Campaign.objects.filter(pk=found.pk).update(late_tolerance=timedelta(hours=1)),
    "tracking": lambda found: Campaign.objects.filter(pk=found.pk).update(wants_tracking=False),
    "another list": lambda found: found.mailing_lists.add(make_list(found.workspace)),
    "list left out": lambda found: set_parts(found, {Part.EXCLUDE_LIST: [make_list(found.workspace)]}),
    "segment left in": lambda found: set_parts(found, {Part.INCLUDE_SEGMENT: [make_segment(found.workspace)]}),
    "segment's conditions": change_segment,
    "sender's name": lambda found: type(found.sender).objects.update(name="別の商店"),
    "sender's legal address": lambda found: type(found.sender).objects.update(postal_address="大阪"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_voids_it(change, office, now):
    campaign, people = office
    own = change == "own quiet hours"
    Campaign.objects.filter(pk=campaign.pk).update(quiet_mode=QuietMode.OWN if own else QuietMode.WORKSPACE)
    if own:
        closed_times.save_own_rules(campaign, Rules(begins=time(22), ends=time(6)))
    if change == "segment's conditions":
        set_parts(campaign, {Part.INCLUDE_SEGMENT: [make_segment(campaign.workspace)]})
    approved(campaign, people, now)
    assert approvals.is_approved(reload(campaign))
    CHANGES[change](reload(campaign))
    assert not approvals.is_approved(reload(campaign))
    with pytest.raises(CampaignError, match="承認されていません"):
        schedule(campaign, people["editor"], now)


def test_who_is_on_the_list_and_the_time_are_not_part_of_it(office, now):
    campaign, people = office
    approved(campaign, people, now)
    make_subscriber(campaign.mailing_lists.get())
    scheduling.schedule(reload(campaign), now + timedelta(days=3), actor=people["editor"], now=now)
    scheduling.unschedule(reload(campaign), actor=people["editor"])
    assert approvals.is_approved(reload(campaign))


def test_every_column_of_a_campaign_is_approved_or_known_not_to_be():
    columns = {field.name for field in Campaign._meta.concrete_fields}
    assert set(approvals.APPROVED_COLUMNS) | NOT_APPROVED == columns
    assert not set(approvals.APPROVED_COLUMNS) & NOT_APPROVED


def test_what_changed_after_it_was_asked_is_not_granted(office, now):
    campaign, people = office
    approval = ask(campaign, people["editor"], now)
    CHANGES["sender's name"](campaign)
    with pytest.raises(CampaignError, match="依頼の後に内容が変わった"):
        grant(campaign, approval, people["admin"], now)
    approval.refresh_from_db()
    assert (approval.state, approval.decided_by) == (ApprovalState.VOID, None)


# ── at the start ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_change_between_schedule_and_start_sends_it_back(office, now):
    campaign, people = office
    approved(campaign, people, now)
    schedule(campaign, people["editor"], now)
    CHANGES["sender's legal address"](campaign)
    scheduling.start_due(now=now)
    assert not freeze_recipients(campaign.pk, now=now)
    back = reload(campaign)
    assert (back.state, back.deliveries.count()) == (CampaignState.DRAFT, 0)
    assert "承認が無効" in back.problem
    assert mail_all() == sorted([people["editor"].email, people["admin"].email])
    assert "承認が無効になりました" in mail.outbox[-1].subject


def test_a_change_while_it_is_being_frozen_sends_it_back(office, now):
    """The rows are there already when the sender changes; none is left."""
    campaign, people = office
    for _number in range(3):
        make_subscriber(campaign.mailing_lists.get())
    approved(campaign, people, now)
    schedule(campaign, people["editor"], now)
    scheduling.start_due(now=now)
    steps = freeze_in_chunks(campaign.pk, now=now, chunk=2)
    # The cursor is set, then the first rows are made.
    next(steps), next(steps)
    assert campaign.deliveries.exists()
    CHANGES["sender's name"](campaign)
    for _seconds in steps:
        pass
    back = reload(campaign)
    assert (back.state, back.deliveries.count()) == (CampaignState.DRAFT, 0)


def test_one_whose_sender_needs_none_is_not_sent_back(office, now):
    campaign, people = office
    approved(campaign, people, now)
    CHANGES["subject"](campaign)
    schedule(campaign, people["admin"], now)
    scheduling.start_due(now=now)
    assert freeze_recipients(campaign.pk, now=now)


# ── double clicks and races ───────────────────────────────────────────────────────────────────────────────────────


def test_a_second_click_finds_it_done(office, now):
    campaign, people = office
    approval = ask(campaign, people["editor"], now)
    assert ask(campaign, people["editor"], now) == approval
    grant(campaign, approval, people["admin"], now)
    with pytest.raises(CampaignError, match="すでに決定された"):
        grant(campaign, approval, people["other"], now)
    assert Approval.objects.get().decided_by == people["admin"]


@pytest.mark.django_db(transaction=True)
def test_two_administrators_at_once_decide_once(office, now):
    campaign, people = office
    approval = ask(campaign, people["editor"], now)
    barrier = threading.Barrier(2)

    def decide(decision, actor):
        barrier.wait()
        try:
            approvals.decide(reload(campaign), approval.pk, decision, actor=actor, now=now)
        except CampaignError:
            return 0
        finally:
            connection.close()
        return 1

    with ThreadPoolExecutor(2) as threads:
        asked = [(ApprovalState.GRANTED, people["admin"]), (ApprovalState.REFUSED, people["other"])]
        assert sum(threads.map(lambda pair: decide(*pair), asked)) == 1
    assert AuditEntry.objects.filter(action__in=approvals.ACTIONS.values()).count() == 1


# ── mails ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def mail_all():
    """Write what is to be written, twice; return whom it went to."""
    for _turn in range(2):
        for pk in approval_mails.approvals_to_mail():
            approval_mails.mail_approval(pk)
    return sorted(address for message in mail.outbox for address in message.to)


def test_those_who_may_decide_are_written_to_once_and_then_who_asked(office, now):
    campaign, people = office
    Campaign.objects.update(subject="秋の\nお知らせ")
    approval = ask(campaign, people["editor"], now)
    assert mail_all() == sorted([people["admin"].email, people["other"].email])
    assert mail.outbox[0].subject == "[Hypermail] 承認の依頼: 秋の お知らせ"
    assert reverse("campaign_preview", args=[campaign.pk]) in mail.outbox[0].body
    mail.outbox.clear()
    approvals.decide(
        reload(campaign), approval.pk, ApprovalState.REFUSED, actor=people["admin"], now=now, note="日付が違います"
    )
    assert mail_all() == [people["editor"].email]
    assert "日付が違います" in mail.outbox[0].body


def test_who_left_is_not_written_to(office, now):
    campaign, people = office
    approved(campaign, people, now)
    Membership.objects.filter(user=people["editor"]).delete()
    assert mail_all() == []

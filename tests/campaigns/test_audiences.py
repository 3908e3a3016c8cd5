"""Campaigns to segments, and with lists and segments left out: written, counted, frozen, copied."""

import re
from datetime import timedelta

import pytest
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from campaigns.audiences import set_parts
from campaigns.freezing import freeze_in_chunks, freeze_recipients
from campaigns.models import Campaign, CampaignState, Delivery, Part
from campaigns.models.campaign import AudienceInUse
from campaigns.sendable import CampaignError, require_sendable
from lists.bulk_claims import claim_job
from lists.conditions import read_conditions
from lists.import_claims import claim_import, take_hints
from lists.models import (
    BulkAction,
    BulkJob,
    BulkState,
    CsvImport,
    ImportState,
    MailingList,
    PeopleState,
    Segment,
    Subscriber,
    Subscription,
)
from lists.people_states import HOLD
from lists.segment_editing import delete_segment, save_segment
from tests.factories import make_campaign, make_list, make_sender, make_subscriber, make_user

pytestmark = pytest.mark.django_db
GOLD = {"v": 1, "all": [{"field": "attribute:ランク", "op": "is", "value": "金"}]}


@pytest.fixture
def readers(workspace):
    """A list on which every second one of six has the rank 金."""
    mailing_list = make_list(workspace)
    for number in range(6):
        rank = "銀" if number % 2 else "金"
        make_subscriber(mailing_list, f"r{number}@example.jp", attributes={"ランク": rank})
    return mailing_list


@pytest.fixture
def gold(workspace):
    return Segment.objects.create(workspace=workspace, name="金の人", conditions=GOLD)


def segment_campaign(readers, gold, **fields):
    """Return a campaign to the segment alone."""
    campaign = make_campaign(readers, **fields)
    campaign.mailing_lists.clear()
    set_parts(campaign, {Part.INCLUDE_SEGMENT: [gold]})
    return campaign


def frozen(campaign):
    freeze_recipients(campaign.pk, now=timezone.now())
    campaign.refresh_from_db()
    rows = list(Delivery.objects.filter(campaign=campaign).order_by("address_key"))
    assert campaign.state == CampaignState.SENDING
    assert campaign.recipient_count == len(rows)
    return [row.address[:2] for row in rows]


def test_a_campaign_to_a_segment_alone_goes_to_its_people(readers, gold):
    assert frozen(segment_campaign(readers, gold, state=CampaignState.STARTING)) == ["r0", "r2", "r4"]


def test_one_address_on_several_lists_and_segments_gets_one_mail(readers, gold):
    other = make_list(readers.workspace)
    Subscription.objects.create(mailing_list=other, subscriber=Subscriber.objects.get(address="r0@example.jp"))
    campaign = make_campaign(readers, state=CampaignState.STARTING)
    campaign.mailing_lists.add(other)
    set_parts(campaign, {Part.INCLUDE_SEGMENT: [gold]})
    assert frozen(campaign) == ["r0", "r1", "r2", "r3", "r4", "r5"]


def test_who_is_left_out_gets_no_row(readers, gold):
    other = make_list(readers.workspace)
    Subscription.objects.create(mailing_list=other, subscriber=Subscriber.objects.get(address="r1@example.jp"))
    campaign = make_campaign(readers, state=CampaignState.STARTING)
    set_parts(campaign, {Part.EXCLUDE_LIST: [other], Part.EXCLUDE_SEGMENT: [gold]})
    assert frozen(campaign) == ["r3", "r5"]


def test_people_that_change_meanwhile_make_the_freezing_begin_anew(readers, gold):
    campaign = segment_campaign(readers, gold, state=CampaignState.STARTING)
    steps = freeze_in_chunks(campaign.pk, now=timezone.now(), chunk=2)
    next(steps), next(steps)
    assert Delivery.objects.count() == 1
    Subscriber.objects.filter(address="r1@example.jp").update(attributes={"ランク": "金"})
    Subscriber.objects.filter(address="r0@example.jp").update(attributes={"ランク": "銀"})
    PeopleState.objects.filter(pk=readers.workspace_id).update(generation=F("generation") + 1)
    for _seconds in steps:
        pass
    assert frozen(campaign) == ["r1", "r2", "r4"]


def test_a_segment_that_is_changed_meanwhile_makes_the_freezing_begin_anew(readers, gold):
    campaign = segment_campaign(readers, gold, state=CampaignState.STARTING)
    steps = freeze_in_chunks(campaign.pk, now=timezone.now(), chunk=2)
    next(steps), next(steps)
    silver = {"v": 1, "all": [{"field": "attribute:ランク", "op": "is", "value": "銀"}]}
    save_segment(gold, read_conditions(silver), revision=1, actor=make_user(readers.workspace))
    for _seconds in steps:
        pass
    assert frozen(campaign) == ["r1", "r3", "r5"]


def test_an_excluded_list_that_an_import_changes_makes_the_freezing_begin_anew(readers):
    other = make_list(readers.workspace)
    campaign = make_campaign(readers, state=CampaignState.STARTING)
    set_parts(campaign, {Part.EXCLUDE_LIST: [other]})
    steps = freeze_in_chunks(campaign.pk, now=timezone.now(), chunk=2)
    next(steps), next(steps)
    Subscription.objects.create(mailing_list=other, subscriber=Subscriber.objects.get(address="r0@example.jp"))
    MailingList.objects.filter(pk=other.pk).update(generation=F("generation") + 1)
    for _seconds in steps:
        pass
    assert frozen(campaign) == ["r1", "r2", "r3", "r4", "r5"]


def test_days_are_counted_from_the_start_of_the_campaign(readers):
    recent = {"v": 1, "all": [{"field": "joined_at", "op": "last_days", "value": 1}]}
    segment = Segment.objects.create(workspace=readers.workspace, name="新しい人", conditions=recent)
    started = timezone.now()
    campaign = segment_campaign(readers, segment, state=CampaignState.STARTING, started_at=started)
    freeze_recipients(campaign.pk, now=started + timedelta(days=5))
    assert Delivery.objects.count() == 6


def test_a_segment_that_cannot_be_used_sends_the_campaign_back(readers, gold):
    other = make_list(readers.workspace)
    Segment.objects.filter(pk=gold.pk).update(
        conditions={"v": 1, "all": [{"field": "list", "op": "on", "value": [other.pk]}]}
    )
    campaign = segment_campaign(readers, gold, state=CampaignState.STARTING)
    MailingList.everything.filter(pk=other.pk).delete()
    assert not freeze_recipients(campaign.pk, now=timezone.now())
    campaign.refresh_from_db()
    assert (campaign.state, campaign.recipient_count) == (CampaignState.DRAFT, None)
    assert "「金の人」は使えません" in campaign.problem


def test_a_segment_that_loses_its_list_in_the_middle_sends_the_campaign_back(readers):
    other = make_list(readers.workspace)
    conditions = {"v": 1, "all": [{"field": "list", "op": "not_on", "value": [other.pk]}]}
    outside = Segment.objects.create(workspace=readers.workspace, name="外の人", conditions=conditions)
    campaign = segment_campaign(readers, outside, state=CampaignState.STARTING)
    steps = freeze_in_chunks(campaign.pk, now=timezone.now(), chunk=2)
    next(steps), next(steps)
    assert Delivery.objects.count() == 2
    MailingList.everything.filter(pk=other.pk).update(deleted_at=timezone.now())
    assert list(steps)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.recipient_count, Delivery.objects.count()) == (CampaignState.DRAFT, None, 0)
    assert "「外の人」は使えません" in campaign.problem


def test_a_stream_of_imports_lets_the_campaign_have_its_turn(readers, gold):
    """Who runs already may change the people once more; nobody begins while the campaign freezes them anew."""
    campaign = segment_campaign(readers, gold, state=CampaignState.STARTING)
    waiting = CsvImport.objects.create(
        workspace=readers.workspace, mailing_list=readers, filename="a.csv", state=ImportState.QUEUED
    )
    job = BulkJob.objects.create(workspace=readers.workspace, action=BulkAction.STOP, state=BulkState.QUEUED, last_id=0)
    steps = freeze_in_chunks(campaign.pk, now=timezone.now(), chunk=2)
    next(steps), next(steps)
    # So far nobody is kept from his work.
    assert list(take_hints(timezone.now())) == [waiting.pk]
    PeopleState.objects.filter(pk=readers.workspace_id).update(generation=F("generation") + 1)
    next(steps), next(steps), next(steps)
    now = timezone.now()
    assert Delivery.objects.count() == 1
    assert claim_import(waiting.pk, now=now) is None
    assert claim_job(job.pk, now=now) is None
    assert claim_import(waiting.pk, now=now + 2 * HOLD)
    CsvImport.objects.update(state=ImportState.QUEUED)
    assert list(steps)
    assert frozen(campaign) == ["r0", "r2", "r4"]
    assert claim_import(waiting.pk, now=now)
    assert claim_job(job.pk, now=now)


def test_a_campaign_to_nobody_cannot_be_scheduled(readers, gold):
    campaign = segment_campaign(readers, gold)
    require_sendable(campaign)
    Subscriber.objects.update(attributes={})
    with pytest.raises(CampaignError, match="当てはまる人がいません"):
        require_sendable(campaign)
    set_parts(campaign, {})
    with pytest.raises(CampaignError, match="選ばれていません"):
        require_sendable(campaign)


def post_draft(client, campaign, **data):
    values = {
        "revision": campaign.revision,
        "subject": campaign.subject,
        "sender": campaign.sender_id,
        "text": campaign.text,
        "doubt_policy": "hold",
        "late_tolerance": "PT15M",
    }
    return client.post(reverse("campaign_edit", args=[campaign.pk]), values | data)


def test_the_form_stores_the_audience_and_a_copy_has_it(editor, readers, gold):
    campaign = make_campaign(readers)
    out = make_list(readers.workspace)
    page = editor.get(reverse("campaign_edit", args=[campaign.pk])).content.decode()
    assert "配信先セグメント" in page
    late = editor.get(reverse("campaign_edit", args=[campaign.pk])).context["form"]["late_tolerance"].value()
    answer = post_draft(editor, campaign, segments=[gold.pk], excluded_lists=[out.pk], late_tolerance=late)
    assert answer.status_code == 302, answer.context["form"].errors
    campaign.refresh_from_db()
    assert campaign.audience_words() == f"金の人(除く: {out.name})"
    editor.post(reverse("campaign_copy", args=[campaign.pk]))
    copy = Campaign.objects.latest("pk")
    assert copy.pk != campaign.pk
    assert copy.audience_words() == campaign.audience_words()
    preview = editor.get(reverse("campaign_preview", args=[campaign.pk])).content.decode()
    assert "3 人" in preview
    assert "金の人" in preview


def test_the_form_refuses_nobody_contradictions_and_what_belongs_to_others(editor, readers, gold):
    campaign = make_campaign(readers)
    foreign = Segment.objects.create(workspace=make_list().workspace, name="よその人", conditions=GOLD)
    assert "リストかセグメントを1つ以上" in post_draft(editor, campaign).content.decode()
    both = post_draft(editor, campaign, mailing_lists=[readers.pk], excluded_lists=[readers.pk])
    assert "配信先にも選ばれています" in both.content.decode()
    assert "選べない項目" in post_draft(editor, campaign, segments=[foreign.pk]).content.decode()
    assert "よその人" not in post_draft(editor, campaign, segments=[foreign.pk]).content.decode()


def test_the_audience_is_counted_while_it_is_chosen(editor, viewer, readers, gold):
    url = reverse("campaign_draft_audience")
    page = editor.post(url, {"segments": [gold.pk], "mailing_lists": [readers.pk]}).content.decode()
    assert "6 人" in page
    assert "3 人" in editor.post(url, {"mailing_lists": [readers.pk], "excluded_segments": [gold.pk]}).content.decode()
    assert "配信先を選ぶと" in editor.post(url, {}).content.decode()
    twice = editor.post(url, {"segments": [gold.pk], "excluded_segments": [gold.pk]}).content.decode()
    assert "は配信先にも選ばれています" in twice
    assert viewer.post(url, {}).status_code == 403


def test_the_closed_card_says_by_whom_and_to_whom(editor, readers, gold):
    sender = make_sender(readers.workspace)
    url = reverse("campaign_draft_audience")
    chosen = {"sender": sender.pk, "mailing_lists": [readers.pk], "excluded_segments": [gold.pk]}
    words = f"{escape(str(sender))} → {readers.name}(除く: {gold.name})</span>"
    assert words in editor.post(url, chosen).content.decode()
    campaign = make_campaign(readers, sender=sender)
    page = editor.get(reverse("campaign_edit", args=[campaign.pk])).content.decode()
    assert f"{escape(str(sender))} → {readers.name}</span>" in page
    stranger = make_sender(make_list().workspace)
    assert stranger.address not in editor.post(url, chosen | {"sender": stranger.pk}).content.decode()


def test_the_question_before_sending_tells_the_number(editor, readers, gold):
    campaign = segment_campaign(readers, gold, state=CampaignState.DRAFT)
    page = editor.get(reverse("campaign_preview", args=[campaign.pk])).content.decode()
    number = re.search(r"data-audience>([\d,]+) 人", page)
    assert number
    assert f"{number[1]} 人に、今すぐ配信を始めます" in page


def test_a_segment_of_a_planned_campaign_stays(readers, gold):
    actor = make_user(readers.workspace)
    campaign = segment_campaign(readers, gold, state=CampaignState.SENDING)
    with pytest.raises(AudienceInUse, match="予約中または配信中の「"):
        delete_segment(gold, actor=actor)
    Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.DRAFT)
    delete_segment(gold, actor=actor)
    assert not campaign.audience_parts.exists()


def test_a_segment_that_a_draft_leaves_out_stays(editor, readers, gold):
    """Without it the draft would go to those who must not have it."""
    draft = make_campaign(readers, subject="夏のお知らせ")
    set_parts(draft, {Part.EXCLUDE_SEGMENT: [gold]})
    page = editor.post(reverse("segment_delete", args=[gold.pk]), follow=True).content.decode()
    assert "下書き「夏のお知らせ」で、送らない相手" in page
    assert draft.audience_parts.exists()

"""The check page: red stops the start, yellow asks for a tick, and what is being written is checked at once."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from campaigns import models
from campaigns.models import Campaign, CampaignState
from tests.factories import make_campaign, make_list, make_sender, make_subscriber, make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(workspace):
    mailing_list = make_list(workspace)
    make_subscriber(mailing_list)
    return make_campaign(mailing_list, text="http://shop.example/ をご覧ください。")


def page(client, campaign):
    return client.get(reverse("campaign_preview", args=[campaign.pk])).content.decode()


def send_now(client, campaign, *ticks):
    return client.post(reverse("campaign_send_now", args=[campaign.pk]), {"tick": ticks}, follow=True).content.decode()


def state_of(campaign):
    return Campaign.objects.get(pk=campaign.pk).state


def test_yellow_findings_ask_for_a_tick_each(editor, campaign):
    shown = page(editor, campaign)
    assert shown.count('name="tick"') == 2
    assert 'value="link_http"' in shown
    refused = send_now(editor, campaign, "test_mail")
    assert "確認が必要な項目が1件あります" in refused
    assert 'value="test_mail" form="send" required checked' in refused
    assert state_of(campaign) == CampaignState.DRAFT
    assert "配信を開始しました" in send_now(editor, campaign, "test_mail", "link_http")
    assert state_of(campaign) == CampaignState.SCHEDULED


def test_what_was_confirmed_is_kept_in_the_audit_log(editor, campaign):
    send_now(editor, campaign, "test_mail", "link_http")
    assert "http://" in AuditEntry.objects.get(action="campaign.schedule").detail["confirmed"]


def test_nothing_to_confirm_writes_nothing_of_it(editor, campaign):
    Campaign.objects.update(text="本文です。")
    models.TestMail.objects.create(campaign=campaign, address="a@example.jp", state=models.TestMailState.SENT)
    noon = (timezone.localtime() + timedelta(days=2)).replace(hour=12, minute=0).strftime("%Y-%m-%dT%H:%M")
    editor.post(reverse("campaign_schedule", args=[campaign.pk]), {"at": noon})
    assert "confirmed" not in AuditEntry.objects.get(action="campaign.schedule").detail


def test_red_findings_leave_no_button_and_no_way_around(editor, campaign):
    Campaign.objects.update(html='<a href="#">開く</a>')
    shown = page(editor, campaign)
    assert 'data-level="red"' in shown
    assert reverse("campaign_send_now", args=[campaign.pk]) not in shown
    assert 'name="tick"' not in shown
    assert "リンク先のないリンク" in send_now(editor, campaign, "test_mail", "link_http")
    assert state_of(campaign) == CampaignState.DRAFT


def test_the_hour_of_a_schedule_is_asked_for_with_what_was_typed_kept(editor, campaign):
    night = (timezone.localtime() + timedelta(days=2)).replace(hour=23, minute=0).strftime("%Y-%m-%dT%H:%M")
    url = reverse("campaign_schedule", args=[campaign.pk])
    ticks = ["test_mail", "link_http"]
    refused = editor.post(url, {"at": night, "tick": ticks}).content.decode()
    assert "夜間・早朝" in refused
    assert night in refused
    assert refused.count("checked") >= 2
    editor.post(url, {"at": night, "tick": [*ticks, "hour_night"]})
    assert state_of(campaign) == CampaignState.SCHEDULED


def test_the_note_beside_the_time_asks_for_the_tick(editor, campaign):
    night = (timezone.localtime() + timedelta(days=2)).replace(hour=23, minute=0).strftime("%Y-%m-%dT%H:%M")
    note = editor.get(reverse("campaign_schedule_note", args=[campaign.pk]), {"at": night}).content.decode()
    assert 'value="hour_night" form="send"' in note


def test_viewers_see_the_findings_and_no_ticks(client_for, campaign):
    shown = page(client_for(make_user(campaign.workspace, role="viewer")), campaign)
    assert 'data-finding="link_http"' in shown
    assert 'name="tick"' not in shown


def test_a_mailing_that_is_under_way_has_no_check(editor, campaign):
    Campaign.objects.update(state=CampaignState.SENDING, started_at=timezone.now())
    assert 'id="preflight"' not in page(editor, campaign)


class TestWhileWriting:
    def test_what_is_typed_is_checked_and_not_stored(self, editor, campaign):
        answer = editor.post(
            reverse("campaign_check", args=[campaign.pk]), {"subject": "", "text": "{{no}}", "html": "<a href=''>x</a>"}
        ).content.decode()
        for code in ("subject_empty", "tag_unknown", "link_empty"):
            assert f'data-finding="{code}"' in answer
        assert 'name="tick"' not in answer
        assert Campaign.objects.get().subject == campaign.subject

    def test_a_new_one_too(self, editor):
        answer = editor.post(reverse("campaign_check_new"), {"subject": "①"}).content.decode()
        assert 'data-finding="subject_odd_letters"' in answer
        assert not Campaign.objects.exists()

    @pytest.mark.parametrize("chosen", ["", "x", "999999999999999999999", "²"])
    def test_a_sender_that_is_none_breaks_nothing(self, editor, campaign, chosen):
        url = reverse("campaign_check", args=[campaign.pk])
        assert editor.post(url, {"subject": "件名", "sender": chosen}).status_code == 200

    def test_another_workspaces_sender_is_not_used(self, editor, campaign):
        foreign = make_sender(make_workspace(), legal_name="ひみつ商事")
        answer = editor.post(reverse("campaign_check", args=[campaign.pk]), {"sender": foreign.pk})
        assert "ひみつ" not in answer.content.decode()

    def test_nobody_elses_draft(self, client_for, campaign):
        stranger = client_for(make_user(make_workspace()))
        assert stranger.post(reverse("campaign_check", args=[campaign.pk])).status_code == 404


def test_page_asks_a_bounded_number_of_queries(editor, campaign, django_assert_max_num_queries):
    with django_assert_max_num_queries(62):
        page(editor, campaign)

"""The settings of 計測, and the choice of a mailing."""

import pytest
from django.urls import reverse

from accounts.models import AuditEntry, Role
from campaigns.models import Campaign
from tests.factories import make_campaign, make_list, make_sender, make_user
from tracking.links import rules_of
from tracking.models import TrackingRules

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(workspace, client_for):
    return client_for(make_user(workspace, Role.ADMIN))


def test_shows_what_is_measured_and_explains_it(admin):
    page = admin.get(reverse("tracking_settings")).content.decode()
    assert page.count("checked") == 2
    assert "IPアドレス、端末、ブラウザーの種類を保存せず" in page
    assert "すでに送ったメール(配信中のものを含む)の計測は、ここで無効にしても続きます" in page
    assert "365 日" in page


def test_saves_and_notes_who_did(admin, workspace):
    answer = admin.post(reverse("tracking_settings"), {"clicks": "on"}, follow=True)
    assert "計測の設定を保存しました" in answer.content.decode()
    rules = rules_of(workspace)
    assert (rules.opens, rules.clicks, rules.texts) == (False, True, False)
    entry = AuditEntry.objects.get(action="workspace.tracking")
    assert entry.detail == {"opens": False}
    answer = admin.post(reverse("tracking_settings"), {"clicks": "on"}, follow=True)
    assert "変更はありません" in answer.content.decode()
    assert AuditEntry.objects.filter(action="workspace.tracking").count() == 1


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_is_for_administrators(role, workspace, client_for):
    client = client_for(make_user(workspace, role))
    assert client.post(reverse("tracking_settings"), {}).status_code == 403
    assert not TrackingRules.objects.exists()


@pytest.mark.parametrize(("posted", "wants"), [({"wants_tracking": "on"}, True), ({}, False)])
def test_a_mailing_may_stay_unmeasured(editor, workspace, posted, wants):
    mailing_list = make_list(workspace)
    campaign = make_campaign(mailing_list, sender=make_sender(workspace), wants_tracking=not wants)
    url = reverse("campaign_edit", args=[campaign.pk])
    assert "開封とクリックを計測する" in editor.get(url).content.decode()
    form = {
        "subject": "件名",
        "text": "本文",
        "sender": campaign.sender_id,
        "mailing_lists": mailing_list.pk,
        "doubt_policy": "hold",
        "revision": campaign.revision,
    }
    assert editor.post(url, form | posted).status_code == 302
    campaign.refresh_from_db()
    assert campaign.wants_tracking == wants
    editor.post(reverse("campaign_copy", args=[campaign.pk]))
    assert Campaign.objects.latest("pk").wants_tracking == wants


def test_the_form_says_where_nothing_is_measured(editor, workspace):
    TrackingRules.objects.create(workspace=workspace, opens=False, clicks=False)
    campaign = make_campaign(make_list(workspace))
    page = editor.get(reverse("campaign_edit", args=[campaign.pk])).content.decode()
    assert "選んでも計測しません" in page

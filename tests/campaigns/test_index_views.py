"""The list of campaigns: search by subject, label, state and period, in as many queries however many there are."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.models import Campaign, CampaignState, Comment, Label
from tests.factories import make_campaign, make_list, make_sender, make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return make_workspace()


@pytest.fixture
def client(workspace):
    client = Client()
    client.force_login(make_user(workspace))
    return client


def at(*parts):
    return datetime(*parts).replace(tzinfo=ZoneInfo("Asia/Tokyo"))  # noqa: DTZ001


def subjects(client, **asked):
    page = client.get(reverse("campaign_index"), asked)
    assert page.status_code == 200
    return [campaign.subject for campaign, _note in page.context["rows"]]


def test_each_field_keeps_what_fits_it_and_the_states_are_counted_of_that(client, workspace):
    mailing_list = make_list(workspace)
    label = Label.objects.create(workspace=workspace, name="セール", tone="bad")
    make_campaign(mailing_list, subject="秋のセール", state=CampaignState.DONE, started_at=at(2026, 10, 31, 23, 59))
    booked = make_campaign(
        mailing_list, subject="冬のセール", state=CampaignState.SCHEDULED, scheduled_at=at(2026, 12, 1)
    )
    make_campaign(mailing_list, subject="下書きのセール")
    make_campaign(mailing_list, subject="お知らせ")
    booked.labels.add(label)
    assert subjects(client, q="セール") == ["下書きのセール", "冬のセール", "秋のセール"]
    assert subjects(client, q="セール", state="draft") == ["下書きのセール"]
    assert subjects(client, label=label.pk) == ["冬のセール"]
    assert subjects(client, begin="2026-11-01") == ["冬のセール"]
    assert subjects(client, end="2026-10-31") == ["秋のセール"]
    assert subjects(client, begin="2026-10-31", end="2026-12-01") == ["冬のセール", "秋のセール"]
    page = client.get(reverse("campaign_index"), {"q": "セール", "end": "2026-12-01"})
    assert [number for _value, _label, number in page.context["filters"]] == [1, 1]
    # The chips keep the search.
    assert "q=%E3%82%BB%E3%83%BC%E3%83%AB&amp;end=2026-12-01&amp;state=done" in page.content.decode()


@pytest.mark.parametrize(
    "asked", [{"begin": "昨日"}, {"label": "999"}, {"label": "x"}, {"q": "\0"}, {"page": "x"}, {"state": "'"}]
)
def test_what_cannot_be_read_is_told_or_left_out(asked, client, workspace):
    make_campaign(make_list(workspace))
    assert subjects(client, **asked) == ["秋のお知らせ"]


def test_another_workspaces_label_is_none(client, workspace):
    make_campaign(make_list(workspace))
    foreign = Label.objects.create(workspace=make_workspace(), name="よその札")
    page = client.get(reverse("campaign_index"), {"label": foreign.pk}).content.decode()
    assert "よその札" not in page


def test_five_thousand_campaigns_need_no_more_queries(client, workspace):
    sender, mailing_list = make_sender(workspace), make_list(workspace)
    label = Label.objects.create(workspace=workspace, name="便り")

    def ask():
        with CaptureQueriesContext(connection) as queries:
            subjects(client, q="便り", begin="2026-01-01", label=label.pk)
        return len(queries)

    def fill(number):
        rows = [
            Campaign(
                workspace=workspace, sender=sender, subject=f"便り{n}", state="done", started_at=at(2026, 11, 1, 9)
            )
            for n in range(number)
        ]
        made = Campaign.objects.bulk_create(rows)
        label.campaigns.add(*made)
        for campaign in made[:60]:
            campaign.mailing_lists.add(mailing_list)

    fill(2)
    few = ask()
    fill(5000)
    assert ask() == few <= 20


# ── labels and comments ───────────────────────────────────────────────────────────────────────────────────────────


def test_labels_are_made_set_renamed_and_deleted(client, workspace):
    campaign = make_campaign(make_list(workspace), state=CampaignState.DONE)
    client.post(reverse("label_index"), {"name": "<b>重要</b>", "tone": "bad"})
    label = Label.objects.get()
    assert "すでにあります" in client.post(reverse("label_index"), {"name": label.name, "tone": "ok"}).content.decode()
    client.post(reverse("campaign_labels", args=[campaign.pk]), {"labels": [label.pk]})
    assert "&lt;b&gt;重要&lt;/b&gt;" in client.get(reverse("campaign_index")).content.decode()
    client.post(reverse("campaign_copy", args=[campaign.pk]))
    assert label.campaigns.count() == 2
    client.post(reverse("label_edit", args=[label.pk]), {"name": "大切", "tone": "info"})
    label.refresh_from_db()
    assert (label.name, label.tone) == ("大切", "info")
    foreign = Label.objects.create(workspace=make_workspace(), name="よその札")
    client.post(reverse("campaign_labels", args=[campaign.pk]), {"labels": [foreign.pk]})
    assert list(campaign.labels.all()) == [label]
    client.post(reverse("label_delete", args=[label.pk]))
    assert Campaign.objects.count() == 2
    assert not campaign.labels.exists()


def test_comments_are_shown_and_resolved_once(client, workspace):
    campaign = make_campaign(make_list(workspace))
    page = reverse("campaign_preview", args=[campaign.pk])
    client.post(reverse("comment_create", args=[campaign.pk]), {"comment": "<script>日付は?</script>"})
    comment = Comment.objects.get()
    assert "&lt;script&gt;日付は?" in client.get(page).content.decode()
    for _click in range(2):
        assert client.post(reverse("comment_resolve", args=[comment.pk])).url == page
    first = Comment.objects.get()
    assert first.resolved_by is not None
    assert "解決済み(" in client.get(page).content.decode()
    refused = client.post(reverse("comment_create", args=[campaign.pk]), {"comment": " "}, follow=True)
    assert "コメントを入力してください。" in refused.content.decode()
    assert Comment.objects.count() == 1

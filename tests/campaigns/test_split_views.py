"""The pages of A/Bテスト: setting one up, looking at its variants, choosing the winner."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role
from campaigns import models, tally
from campaigns.freezing import freeze_recipients
from campaigns.models import UNDECIDED, Campaign, CampaignState, SplitTest, Variant
from tests.factories import make_campaign, make_list, make_subscriber, make_user
from tests.tracking.conftest import HTML

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign():
    mailing_list = make_list()
    for _person in range(6):
        make_subscriber(mailing_list)
    return make_campaign(mailing_list, html=HTML, text="本文A")


@pytest.fixture
def editor(campaign):
    client = Client()
    client.force_login(make_user(campaign.workspace, role=Role.EDITOR, name="作成 花子"))
    return client


def typed(**changes):
    """Return what a browser sends of the form."""
    empty = {f"v{number}-{name}": "" for number in (2, 3, 4) for name in ("subject", "preheader")}
    bodies = {f"v{number}-body": "same" for number in (1, 2, 3, 4)}
    own = {"share": "30", "rule": "clicks", "hours": "6", "v1-subject": "別の件名", "v1-preheader": "前置き"}
    return empty | bodies | own | changes


def test_a_test_is_set_up_shown_and_taken_away(editor, campaign):
    url = reverse("campaign_split", args=[campaign.pk])
    assert "A/Bテストを設定" in editor.get(reverse("campaign_preview", args=[campaign.pk])).content.decode()
    assert editor.get(url).status_code == 200
    other = make_campaign(campaign.mailing_lists.get(), subject="もう一つの下書き", text="本文B")
    assert editor.post(url, typed(**{"v1-body": str(other.pk)})).status_code == 302
    test, variant = SplitTest.objects.get(campaign=campaign), Variant.objects.get()
    assert (test.share, test.rule, test.hours) == (30, "clicks", 6)
    assert (variant.number, variant.subject, variant.text, variant.source) == (1, "別の件名", "本文B", other)
    # A copy: what is written of the draft later does not count until it is taken again.
    Campaign.objects.filter(pk=other.pk).update(text="本文C")
    assert editor.post(url, typed(**{"v1-body": "kept"})).status_code == 302
    assert Variant.objects.get().text == "本文B"
    page = editor.get(reverse("campaign_preview", args=[campaign.pk]) + "?variant=1").content.decode()
    assert "別の件名" in page
    assert "本文B" in page
    frame = editor.get(reverse("campaign_preview_frame", args=[campaign.pk]) + "?variant=1&view=text").content.decode()
    assert "本文B" in frame
    editor.post(reverse("campaign_split_remove", args=[campaign.pk]))
    assert not SplitTest.objects.exists()
    assert not Variant.objects.exists()


def test_a_second_tab_is_told_before_it_overwrites(editor, campaign):
    url = reverse("campaign_split", args=[campaign.pk])
    shown = Campaign.objects.get(pk=campaign.pk).revision
    assert editor.post(url, typed(revision=shown)).status_code == 302
    late = editor.post(url, typed(**{"revision": shown, "v1-subject": "遅れた件名"})).content.decode()
    assert "別の画面で先に保存されました" in late
    assert Variant.objects.get().subject == "別の件名"
    assert f'name="revision" value="{shown + 1}"' in late
    assert editor.post(url, typed(**{"revision": shown + 1, "v1-subject": "遅れた件名"})).status_code == 302
    assert Variant.objects.get().subject == "遅れた件名"


@pytest.mark.parametrize("control", ["\t", "\x0b", "\x1f", "\x7f", "\x85", "\u2028"])
def test_what_can_stand_in_no_header_becomes_a_space(editor, campaign, control):
    """A cell of a spreadsheet ends with a tab: nobody with such a subject could be written to."""
    url = reverse("campaign_split", args=[campaign.pk])
    given = {"v1-subject": f"秋{control}のセール{control}", "v1-preheader": f"今{control}だけ"}
    assert editor.post(url, typed(**given)).status_code == 302
    variant = Variant.objects.get()
    assert (variant.subject, variant.preheader) == ("秋 のセール", "今 だけ")


def test_variants_that_are_alike_are_told(editor, campaign):
    url = reverse("campaign_split", args=[campaign.pk])
    like_a = {"v1-subject": campaign.subject, "v1-preheader": campaign.preheader}
    assert "A案と件名・プリヘッダー・本文が同じ" in editor.post(url, typed(**like_a)).content.decode()
    like_b = {"v2-subject": "別の件名", "v2-preheader": "前置き"}
    assert "B案と件名・プリヘッダー・本文が同じ" in editor.post(url, typed(**like_b)).content.decode()
    assert not Variant.objects.exists()
    # Another body alone is something to compare.
    other = make_campaign(campaign.mailing_lists.get(), subject="もう一つ", text="本文B")
    assert editor.post(url, typed(**like_a | {"v1-body": str(other.pk)})).status_code == 302


def test_a_test_needs_a_second_variant_and_possible_numbers(editor, campaign):
    url = reverse("campaign_split", args=[campaign.pk])
    assert "比べる案がありません" in editor.post(url, typed(**{"v1-subject": ""})).content.decode()
    assert editor.post(url, typed(share="5")).status_code == 200
    # What is not measured decides nothing.
    Campaign.objects.filter(pk=campaign.pk).update(wants_tracking=False)
    assert editor.post(url, typed()).status_code == 200
    assert not SplitTest.objects.exists()


def test_a_test_mail_is_of_the_variant_that_is_shown(editor, campaign):
    editor.post(reverse("campaign_split", args=[campaign.pk]), typed())
    editor.post(reverse("campaign_test", args=[campaign.pk]), {"address": "me@example.jp", "variant": "1"})
    assert models.TestMail.objects.get().variant == 1


def test_the_winner_is_chosen_on_the_page_of_the_mailing(editor, campaign):
    editor.post(reverse("campaign_split", args=[campaign.pk]), typed(rule="hand"))
    Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.STARTING, started_at=timezone.now())
    freeze_recipients(campaign.pk, now=timezone.now())
    tally.refresh(Campaign.objects.get(pk=campaign.pk), now=timezone.now() + timedelta(seconds=1))
    url = reverse("campaign_detail", args=[campaign.pk])
    page = editor.get(url).content.decode()
    assert "これを残りに送る" in page
    assert "判定待ち" in page
    assert editor.post(url + "split/decide/", {"variant": "9"}).status_code == 302
    assert SplitTest.objects.get().winner is None
    editor.post(url + "split/decide/", {"variant": "1"})
    page = editor.get(url).content.decode()
    assert "B案が勝者になりました" in page
    assert "作成 花子" in page
    assert "これを残りに送る" not in page
    rows = editor.get(reverse("campaign_report_csv", args=[campaign.pk])).getvalue().decode()
    assert "A/Bテスト,勝者,B" in rows
    # Nothing of it can be changed any more.
    assert editor.get(reverse("campaign_split", args=[campaign.pk])).status_code == 302


def test_the_recipients_are_shown_with_their_variant(editor, campaign):
    url = reverse("campaign_deliveries", args=[campaign.pk])
    editor.post(reverse("campaign_split", args=[campaign.pk]), typed(rule="hand"))
    Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.STARTING, started_at=timezone.now())
    freeze_recipients(campaign.pk, now=timezone.now())
    pks = list(campaign.deliveries.values_list("pk", flat=True)[:2])
    campaign.deliveries.filter(pk=pks[0]).update(variant=1)
    campaign.deliveries.exclude(pk=pks[0]).update(variant=UNDECIDED)
    page = editor.get(url).content.decode()
    assert 'data-label="案">B</td>' in page
    assert 'data-label="案">判定待ち</td>' in page
    SplitTest.objects.all().delete()
    assert '<th scope="col">案</th>' not in editor.get(url).content.decode()


def test_a_viewer_neither_sets_up_nor_chooses(campaign):
    client = Client()
    client.force_login(make_user(campaign.workspace, role=Role.VIEWER))
    for name in ("campaign_split", "campaign_split_remove", "campaign_split_decide"):
        assert client.post(reverse(name, args=[campaign.pk]), typed()).status_code == 403

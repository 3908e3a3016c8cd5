"""Writing, previewing and testing a draft."""

import gzip
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.urls import reverse

from accounts.models import Role
from campaigns import models
from campaigns.models import Campaign, CampaignState
from tests.factories import make_campaign, make_list, make_sender, make_subscriber, make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailing_list():
    mailing_list = make_list()
    make_subscriber(mailing_list, "hanako@example.jp", name="花子")
    return mailing_list


@pytest.fixture
def sender(mailing_list):
    return make_sender(mailing_list.workspace)


@pytest.fixture
def editor(mailing_list, client_for):
    return client_for(make_user(mailing_list.workspace, Role.EDITOR, email="me@example.com"))


def form(sender, mailing_list, **fields):
    return {
        "subject": "秋のお知らせ",
        "sender": sender.pk,
        "mailing_lists": [mailing_list.pk],
        "text": "{{name|お客様}}\nこんにちは",
        "html": "<p>{{name|お客様}}</p>",
        "doubt_policy": "hold",
        "revision": 1,
    } | fields


def text_of(response):
    return response.content.decode()


def test_a_draft_is_written_and_leads_to_its_check_page(editor, sender, mailing_list):
    response = editor.post(reverse("campaign_create"), form(sender, mailing_list))
    campaign = Campaign.objects.get()
    assert response.url == reverse("campaign_preview", args=[campaign.pk])
    assert campaign.workspace == mailing_list.workspace
    assert list(campaign.mailing_lists.all()) == [mailing_list]


def test_each_list_says_how_many_people_it_reaches(editor, sender, mailing_list):
    make_subscriber(mailing_list, status="stopped")
    page = text_of(editor.get(reverse("campaign_create")))
    assert f"{mailing_list.name}(1人)" in page


def test_what_is_not_finished_can_be_kept(editor, sender, mailing_list):
    """Who leaves at six in the evening has chosen nobody yet; the check page says what is missing."""
    given = form(sender, mailing_list, subject="", mailing_lists=[], stay="1") | {"sender": ""}
    assert editor.post(reverse("campaign_create"), given).status_code == 302
    campaign = Campaign.objects.get()
    assert campaign.text == given["text"]
    url = reverse("campaign_edit", args=[campaign.pk])
    editor.post(url, form(sender, mailing_list, stay="1"))
    assert list(campaign.mailing_lists.all()) == [mailing_list]
    assert editor.post(url, form(sender, mailing_list, mailing_lists=[], revision=2, stay="1")).url == url
    assert not campaign.mailing_lists.exists()
    # What can never be sent so is told at once.
    assert "{{nmae}}" in text_of(editor.post(url, form(sender, mailing_list, subject="{{nmae}}", revision=3, stay="1")))


def test_without_list_or_sender_the_page_says_what_comes_first(client_for):
    workspace = make_workspace()
    client = client_for(make_user(workspace))
    assert reverse("list_create") in text_of(client.get(reverse("campaign_create")))
    make_list(workspace)
    assert reverse("sender_create") in text_of(client.get(reverse("campaign_create")))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"subject": "件名\r\nBcc: victim@example.com"}, "改行や制御文字は使えません"),
        ({"subject": "a\u202egro.example"}, "改行や制御文字は使えません"),
        ({"subject": "{{nmae}}様"}, "{{nmae}}"),
        ({"text": "{{会員番号}}"}, "{{会員番号}}"),
        ({"html": "<p>{{x}}</p>"}, "{{x}}"),
        ({"subject": ""}, "必須"),
        ({"mailing_lists": []}, "必須"),
    ],
)
def test_bad_input_is_explained_and_nothing_is_stored(editor, sender, mailing_list, fields, sentence):
    response = editor.post(reverse("campaign_create"), form(sender, mailing_list, **fields))
    assert sentence in text_of(response)
    assert "こんにちは" in text_of(response) or "text" in fields
    assert not Campaign.objects.exists()


def test_lists_and_senders_of_another_workspace_are_refused(editor, sender, mailing_list):
    fields = form(make_sender(), make_list())
    assert editor.post(reverse("campaign_create"), fields).status_code == 200
    assert not Campaign.objects.exists()


def test_a_draft_changed_in_another_tab_is_not_overwritten(editor, sender, mailing_list):
    campaign = make_campaign(mailing_list, sender=sender)
    url = reverse("campaign_edit", args=[campaign.pk])
    editor.post(url, form(sender, mailing_list, subject="一人目", stay=""))
    page = text_of(editor.post(url, form(sender, mailing_list, subject="二人目")))
    assert "別の画面で変更されました" in page
    assert "二人目" in page
    campaign.refresh_from_db()
    assert (campaign.subject, campaign.revision) == ("一人目", 2)


def test_a_scheduled_campaign_is_not_edited(editor, sender, mailing_list):
    campaign = make_campaign(mailing_list, sender=sender, state=CampaignState.SENDING)
    response = editor.post(reverse("campaign_edit", args=[campaign.pk]), form(sender, mailing_list, subject="変更"))
    assert response.url == reverse("campaign_detail", args=[campaign.pk])
    campaign.refresh_from_db()
    assert campaign.subject == "秋のお知らせ"


def test_copy_makes_a_draft_with_the_same_audience(editor, sender, mailing_list):
    campaign = make_campaign(mailing_list, sender=sender, state=CampaignState.DONE)
    editor.post(reverse("campaign_copy", args=[campaign.pk]))
    copy = Campaign.objects.exclude(pk=campaign.pk).get()
    assert (copy.state, copy.subject) == (CampaignState.DRAFT, campaign.subject)
    assert list(copy.mailing_lists.all()) == [mailing_list]


def test_only_drafts_are_deleted(editor, mailing_list):
    draft = make_campaign(mailing_list)
    sent = make_campaign(mailing_list, state=CampaignState.DONE)
    editor.post(reverse("campaign_delete", args=[draft.pk]))
    page = text_of(editor.post(reverse("campaign_delete", args=[sent.pk]), follow=True))
    assert "削除できません" in page
    assert list(Campaign.objects.all()) == [sent]


def test_preview_shows_the_mail_of_a_real_subscriber(editor, mailing_list):
    other = make_subscriber(mailing_list, "taro@example.jp", name="太郎")
    campaign = make_campaign(mailing_list, subject="{{name}}様へ", html="<p>{{name}}</p>")
    url = reverse("campaign_preview", args=[campaign.pk])
    assert "花子様へ" in text_of(editor.get(url))
    assert "太郎様へ" in text_of(editor.get(url, {"subscriber": other.pk}))
    assert "太郎様へ" in text_of(editor.get(url, {"q": "TARO"}))
    assert "配信先のリストにありません" in text_of(editor.get(url, {"q": "zzz"}))


def test_preview_of_somebody_elses_subscriber_is_not_found(editor, mailing_list):
    campaign = make_campaign(mailing_list)
    stranger = make_subscriber(make_list())
    url = reverse("campaign_preview", args=[campaign.pk])
    assert editor.get(url, {"subscriber": stranger.pk}).status_code == 404


def test_preview_names_what_keeps_it_from_being_sent(editor, mailing_list):
    campaign = make_campaign(make_list(mailing_list.workspace))
    assert "配信できる宛先がありません" in text_of(editor.get(reverse("campaign_preview", args=[campaign.pk])))


def test_the_frame_runs_under_a_policy_that_allows_no_script(editor, mailing_list):
    campaign = make_campaign(mailing_list, html="<script>alert(1)</script><p>{{name}}</p>")
    response = editor.get(reverse("campaign_preview_frame", args=[campaign.pk]))
    assert "花子" in text_of(response)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy


def test_a_test_mail_is_queued_once_per_click_and_shown(editor, mailing_list):
    campaign = make_campaign(mailing_list)
    person = mailing_list.subscriptions.get().subscriber
    page = editor.post(
        reverse("campaign_test", args=[campaign.pk]),
        {"address": "me@example.com", "subscriber": person.pk},
        follow=True,
    )
    assert "テストメールを送ります" in text_of(page)
    test_mail = models.TestMail.objects.get()
    assert (test_mail.address, test_mail.subscriber) == ("me@example.com", person)
    assert "me@example.com" in text_of(editor.get(reverse("campaign_test_results", args=[campaign.pk])))


def test_a_test_mail_to_a_broken_address_is_refused(editor, mailing_list):
    campaign = make_campaign(mailing_list)
    page = editor.post(reverse("campaign_test", args=[campaign.pk]), {"address": "壊れた"}, follow=True)
    assert not models.TestMail.objects.exists()
    assert "field-errors" in text_of(page)
    assert 'value="壊れた"' in text_of(page)


def test_a_test_mail_without_a_sender_is_refused(editor, mailing_list):
    campaign = make_campaign(mailing_list)
    Campaign.objects.update(sender=None)
    page = editor.post(reverse("campaign_test", args=[campaign.pk]), {"address": "me@example.com"}, follow=True)
    assert "送信元が選ばれていません" in text_of(page)


@pytest.mark.parametrize("name", ["campaign_create", "campaign_edit"])
def test_a_viewer_writes_nothing(client_for, mailing_list, name):
    campaign = make_campaign(mailing_list)
    viewer = client_for(make_user(mailing_list.workspace, Role.VIEWER))
    assert viewer.get(reverse(name, args=[campaign.pk] if name == "campaign_edit" else [])).status_code == 403
    assert viewer.get(reverse("campaign_preview", args=[campaign.pk])).status_code == 200


def blocks(**data):
    return {"kind": "blocks", "block": ['{"id":"aaaa","kind":"heading","data":{"text":"秋"}}']} | data


def test_blocks_are_built_without_scripts(editor, sender, mailing_list):
    """The buttons send the whole form; it comes back changed with what was typed, and nothing is stored."""
    campaign = make_campaign(mailing_list, sender=sender)
    url = reverse("campaign_edit", args=[campaign.pk])
    answer = editor.post(url, form(sender, mailing_list, subject="途中", **blocks(do="add:aaaa:button")))
    page = text_of(answer)
    opened = answer.context["edited"].open
    assert [row.block.kind for row in answer.context["rows"]] == ["heading", "button"]
    assert 'name="b-label"' in page
    assert 'value="途中"' in page
    campaign.refresh_from_db()
    assert campaign.subject == "秋のお知らせ"
    posted = [row.json for row in answer.context["rows"]]
    fields = {"b-label": "予約する", "b-href": "悪い", "b-tone": "accent", "b-align": "left"}
    data = form(sender, mailing_list, kind="blocks", block=posted, open=opened)
    assert "リンク先は" in text_of(editor.post(url, data | fields))
    answer = editor.post(url, data | fields | {"b-href": "https://tabi.example/"})
    assert answer.url == reverse("campaign_preview", args=[campaign.pk])
    campaign.refresh_from_db()
    assert "予約する" in campaign.html
    assert "https://tabi.example/" in campaign.text


def test_the_buttons_of_the_blocks_answer_with_the_list_alone(editor):
    url = reverse("campaign_blocks")
    assert "2カラム" in text_of(editor.post(url, blocks(do="add::columns")))
    assert editor.post(url, {"block": "{"}).status_code == 422


def test_the_page_stays_small_with_as_many_blocks_as_there_may_be(editor, sender, mailing_list):
    campaign = make_campaign(mailing_list, sender=sender)
    text = "<p>紅葉が見ごろを迎えました。週末のご予約は<strong>お早めに</strong>どうぞ。お待ちしております。</p>"
    kinds = {
        "heading": {"text": "今週のおすすめの宿"},
        "text": {"html": text},
        "picture": {"src": "https://tabi.example/photos/momiji.jpg", "alt": "紅葉", "href": "https://tabi.example/aki"},
        "button": {"label": "空室を見る", "href": "https://tabi.example/aki?from=mail"},
        "divider": {},
    }
    stored = [
        {"id": f"block{turn:02}{number}", "kind": kind, "data": data}
        for turn in range(12)
        for number, (kind, data) in enumerate(kinds.items())
    ]
    models.Draft.objects.create(campaign=campaign, kind="blocks", blocks={"v": 1, "blocks": stored})
    page = editor.get(reverse("campaign_edit", args=[campaign.pk])).content
    assert page.count(b"data-block=") == 60
    assert len(page) < 100_000


def test_the_scripts_stay_small():
    names = [
        "hypermail/hypermail.js",
        "hypermail/editor.js",
        "hypermail/pictures.js",
        "hypermail/rich_text.js",
        "django_prose_editor/editor.js",
    ]
    files = [Path(finders.find(name)) for name in [*names, "django_htmx/htmx-2.min.js"]]
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < 250_000


@pytest.mark.parametrize(
    ("view", "shown", "policy"),
    [
        ("wide", "@media (max-width:1px)", "img-src data: https: http:"),
        ("dark", "@media (min-width:1px)", "img-src data: https: http:"),
        ("plain", "太字", "img-src 'none'"),
        ("text", "<pre", "img-src data:"),
    ],
)
def test_a_draft_is_seen_in_several_ways(editor, mailing_list, view, shown, policy):
    html = "<style>@media (prefers-color-scheme:dark){p{color:#fff}}</style><p><b>太字</b></p>"
    campaign = make_campaign(mailing_list, html=html)
    answer = editor.get(reverse("campaign_preview_frame", args=[campaign.pk]), {"view": view})
    assert shown in text_of(answer)
    assert policy in answer.headers["Content-Security-Policy"]
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_inboxes_show_subject_and_preheader_with_the_values_of_a_person(editor, mailing_list):
    campaign = make_campaign(mailing_list, subject="{{name}}様へ", preheader="{{name}}様の秋", html="<p>秋</p>")
    url = reverse("campaign_inbox", args=[campaign.pk])
    page = text_of(editor.get(url, {"q": "hana"}))
    assert "花子様へ" in page
    assert "花子様の秋" in page
    assert "配信先のリストにありません" in text_of(editor.get(url, {"q": "zzz"}))


def test_what_is_written_is_checked_as_it_will_be_sent(editor, sender, mailing_list):
    """F4: the footer with its items stands in both parts that are written from the blocks."""
    answer = editor.post(reverse("campaign_check_new"), form(sender, mailing_list, **blocks()))
    codes = [finding.code for finding in answer.context["report"].findings]
    assert "legal_added" in codes
    assert "text_missing" not in codes

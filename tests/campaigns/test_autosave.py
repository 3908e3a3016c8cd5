"""A draft is stored while it is written; whoever comes too late is told and loses nothing."""

import json
import re
import threading
import time as time_module
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import time
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, Membership, Role, User
from campaigns.closed_times import rules_for
from campaigns.draft_parts import content_of
from campaigns.drafts import MAX_VERSIONS, ONE_VERSION, Page, Saved, note_version, save
from campaigns.models import Campaign, CampaignState, Draft, DraftVersion, QuietMode
from designs.models import Picture
from designs.regions import HTML_MARK, numbers_in
from tests.factories import make_campaign, make_list, make_sender, make_subscriber, make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign():
    mailing_list = make_list()
    make_subscriber(mailing_list, name="花子")
    make_subscriber(mailing_list, name="")
    return make_campaign(mailing_list, sender=make_sender(mailing_list.workspace))


@pytest.fixture
def hanako(campaign, client_for):
    return client_for(make_user(campaign.workspace, Role.EDITOR, email="hanako@example.jp", name="花子"))


@pytest.fixture
def taro(campaign, client_for):
    return client_for(make_user(campaign.workspace, Role.EDITOR, email="taro@example.jp", name="太郎"))


def block(kind, block_id, **data):
    return json.dumps({"id": block_id, "kind": kind, "data": data})


def form(campaign, **fields):
    return {
        "subject": campaign.subject,
        "preheader": "紅葉が見ごろです",
        "kind": "blocks",
        "block": [block("heading", "aaaa", text="秋の{{name|お客様}}"), block("footer", "bbbb", text="旅のたより")],
        "sender": campaign.sender_id or "",
        "mailing_lists": [found.pk for found in campaign.mailing_lists.all()] if campaign.pk else [],
        "doubt_policy": "hold",
        "revision": campaign.revision,
    } | fields


def send(client, campaign, **fields):
    return client.post(reverse("campaign_autosave", args=[campaign.pk]), form(campaign, **fields))


def test_blocks_become_what_is_sent(hanako, campaign):
    answer = send(hanako, campaign).json()
    campaign.refresh_from_db()
    assert (answer["revision"], campaign.revision) == (2, 2)
    assert answer["problems"] == []
    assert "秋の{{name|お客様}}" in campaign.text
    assert "秋の{{name|お客様}}" in campaign.html
    assert "紅葉が見ごろです" in campaign.html
    assert answer["text"] == campaign.text
    assert campaign.draft.blocks["blocks"][0]["data"]["text"] == "秋の{{name|お客様}}"
    assert campaign.edited_by.name == "花子"


def test_the_picture_of_the_open_block_is_one_of_the_workspace(hanako, campaign):
    picture = Picture.objects.create(
        workspace=campaign.workspace,
        file="0" * 64 + ".png",
        digest="0" * 64,
        name="紅葉",
        uploaded_at=timezone.now(),
        **{"kind": "png", "width": 400, "height": 64, "bytes": 4},
    )
    blocks = [block("picture", "pppp", picture=None, alt="", href=""), block("footer", "bbbb", text="旅のたより")]
    told = send(
        hanako, campaign, block=blocks, open="pppp", **{"b-picture": str(picture.pk), "b-alt": "紅葉の山"}
    ).json()
    assert told["problems"] == []
    campaign.refresh_from_db()
    assert "0" * 64 in campaign.html


def test_what_a_header_cannot_have_is_stored_by_no_way(campaign):
    """A template, a file or another mailing may bring it along."""
    brought = replace(content_of(campaign), subject="秋\tの\u2028知らせ", preheader="今\x0bだけ")
    save(campaign, brought, revision=campaign.revision, actor=make_user(campaign.workspace), now=timezone.now())
    campaign.refresh_from_db()
    assert (campaign.subject, campaign.preheader) == ("秋 の 知らせ", "今 だけ")


def test_hours_that_are_half_typed_leave_what_was_chosen(hanako, campaign):
    """Else 配信禁止時間 would be off, without a word, from the moment that hours of one's own are chosen."""
    told = send(hanako, campaign, quiet_mode="own").json()["problems"]
    assert "どれかを指定する" in told[0]["sentence"]
    half = {"quiet_mode": "own", "quiet-begins": "21:00", "quiet-ends": ""}
    told = send(hanako, campaign, revision=2, **half).json()["problems"]
    assert told == [{"place": "ends", "sentence": "時間帯は、始まりと終わりの両方を入力してください。"}]
    campaign.refresh_from_db()
    assert campaign.quiet_mode == QuietMode.WORKSPACE
    assert send(hanako, campaign, revision=3, **half | {"quiet-ends": "8:00"}).json()["problems"] == []
    send(hanako, campaign, revision=4, **half)
    campaign.refresh_from_db()
    assert campaign.quiet_mode == QuietMode.OWN
    assert rules_for(campaign).ends == time(8)
    new = form(campaign, form_key=str(uuid4()), **half)
    hanako.post(reverse("campaign_autosave_new"), new)
    assert Campaign.objects.latest("pk").quiet_mode == QuietMode.WORKSPACE


def test_the_text_part_is_taken_over_by_hand_and_given_back(hanako, campaign):
    send(hanako, campaign, text_by_hand="on", text="自分で\r\n書いた")
    campaign.refresh_from_db()
    assert campaign.text == "自分で\n書いた"
    assert "<html" in campaign.html
    send(hanako, campaign, text="自分で\r\n書いた")
    campaign.refresh_from_db()
    assert "秋の" in campaign.text
    assert campaign.draft.text == "自分で\n書いた"


@pytest.mark.parametrize(
    ("fields", "html", "text"),
    [
        ({"kind": "text", "text": "文字だけ"}, "", "文字だけ"),
        ({"kind": "markdown", "source": "# 秋\n\n**紅葉**"}, "紅葉</strong>", "■ 秋"),
        (
            {"kind": "html", "html": "<style>p{color:#ff0000}</style><body><p>赤</p></body>"},
            'style="color: #ff0000;"',
            "赤",
        ),
        ({"kind": "html", "html": "<body><p>手で</p></body>", "text_by_hand": "on", "text": "別に"}, "紅葉が", "別に"),
    ],
)
def test_other_kinds_are_written_too(hanako, campaign, fields, html, text):
    assert send(hanako, campaign, **fields).json()["problems"] == []
    campaign.refresh_from_db()
    assert html in campaign.html
    assert text in campaign.text
    assert content_of(campaign).kind == fields["kind"]


def test_what_is_not_finished_is_stored_all_the_same(hanako, campaign):
    answer = send(
        hanako,
        campaign,
        subject="{{nmae}}さん",
        sender="",
        open="aaaa",
        **{"b-text": "見出し", "b-level": "9", "b-align": "left"},
    ).json()
    campaign.refresh_from_db()
    assert campaign.subject == "{{nmae}}さん"
    assert campaign.draft.blocks["blocks"][0]["data"]["text"] == "見出し"
    # What was stored before stays where nothing can be used.
    assert campaign.sender is not None
    assert [problem["place"] for problem in answer["problems"]] == ["aaaa-level", "subject"]


def test_a_mail_that_cannot_be_written_cannot_be_sent(hanako, campaign):
    answer = send(hanako, campaign, preheader="{{?1}}").json()
    campaign.refresh_from_db()
    assert "組み立てられません" in answer["problems"][-1]["sentence"]
    assert (campaign.text, campaign.html) == ("", "")
    assert campaign.draft.blocks


def test_a_new_mail_is_made_by_its_first_save(hanako, campaign):
    new = Campaign(workspace=campaign.workspace)
    answer = hanako.post(reverse("campaign_autosave_new"), form(new, subject="新しい")).json()
    made = Campaign.objects.get(subject="新しい")
    assert answer["urls"]["edit"] == reverse("campaign_edit", args=[made.pk])
    assert (made.state, made.created_by.name, made.sender) == (CampaignState.DRAFT, "花子", None)


def test_a_new_mail_is_made_once_though_its_first_answer_was_lost(hanako, taro, campaign):
    new = Campaign(workspace=campaign.workspace)
    page = hanako.get(reverse("campaign_create")).content.decode()
    [key] = re.findall('name="form_key" value="([^"]+)"', page)
    first = hanako.post(reverse("campaign_autosave_new"), form(new, subject="新しい", form_key=key)).json()
    again = hanako.post(reverse("campaign_autosave_new"), form(new, subject="続き", form_key=key)).json()
    assert (again["draft"], again["revision"]) == (first["draft"], 2)
    # A second click is told where the first one's draft is, and a key of somebody else's finds nothing.
    complete = form(new, subject="続き", form_key=key, revision=2)
    complete |= {"sender": campaign.sender_id, "mailing_lists": [campaign.mailing_lists.get().pk]}
    answer = hanako.post(reverse("campaign_create"), complete, follow=True)
    assert answer.redirect_chain[-1][0] == reverse("campaign_preview", args=[first["draft"]])
    # Only now the copy in the browser is dropped.
    assert 'data-stored-draft="new"' in answer.content.decode()
    assert taro.post(reverse("campaign_autosave_new"), form(new, form_key=key)).json()["draft"] != first["draft"]
    assert hanako.post(reverse("campaign_autosave_new"), form(new, form_key="x")).status_code == 200
    assert Campaign.objects.count() == 4


def test_two_drafts_are_not_begun_by_one_key(hanako, campaign):
    new = Campaign(workspace=campaign.workspace)
    key = uuid4()
    begun = hanako.post(reverse("campaign_autosave_new"), form(new, form_key=key)).json()
    made = Campaign.objects.get(pk=begun["draft"])
    with pytest.raises(IntegrityError), transaction.atomic():
        Campaign.objects.create(workspace=made.workspace, created_by=made.created_by, form_key=key)


def test_marks_of_regions_in_own_html_are_comments(hanako, campaign):
    send(hanako, campaign, kind="html", html="<p>a<!--?1-->b<!--/1-->c {{name|<!--?1-->}}</p>")
    campaign.refresh_from_db()
    assert numbers_in(campaign.html, HTML_MARK) == set()
    assert "<!-- ?1-->" in campaign.html
    assert "{{name|<!--?1-->}}" in campaign.html


def test_the_second_person_is_told_and_loses_nothing(hanako, taro, campaign):
    send(hanako, campaign, subject="花子の件名")
    answer = send(taro, campaign, subject="太郎の件名")
    assert answer.status_code == 409
    told = answer.json()
    assert (told["by"], told["revision"], told["fields"]) == ("花子", 2, ["件名"])
    assert "花子さん" in told["sentence"]
    kept = DraftVersion.objects.get(pk=told["version"])
    assert (kept.was_saved, kept.content["subject"], kept.saved_by.name) == (False, "太郎の件名", "太郎")
    campaign.refresh_from_db()
    assert (campaign.subject, campaign.edited_by.name) == ("花子の件名", "花子")


def test_the_second_person_overwrites_or_goes_on_apart(hanako, taro, campaign):
    send(hanako, campaign, subject="花子の件名")
    url = reverse("campaign_edit", args=[campaign.pk])
    page = taro.post(url, form(campaign, subject="太郎の件名")).content.decode()
    assert "花子さんの別の画面で変更されました" in page
    assert "太郎の件名" in page
    assert taro.post(url, form(campaign, subject="太郎の件名", fork="1")).status_code == 302
    apart = Campaign.objects.get(subject="太郎の件名")
    assert list(apart.mailing_lists.all()) == list(campaign.mailing_lists.all())
    assert apart.draft.blocks["blocks"]
    assert taro.post(url, form(campaign, subject="太郎が上書き", overwrite="2")).url == url
    campaign.refresh_from_db()
    assert campaign.subject == "太郎が上書き"
    assert "花子の件名" in [version.content["subject"] for version in campaign.versions.filter(was_saved=True)]


def test_what_is_scheduled_is_not_changed(hanako, campaign):
    Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.SCHEDULED, scheduled_at=timezone.now())
    answer = send(hanako, campaign, subject="変更")
    assert answer.status_code == 409
    assert "保存できません" in answer.json()["closed"]
    campaign.refresh_from_db()
    assert campaign.subject == "秋のお知らせ"
    assert campaign.versions.get().content["subject"] == "変更"
    hanako.post(reverse("campaign_edit", args=[campaign.pk]), form(campaign, subject="別に", fork="1"))
    assert Campaign.objects.get(subject="別に").is_editable()


def test_blocks_that_no_page_wrote_are_refused(hanako, campaign):
    answer = send(hanako, campaign, block=['{"id":"<>"}'])
    assert answer.status_code == 422
    assert not Draft.objects.exists()


def test_one_person_in_a_row_makes_one_version_and_only_the_newest_are_kept(hanako, campaign):
    for subject in ("一", "二", "三"):
        send(hanako, campaign, subject=subject)
        campaign.refresh_from_db()
    subjects = [version.content["subject"] for version in campaign.versions.order_by("pk")]
    assert subjects == ["秋のお知らせ", "三"]
    content, now = content_of(campaign), timezone.now()
    for number in range(1, MAX_VERSIONS + 3):
        at = now + number * ONE_VERSION
        note_version(campaign, content, number, actor=campaign.edited_by, now=at)
    assert campaign.versions.count() == MAX_VERSIONS


def test_a_version_comes_back_and_the_one_before_it_stays(hanako, campaign):
    send(hanako, campaign)
    campaign.refresh_from_db()
    send(hanako, campaign, kind="text", text="文字だけ")
    campaign.refresh_from_db()
    send(hanako, campaign, subject="もう一度", block=[block("heading", "aaaa", text="冬")])
    page = hanako.get(reverse("campaign_versions", args=[campaign.pk])).content.decode()
    assert "いまの内容" in page
    version = campaign.versions.filter(revision=2).get()
    url = reverse("campaign_version_restore", args=[campaign.pk, version.pk])
    late = hanako.post(url, {"revision": 2}, follow=True).content.decode()
    assert "別の人が保存しました" in late
    hanako.post(url, {"revision": 4})
    campaign.refresh_from_db()
    assert "秋の{{name|お客様}}" in campaign.html
    entry = AuditEntry.objects.get(action="draft.restore")
    assert (entry.target, entry.actor.name) == (str(campaign.pk), "花子")
    kept = [one.content for one in campaign.versions.filter(was_saved=True)]
    assert "もう一度" in [content["subject"] for content in kept]
    assert "文字だけ" in [content["text"] for content in kept]


def test_versions_are_those_of_the_workspace(campaign, hanako, client_for):
    send(hanako, campaign)
    version = campaign.versions.first()
    stranger = client_for(make_user(make_workspace()))
    viewer = client_for(make_user(campaign.workspace, Role.VIEWER))
    for name, args in (("campaign_version_restore", [campaign.pk, version.pk]), ("campaign_autosave", [campaign.pk])):
        assert stranger.post(reverse(name, args=args)).status_code == 404
        assert viewer.post(reverse(name, args=args)).status_code == 403


def test_a_copy_is_written_on_as_the_other_was(hanako, campaign):
    send(hanako, campaign)
    hanako.post(reverse("campaign_copy", args=[campaign.pk]))
    copy = Campaign.objects.exclude(pk=campaign.pk).get()
    assert content_of(copy) == content_of(Campaign.objects.get(pk=campaign.pk))


def test_the_picker_offers_formats_and_counts_who_lacks_a_value(hanako, campaign):
    page = hanako.get(reverse("campaign_tags")).content.decode()
    assert "年月日(2026年4月1日)" in page
    asked = {"tag": "name", "mailing_lists": [found.pk for found in campaign.mailing_lists.all()]}
    assert "値がない人: 1 人" in hanako.post(reverse("campaign_lacking"), asked).content.decode()
    asked["tag"] = "legal_name"
    assert "すべての人に値があります" in hanako.post(reverse("campaign_lacking"), asked).content.decode()
    assert "配信先を選ぶと" in hanako.post(reverse("campaign_lacking"), {"tag": "name"}).content.decode()


def test_a_page_that_got_no_answer_goes_on_from_its_own_save(campaign, hanako, taro):
    page = str(uuid4())
    begun = campaign.revision
    for turn, text in enumerate(("一", "二", "三")):
        # None of the answers arrives, so the page still names the revision that it began on.
        assert send(hanako, campaign, page=page, turn=turn, revision=begun, subject=text).status_code == 200
    # What was held up on its way comes too late, and is kept as a version.
    held = send(hanako, campaign, page=page, turn=1, revision=begun, subject="二")
    assert held.status_code == 409
    assert campaign.versions.get(pk=held.json()["version"]).content["subject"] == "二"
    campaign.refresh_from_db()
    assert (campaign.subject, campaign.revision) == ("三", begun + 3)
    # The page that goes on with its copy saves once; then the first page is too late, and the other way round.
    other = str(uuid4())
    assert send(hanako, campaign, page=other, page_before=page, revision=begun + 2, subject="四").status_code == 200
    late = send(hanako, campaign, page=page, revision=begun + 3, subject="五")
    assert late.status_code == 409
    assert late.json()["fields"] == ["件名"]
    # What somebody else saved in between is never passed over.
    campaign.refresh_from_db()
    assert send(taro, campaign, page=str(uuid4()), subject="太郎の便り").status_code == 200
    assert send(hanako, campaign, page=other, revision=begun + 3, subject="六").status_code == 409
    campaign.refresh_from_db()
    assert campaign.subject == "太郎の便り"


def test_nothing_of_one_workspace_is_stored_in_another(campaign, hanako):
    user = User.objects.get(email="hanako@example.jp")
    other = make_list().workspace
    Membership.objects.create(user=user, workspace=other, role=Role.EDITOR)
    make_sender(other)
    typed = form(campaign, page=str(uuid4()), workspace=campaign.workspace_id, subject="顧客Aの秘密")
    hanako.post(reverse("workspace_switch"), {"workspace": other.pk})
    for name in (("campaign_autosave", campaign.pk), ("campaign_autosave_new",)):
        answer = hanako.post(reverse(name[0], args=name[1:]), typed)
        assert answer.status_code == 409
        assert "ワークスペースが切り替えられた" in answer.json()["closed"]
    for name in (("campaign_edit", campaign.pk), ("campaign_create",)):
        page = hanako.post(reverse(name[0], args=name[1:]), typed | {"stay": ""})
        assert page.status_code == 409
        assert f"「{campaign.workspace.name}」に切り替える" in page.content.decode()
    assert not Campaign.objects.filter(subject="顧客Aの秘密").exists()
    hanako.post(reverse("workspace_switch"), {"workspace": campaign.workspace_id})
    assert send(hanako, campaign, workspace=campaign.workspace_id, subject="戻りました").status_code == 200


def test_a_fork_has_all_that_was_typed_and_is_made_once(campaign, hanako, taro):
    sender, mailing_list = make_sender(campaign.workspace), make_list(campaign.workspace)
    typed = form(campaign, page=str(uuid4()), sender=sender.pk, mailing_lists=[mailing_list.pk], subject="別に")
    send(taro, campaign, subject="太郎の便り")
    url = reverse("campaign_edit", args=[campaign.pk])
    first = hanako.post(url, typed | {"fork": "1"})
    assert hanako.post(url, typed | {"fork": "1"}).url == first.url
    copy = Campaign.objects.get(subject="別に")
    assert (copy.sender, list(copy.mailing_lists.all())) == (sender, [mailing_list])
    campaign.refresh_from_db()
    assert (campaign.subject, list(campaign.mailing_lists.all())) != ("別に", [mailing_list])


@pytest.mark.django_db(transaction=True)
def test_a_save_that_still_runs_is_ones_own(campaign, client_for):
    page = Page(uuid4(), 1)
    actor = make_user(campaign.workspace, Role.EDITOR)
    content, is_in, may_end = content_of(campaign), threading.Event(), threading.Event()

    def hold(_stored):
        is_in.set()
        assert may_end.wait(10)

    def store(subject, turn, store_rest=None):
        mine = Campaign.objects.get(pk=campaign.pk)
        try:
            return save(
                mine,
                replace(content, subject=subject),
                revision=campaign.revision,
                actor=actor,
                now=timezone.now(),
                page=replace(page, turn=turn),
                store_rest=store_rest,
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(store, "一", 1, hold)
        assert is_in.wait(10)
        second = pool.submit(store, "二", 2)
        # On SQLite the second one waits to begin at all.
        time_module.sleep(0.3)
        may_end.set()
        assert [type(found.result()) for found in (first, second)] == [Saved, Saved]
    campaign.refresh_from_db()
    assert campaign.subject == "二"


@pytest.mark.parametrize("key", ["", "x", "\0", "1" * 5000])
def test_a_page_without_a_key_of_ours_is_late_as_before(campaign, hanako, key):
    begun = campaign.revision
    assert send(hanako, campaign, page=key, revision=begun, subject="一").status_code == 200
    assert send(hanako, campaign, page=key, revision=begun, subject="二").status_code == 409


def test_what_is_typed_outlives_a_deleted_draft(campaign, hanako, taro):
    pk, page = campaign.pk, str(uuid4())
    taro.post(reverse("campaign_delete", args=[pk]))
    answer = send(hanako, campaign, page=page, subject="一時間の力作")
    assert answer.status_code == 409
    assert answer.json()["is_apart"]
    assert "新しい下書きとして保存できます" in answer.json()["closed"]
    typed = form(campaign, page=page, subject="一時間の力作", mailing_lists=[make_list(campaign.workspace).pk])
    url = reverse("campaign_edit", args=[pk])
    for _time in range(2):
        kept = hanako.post(url, typed | {"stay": ""}, follow=True)
        assert "新しい下書きになります" in kept.content.decode()
    again = Campaign.objects.get()
    assert (again.subject, again.workspace, again.created_by.name) == ("一時間の力作", campaign.workspace, "花子")
    assert kept.redirect_chain[-1][0] == reverse("campaign_edit", args=[again.pk])
    assert hanako.get(url).status_code == 404


def test_a_draft_of_others_is_neither_read_nor_written(campaign, client_for):
    stranger = make_user(make_list().workspace, Role.EDITOR, email="yoso@example.jp")
    client = client_for(stranger)
    url, key = reverse("campaign_edit", args=[campaign.pk]), str(uuid4())
    assert send(client, campaign, subject="よそ").status_code == 404
    assert client.post(url, form(campaign, subject="よそ")).status_code == 404
    assert send(client, campaign, page=key, subject="よそ").json()["is_apart"]
    page = client.post(url, form(campaign, page=key, subject="よそ"))
    assert campaign.mailing_lists.get().name not in page.content.decode()
    campaign.refresh_from_db()
    assert campaign.subject == "秋のお知らせ"
    assert Campaign.objects.count() == 1

"""The pages on which members decide what an archive shows."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, Role
from archive.models import Archive, Choice
from campaigns.models import Campaign
from lists.list_deletion import delete_list
from senders.models import Sender, SenderDomain
from tests.archive.making import make_archive, make_many_sent, make_sent
from tests.factories import make_list, make_user
from tests.signup.making import make_form

pytestmark = pytest.mark.django_db
DATA = {"title": "商店だより", "description": "", "language": "ja", "form": "", "adds_new": "on"}


def url(name, archive, *more):
    return reverse(name, args=[archive.mailing_list_id, *more])


def public_status(archive):
    return Client().get(reverse("archive_index", args=[archive.token])).status_code


@pytest.fixture
def editor(workspace, client_for):
    return client_for(make_user(workspace, Role.EDITOR))


def test_an_editor_makes_opens_and_closes_an_archive(workspace, editor):
    mailing_list = make_list(workspace, name="会員")
    form = make_form(workspace, mailing_lists=[mailing_list])
    assert (
        reverse("archive_detail", args=[mailing_list.pk])
        in editor.get(reverse("list_detail", args=[mailing_list.pk])).content.decode()
    )
    empty = editor.get(reverse("archive_detail", args=[mailing_list.pk])).content.decode()
    assert "バックナンバーを用意する" in empty
    edit = reverse("archive_edit", args=[mailing_list.pk])
    assert 'value="会員"' in editor.get(edit).content.decode()
    editor.post(edit, DATA | {"form": form.pk})
    archive = Archive.objects.get(mailing_list=mailing_list)
    assert (archive.title, archive.form, archive.is_indexed, archive.adds_new) == ("商店だより", form, False, True)
    assert public_status(archive) == 404
    for public in ("0", "1", "1"):
        editor.post(url("archive_switch", archive), {"public": public})
    assert public_status(archive) == 200
    page = editor.get(url("archive_detail", archive)).content.decode()
    assert f"http://testserver/b/{archive.token}/rss.xml" in page
    editor.post(edit, DATA | {"is_indexed": "on"})
    editor.post(url("archive_switch", archive), {"public": "0"})
    assert public_status(archive) == 404
    archive.refresh_from_db()
    assert (archive.form, archive.is_indexed, archive.adds_since) == (None, True, None)
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", "target"))
    assert actions == [(f"archive.{word}", "会員") for word in ("create", "publish", "update", "close")]


def test_a_person_takes_mailings_in_and_out(workspace, editor):
    archive = make_archive(make_list(workspace))
    old, new = make_sent(archive, ago=timedelta(days=9), subject="古い便り"), make_sent(archive, subject="新しい便り")
    for campaign, shown in ((old, "1"), (old, "1"), (new, "0")):
        editor.post(url("archive_choose", archive), {"mailing": campaign.pk, "shown": shown})
    page = Client().get(reverse("archive_index", args=[archive.token])).content.decode()
    assert ("古い便り" in page, "新しい便り" in page) == (True, False)
    editor.post(url("archive_choose", archive), {"mailing": new.pk, "shown": "1"})
    assert [row.is_shown for row in Choice.objects.order_by("campaign")] == [True, True]
    details = list(AuditEntry.objects.order_by("pk").values_list("action", "detail"))
    assert details == [
        ("archive.show", {"campaign": old.pk}),
        ("archive.hide", {"campaign": new.pk}),
        ("archive.show", {"campaign": new.pk}),
    ]


@pytest.mark.parametrize("mailing", ["", "x", "-1", "９", "9" * 30, "0"])
def test_no_mailing_is_chosen_by_what_is_none(workspace, editor, mailing):
    archive = make_archive(make_list(workspace))
    answer = editor.post(url("archive_choose", archive), {"mailing": mailing, "shown": "1", "page": "3"})
    assert (answer.status_code, answer["Location"]) == (302, url("archive_detail", archive) + "?page=3")
    assert not Choice.objects.exists()


def test_mailings_of_others_are_not_taken_in(workspace, editor):
    archive = make_archive(make_list(workspace))
    mailings = [
        make_sent(make_archive(make_list(workspace))),
        make_sent(make_archive()),
        make_sent(archive, state="sending"),
    ]
    for campaign in mailings:
        editor.post(url("archive_choose", archive), {"mailing": campaign.pk, "shown": "1"})
    assert not Choice.objects.exists()


def test_what_was_added_stays_when_adding_ends(workspace, editor):
    archive = make_archive(make_list(workspace))
    kept, hidden = make_sent(archive), make_sent(archive)
    Choice.objects.create(archive=archive, campaign=hidden, is_shown=False)
    edit = url("archive_edit", archive)
    editor.post(edit, {name: value for name, value in DATA.items() if name != "adds_new"})
    later = make_sent(archive, ago=timedelta(0))
    path = reverse("archive_mailing", args=[archive.token, kept.pk])
    assert Client().get(path).status_code == 200
    for campaign in (hidden, later):
        assert Client().get(reverse("archive_mailing", args=[archive.token, campaign.pk])).status_code == 404
    # Closing and opening again lets nothing in that began before.
    editor.post(edit, DATA)
    editor.post(url("archive_switch", archive), {"public": "0"})
    editor.post(url("archive_switch", archive), {"public": "1"})
    shown = Client().get(reverse("archive_index", args=[archive.token])).content.decode()
    assert shown.count("<li><time") == 1
    archive.refresh_from_db()
    assert archive.adds_since is not None
    assert timezone.now() - archive.adds_since < timedelta(minutes=1)


def test_an_open_archive_keeps_its_beginning_when_it_is_edited(workspace, editor):
    archive = make_archive(make_list(workspace))
    began = archive.adds_since
    editor.post(url("archive_edit", archive), DATA)
    archive.refresh_from_db()
    assert (archive.adds_since, archive.title) == (began, "商店だより")


def test_the_page_says_why_a_mailing_waits(workspace, editor):
    archive = make_archive(make_list(workspace))
    campaign = make_sent(archive, conditions=[{"v": 1, "all": []}], resend_of=make_sent(archive))
    campaign.audience_parts.create(part="not_list", mailing_list=make_list(workspace, name="社員"))
    page = editor.get(url("archive_detail", archive)).content.decode()
    assert [word in page for word in ("除く: 社員", "除いた宛先あり", "条件付きブロックあり", "再送")] == [True] * 4


def test_the_page_says_why_a_mailing_waits_whose_segment_is_gone(workspace, editor):
    archive = make_archive(make_list(workspace))
    make_sent(archive, is_narrowed=True)
    assert "宛先を絞って配信" in editor.get(url("archive_detail", archive)).content.decode()


def test_members_see_beforehand_what_everybody_would(workspace, viewer):
    archive = make_archive(make_list(workspace), published_at=None, adds_since=None)
    html, text = make_sent(archive, html="<p>{{name}}様</p>"), make_sent(archive)
    draft = make_sent(archive, state="draft", started_at=None)
    assert "<p>お客様</p>" in viewer.get(url("archive_preview", archive, html.pk)).content.decode()
    assert "こんにちは。" in viewer.get(url("archive_preview", archive, text.pk)).content.decode()
    assert viewer.get(url("archive_preview", archive, draft.pk)).status_code == 404


def test_who_may_see_and_who_may_change(workspace, viewer, client_for):
    archive = make_archive(make_list(workspace))
    campaign = make_sent(archive)
    stranger = client_for(make_user(make_archive().mailing_list.workspace))
    assert viewer.get(url("archive_detail", archive)).status_code == 200
    assert stranger.get(url("archive_detail", archive)).status_code == 404
    assert stranger.get(url("archive_preview", archive, campaign.pk)).status_code == 404
    for name, data in (
        ("archive_edit", DATA),
        ("archive_switch", {"public": "0"}),
        ("archive_choose", {"mailing": campaign.pk, "shown": "0"}),
    ):
        assert viewer.post(url(name, archive), data).status_code == 403
        assert stranger.post(url(name, archive), data).status_code == 404
    assert public_status(archive) == 200
    assert not Choice.objects.exists()


def test_forms_of_others_cannot_be_chosen(workspace, editor):
    archive = make_archive(make_list(workspace))
    for form in (make_form(), make_form(workspace)):
        answer = editor.post(url("archive_edit", archive), DATA | {"form": form.pk, "title": "変えない"})
        assert answer.status_code == 200
    answer = editor.post(url("archive_edit", archive), DATA | {"title": ""})
    assert "タイトルを入力してください。" in answer.content.decode()
    archive.refresh_from_db()
    assert archive.title == "みほん商店だより"


def test_an_archive_goes_with_its_list(workspace):
    archive = make_archive(make_list(workspace))
    Choice.objects.create(archive=archive, campaign=make_sent(archive), is_shown=True)
    assert public_status(archive) == 200
    delete_list(archive.mailing_list, actor=make_user(workspace), now=timezone.now())
    assert public_status(archive) == 404
    assert not Archive.objects.exists()
    assert not Choice.objects.exists()


def test_an_archive_goes_with_its_workspace(workspace):
    archive = make_archive(make_list(workspace))
    Choice.objects.create(archive=archive, campaign=make_sent(archive), is_shown=True)
    Campaign.objects.all().delete()
    assert not Choice.objects.exists()
    for protected in (Sender, SenderDomain):
        protected.objects.all().delete()
    workspace.delete()
    assert not Archive.objects.exists()


def test_a_thousand_mailings_are_listed_by_few_questions(workspace, editor, django_assert_max_num_queries):
    archive = make_archive(make_list(workspace))
    make_many_sent(archive, 1000)
    with django_assert_max_num_queries(14) as queries:
        page = editor.get(url("archive_detail", archive) + "?page=20").content.decode()
    assert "951〜1,000件目" in page
    assert "campaigns_delivery" not in "".join(query["sql"] for query in queries.captured_queries)

"""フォルダ: made, renamed, deleted, filled from the list and from a mailing's page."""

import pytest
from django.urls import reverse

from accounts.models import Role
from campaigns.drafts import make_copy
from campaigns.models import MOST_FOLDERS, Campaign, CampaignState, Folder, Label
from tests.factories import make_campaign, make_list, make_user, make_workspace

pytestmark = pytest.mark.django_db
INDEX = reverse("folder_index")
LIST = reverse("campaign_index")
MOVE = reverse("campaign_move")


def make_folder(workspace, name="2026年度"):
    return Folder.objects.create(workspace=workspace, name=name)


def make_mailings(workspace, *subjects, **fields):
    mailing_list = make_list(workspace)
    return [make_campaign(mailing_list, subject=subject, **fields) for subject in subjects]


def shown(client, **asked):
    page = client.get(LIST, asked)
    return [campaign.subject for campaign, _note in page.context["rows"]], page


def move(client, campaigns, folder, back=""):
    data = {"campaigns": [found.pk for found in campaigns], "to": folder.pk if folder else "", "back": back}
    return client.post(MOVE, data, follow=True)


def lies_in(campaign):
    return Campaign.objects.values_list("folder__name", flat=True).get(pk=campaign.pk)


def test_a_folder_is_made_renamed_and_deleted_and_its_mailings_stay(editor, workspace):
    assert editor.post(INDEX, {"name": " 2026年度 "}).url == INDEX
    folder = Folder.objects.get(workspace=workspace)
    [campaign] = make_mailings(workspace, "秋", folder=folder)
    page = editor.get(INDEX).content.decode()
    assert "2026年度" in page
    assert "1件の配信" in page
    assert editor.post(reverse("folder_edit", args=[folder.pk]), {"name": "2026"}).url == INDEX
    assert lies_in(campaign) == "2026"
    assert editor.post(reverse("folder_delete", args=[folder.pk])).url == INDEX
    assert lies_in(campaign) is None


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("", "フォルダ名を入力してください"), ("既存", "この名前のフォルダはすでにあります"), ("長" * 51, "50")],
)
def test_a_name_that_cannot_be_used_is_told(editor, workspace, name, sentence):
    make_folder(workspace, "既存")
    make_folder(make_workspace(), "よその名前")
    assert sentence in editor.post(INDEX, {"name": name}).content.decode()
    assert Folder.objects.filter(workspace=workspace).count() == 1
    assert editor.post(INDEX, {"name": "よその名前"}).status_code == 302


def test_there_are_no_more_than_so_many(editor, workspace):
    Folder.objects.bulk_create(Folder(workspace=workspace, name=str(number)) for number in range(MOST_FOLDERS))
    assert f"フォルダは{MOST_FOLDERS}個まで" in editor.post(INDEX, {"name": "もう1つ"}).content.decode()


def test_ticked_mailings_are_moved_and_the_list_stays_as_it_was(editor, workspace):
    folder = make_folder(workspace)
    one, two, three = make_mailings(workspace, "一", "二", "三")
    page = move(editor, [one, two], folder, back="state=draft&folder=none")
    assert page.redirect_chain == [(f"{LIST}?state=draft&folder=none", 302)]
    assert "2件を「2026年度」に移しました。" in page.content.decode()
    assert (lies_in(one), lies_in(two), lies_in(three)) == ("2026年度", "2026年度", None)
    assert "1件をフォルダから出しました。" in move(editor, [one], None).content.decode()
    assert lies_in(one) is None


def test_what_cannot_be_moved_is_told(editor, workspace):
    folder, foreign = make_folder(workspace), make_folder(make_workspace())
    [mine], [theirs] = make_mailings(workspace, "一"), make_mailings(foreign.workspace, "よそ")
    assert "移すメールを選んでください" in move(editor, [], folder).content.decode()
    assert "選べないフォルダです" in move(editor, [mine], foreign).content.decode()
    move(editor, [theirs], folder)
    assert lies_in(theirs) is None
    assert editor.post(MOVE, {"campaigns": ["x", "9" * 30], "to": folder.pk}).status_code == 302
    # Where it leads back to is the list, whatever was posted.
    assert editor.post(MOVE, {"campaigns": [mine.pk], "to": "", "back": "//evil.example/?a"}).url.startswith(f"{LIST}?")


def test_the_list_is_narrowed_to_a_folder_and_counts_each(editor, workspace):
    folder = make_folder(workspace)
    make_mailings(workspace, "一", "二", folder=folder)
    make_mailings(workspace, "三", state=CampaignState.DONE)
    subjects, page = shown(editor, folder=folder.pk)
    assert subjects == ["二", "一"]
    assert [(name, number) for _value, name, number in page.context["folders"]] == [
        ("2026年度", 2),
        ("フォルダなし", 1),
    ]
    assert shown(editor, folder="none")[0] == ["三"]
    assert len(shown(editor)[0]) == 3
    assert shown(editor, folder="x")[0] == shown(editor)[0]
    assert shown(editor, folder="9" * 18)[0] == []
    # What is searched for is what the chips count.
    _subjects, found = shown(editor, q="二")
    assert [number for _value, _name, number in found.context["folders"]] == [1, 0]
    assert "より後の日付" in shown(editor, begin="2026-12-02", end="2026-12-01")[1].content.decode()
    # The chips of the states keep it.
    assert f"?folder={folder.pk}&amp;state=draft" in page.content.decode()


def test_without_folders_the_list_has_no_boxes(editor, workspace):
    make_mailings(workspace, "一")
    page = shown(editor)[1].content.decode()
    assert 'name="campaigns"' not in page
    assert "フォルダなし" not in page


def test_viewers_see_folders_and_move_nothing(viewer, workspace):
    folder = make_folder(workspace)
    [campaign] = make_mailings(workspace, "一")
    page = shown(viewer)[1].content.decode()
    assert "2026年度" in page
    assert 'name="campaigns"' not in page
    assert viewer.post(MOVE, {"campaigns": [campaign.pk], "to": folder.pk}).status_code == 403
    assert lies_in(campaign) is None


def test_the_page_of_a_draft_chooses_its_folder(editor, workspace):
    folder, foreign = make_folder(workspace), make_folder(make_workspace())
    label = Label.objects.create(workspace=workspace, name="定期便")
    [campaign] = make_mailings(workspace, "一")
    url = reverse("campaign_labels", args=[campaign.pk])
    editor.post(url, {"labels": [label.pk], "folder": folder.pk})
    assert lies_in(campaign) == "2026年度"
    assert "2026年度" in editor.get(reverse("campaign_preview", args=[campaign.pk])).content.decode()
    page = editor.post(url, {"labels": [label.pk], "folder": foreign.pk}, follow=True).content.decode()
    assert "選べないフォルダです" in page
    assert lies_in(campaign) == "2026年度"


def test_a_copy_lies_where_its_source_lies(workspace):
    [campaign] = make_mailings(workspace, "一", folder=make_folder(workspace))
    assert lies_in(make_copy(campaign, created_by=make_user(workspace, Role.EDITOR))) == "2026年度"


def test_the_list_asks_as_much_for_many_folders_as_for_one(editor, workspace, django_assert_max_num_queries):
    for number in range(20):
        make_mailings(workspace, str(number), folder=make_folder(workspace, str(number)))
    with django_assert_max_num_queries(20):
        editor.get(LIST)


def test_a_draft_without_a_subject_can_be_opened(editor, workspace):
    [campaign] = make_mailings(workspace, "")
    page = shown(editor)[1].content.decode()
    assert f'href="{reverse("campaign_detail", args=[campaign.pk])}">(件名なし)</a>' in page

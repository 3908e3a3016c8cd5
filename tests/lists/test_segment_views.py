"""The builder of segments: buttons change what is shown, saving stores it, counts go on by themselves."""

import pytest
from django.db.models.signals import pre_save
from django.dispatch import receiver
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from campaigns.audiences import set_parts
from campaigns.models import Part
from lists.models import AttributeDefinition, Segment
from tests.factories import make_campaign, make_list, make_subscriber, make_user

pytestmark = pytest.mark.django_db
CREATE = "/segments/new/"


@pytest.fixture
def rank(workspace):
    return AttributeDefinition.objects.create(
        workspace=workspace, name="ランク", label="会員ランク", kind="choice", choices=["金", "銀"]
    )


def condition(place, field, op="", *values):
    return {"part": [f"c:{place}"], f"field-{place}": field, f"op-{place}": op, f"value-{place}": list(values)}


def form(*parts, **more):
    data = {"name": "金の人", "join": "all", "part": []}
    for part in parts:
        data["part"] += part.pop("part")
        data |= part
    return data | more


def test_a_segment_is_built_saved_and_shown(editor, workspace, rank):
    make_subscriber(make_list(workspace), "kin@example.jp", attributes={"ランク": "金"})
    make_subscriber(make_list(workspace), "gin@example.jp", attributes={"ランク": "銀"})
    group = {"part": ["g:1"], "join-1": "any"}
    data = form(
        condition(0, "attribute:ランク", "one_of", "金"),
        group,
        condition("1-0", "name", "is_filled"),
        condition("1-1", "errors", "ge", "１"),
    )
    page = editor.post(CREATE, data, follow=True).content.decode()
    segment = Segment.objects.get()
    assert segment.conditions == {
        "v": 1,
        "all": [
            {"field": "attribute:ランク", "op": "one_of", "value": ["金"]},
            {"v": 1, "any": [{"field": "name", "op": "is_filled"}, {"field": "errors", "op": "ge", "value": 1}]},
        ],
    }
    assert "会員ランクが「金」" in page
    assert "エラー回数が1以上" in page
    assert "kin@example.jp" in page
    assert "gin@example.jp" not in page
    assert AuditEntry.objects.filter(action="segment.create", target="金の人").exists()
    assert (
        "会員ランクが「金」 かつ (お名前に値がある または エラー回数が1以上)"
        in editor.get("/segments/").content.decode()
    )
    count = editor.get(reverse("segment_count", args=[segment.pk])).content.decode()
    assert ">1</span>" in count
    # What was stored comes back into the builder.
    edit = editor.get(reverse("segment_edit", args=[segment.pk])).content.decode()
    assert 'name="value-0" value="金" checked' in edit
    assert 'value="c:1-1"' in edit


def test_a_day_is_read_as_the_pages_write_it(editor, workspace):
    dates = form(
        condition(0, "joined_at", "date_is", "2026-06-01"),
        condition(1, "joined_at", "dates", "2026-06-02", "2026-06-03"),
    )
    page = editor.post(CREATE, dates, follow=True).content.decode()
    assert "登録日が2026/06/01" in page
    assert "登録日が2026/06/02〜2026/06/03" in page


def test_buttons_change_the_draft_and_store_nothing(editor, workspace, rank):
    data = form(condition(0, "name", "is", "山田"))
    page = editor.post(CREATE, data | {"do": "add:"}).content.decode()
    assert 'value="c:1"' in page
    assert 'value="山田"' in page
    assert 'value="金の人"' in page
    page = editor.post(CREATE, data | {"do": "group:"}).content.decode()
    assert 'value="g:1"' in page
    assert 'value="c:1-0"' in page
    page = editor.post(CREATE, data | {"do": "remove:0"}).content.decode()
    assert 'value="c:0"' not in page
    page = editor.post(CREATE, data | {"field-0": "attribute:ランク", "do": "refresh"}).content.decode()
    assert '<option value="one_of" selected' in page
    make_subscriber(make_list(workspace), name="山田")
    page = editor.post(CREATE, data | {"do": "count"}).content.decode()
    assert '<span class="stat-value">1</span>' in page
    # Nonsense is left out.
    assert editor.post(CREATE, {"do": "add:9", "part": ["c:", "x:1", "c:7-7", "g:"]}).status_code == 200
    assert not Segment.objects.exists()


def test_what_is_missing_stands_at_its_place(editor, workspace, rank):
    page = editor.post(CREATE, form(condition(0, "name", "is", ""), condition(1, ""))).content.decode()
    assert "比べる言葉を入力してください" in page
    assert "条件の項目を選んでください" in page
    assert "条件がありません" in editor.post(CREATE, form()).content.decode()
    foreign = make_list()
    page = editor.post(CREATE, form(condition(0, "list", "on", str(foreign.pk)))).content.decode()
    assert "リストが削除されています" in page
    assert foreign.name not in page
    page = editor.post(CREATE, form(condition(0, "attribute:よその項目", "is", "x"))).content.decode()
    assert "条件の項目を選んでください" in page
    assert not Segment.objects.exists()


def test_of_two_who_edit_one_the_second_is_told(editor, workspace):
    segment = Segment.objects.create(workspace=workspace, name="金の人", conditions={"v": 1, "all": []})
    data = form(condition(0, "name", "is", "山田"), revision="1")
    url = reverse("segment_edit", args=[segment.pk])
    assert editor.post(url, data).status_code == 302
    page = editor.post(url, data | {"value-0": "佐藤"}).content.decode()
    assert "別の画面で変更されました" in page
    segment.refresh_from_db()
    assert segment.conditions["all"][0]["value"] == "山田"
    taken = editor.post(CREATE, form(condition(0, "name", "is", "山田"))).content.decode()
    assert "同じ名前のセグメントがあります" in taken


def test_the_count_of_a_draft_goes_on_only_for_the_same_conditions(editor, workspace):
    make_subscriber(make_list(workspace), name="山田")
    url = reverse("segment_draft_count")
    data = form(condition(0, "name", "is", "山田"))
    assert ">1</span>" in editor.post(url, data).content.decode()
    # Another condition's figures are not added to these.
    assert (
        ">1</span>"
        in editor.post(url, data | {"found": "7", "active": "7", "after": "1", "mark": "x"}).content.decode()
    )
    assert "すべて入力すると" in editor.post(url, form(condition(0, "name", "is", ""))).content.decode()


def test_a_viewer_looks_and_a_stranger_does_not(viewer, client_for, workspace):
    segment = Segment.objects.create(workspace=workspace, name="金の人", conditions={"v": 1, "all": []})
    page = viewer.get(reverse("segment_detail", args=[segment.pk])).content.decode()
    assert "条件がありません" in page
    assert "セグメントを作成" not in viewer.get("/segments/").content.decode()
    assert viewer.get(CREATE).status_code == 403
    stranger = client_for(make_user(make_list().workspace))
    assert stranger.get(reverse("segment_count", args=[segment.pk])).status_code == 404


def test_deleting_is_refused_while_a_planned_mailing_uses_it(editor, workspace):
    segment = Segment.objects.create(workspace=workspace, name="金の人", conditions={"v": 1, "all": []})
    url = reverse("segment_delete", args=[segment.pk])
    campaign = make_campaign(make_list(workspace), state="scheduled", scheduled_at=timezone.now())
    set_parts(campaign, {Part.INCLUDE_SEGMENT: [segment]})
    assert "予約中または配信中" in editor.post(url, follow=True).content.decode()
    campaign.delete()
    assert "削除しました" in editor.post(url, follow=True).content.decode()
    assert not Segment.objects.exists()


def test_of_two_who_take_a_name_at_once_the_second_is_told(editor, workspace):
    @receiver(pre_save, sender=Segment)
    def rival(**_given):
        pre_save.disconnect(rival, sender=Segment)
        Segment.objects.create(workspace=workspace, name="金の人")

    page = editor.post(CREATE, form(condition(0, "name", "is", "山田"))).content.decode()
    assert "同じ名前のセグメントがあります" in page


def test_without_scripts_the_number_is_a_part_of_the_page(viewer, workspace):
    make_subscriber(make_list(workspace), name="山田")
    conditions = {"v": 1, "all": [{"field": "name", "op": "is", "value": "山田"}]}
    segment = Segment.objects.create(workspace=workspace, name="山田さん", conditions=conditions)
    url = reverse("segment_detail", args=[segment.pk])
    page = viewer.get(url).content.decode()
    assert 'href="?count=1"' in page
    assert 'class="stat-value"' not in page
    counted = viewer.get(url + "?count=1").content.decode()
    assert '<span class="stat-value">1</span>' in counted
    assert "<h1" in counted

"""The condition of a block: built in the editor without scripts, numbered for both parts, checked before the start."""

import json
import re

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role
from campaigns import drafts
from campaigns.approvals import digest_of
from campaigns.bodies import Edition, body_of
from campaigns.draft_parts import Content, content_of
from campaigns.models import Campaign, SplitTest, Variant
from campaigns.preflight.check import check
from designs.blocks import MAX_SHOWN_TO
from designs.models import BodyKind, Template
from lists.models import AttributeDefinition
from tests.campaigns.test_showing import asks, block
from tests.factories import make_campaign, make_list, make_sender, make_subscriber, make_user

pytestmark = pytest.mark.django_db

FOOTER = {
    "id": "footer",
    "kind": "footer",
    "data": {"text": "{{legal_name}} {{postal_address}} {{contact}} {{unsubscribe_url}}"},
}


@pytest.fixture
def mailing_list():
    mailing_list = make_list()
    AttributeDefinition.objects.create(workspace=mailing_list.workspace, name="ランク", label="会員ランク")
    for rank in ("金", "金", "銀"):
        make_subscriber(mailing_list, attributes={"ランク": rank})
    return mailing_list


@pytest.fixture
def campaign(mailing_list):
    return make_campaign(mailing_list, sender=make_sender(mailing_list.workspace))


@pytest.fixture
def editor(mailing_list, client_for):
    return client_for(make_user(mailing_list.workspace, Role.EDITOR, email="me@example.com"))


def posted(campaign, blocks, **fields):
    return {
        "subject": "題",
        "kind": "blocks",
        "sender": campaign.sender_id,
        "mailing_lists": [campaign.mailing_lists.get().pk],
        "text": "",
        "html": "",
        "doubt_policy": "hold",
        "revision": campaign.revision,
        "block": [json.dumps(one) for one in blocks],
    } | fields


def write(campaign, *blocks, **changes):
    """Store blocks as the page does; return what is found out about them, by code."""
    campaign = Campaign.objects.get(pk=campaign.pk)
    before = content_of(campaign)
    content = Content("題", "", BodyKind.BLOCKS, {"v": 1, "blocks": [*blocks, FOOTER]}, text_by_hand=False)
    content = Content(**{**content.as_json(), "conditions": before.conditions, **changes})
    drafts.save(campaign, content, revision=campaign.revision, actor=make_user(), now=timezone.now())
    return {found.code: found for found in check(campaign, now=timezone.now()).findings}


def test_a_condition_is_built_without_scripts(editor, campaign):
    """The buttons send the whole form; nothing is stored until it is saved."""
    url = reverse("campaign_edit", args=[campaign.pk])
    blocks = [block(1, "みなさま"), block(2, "金の人"), FOOTER]
    answer = editor.post(url, posted(campaign, blocks, open="block2", do="show:begin"))
    page = answer.content.decode()
    assert 'name="b-show-field-0"' in page
    assert 'value="show:add:"' in page
    shown = {"b-html": "<p>金の人</p>", "b-show-open": "1", "b-show-part": ["c:0"], "b-show-join": "all"}
    data = posted(campaign, blocks, open="block2") | shown
    # What is not finished yet is said when it is saved, not while it is built.
    field = {"b-show-field-0": "attribute:ランク"}
    page = editor.post(url, data | field | {"do": "show:refresh"}).content.decode()
    assert 'name="b-show-op-0"' in page
    assert "比べる言葉を入力してください" not in page
    whole = data | field | {"b-show-op-0": "is"}
    assert "比べる言葉を入力してください" in editor.post(url, whole).content.decode()
    campaign.refresh_from_db()
    assert campaign.conditions == []
    whole |= {"b-show-value-0": "金"}
    page = editor.post(url, whole | {"do": "close:"}).content.decode()
    assert "会員ランクが「金」" in page
    assert "b-show-open" not in page
    assert editor.post(reverse("campaign_block_count"), whole).content.decode().count("2 人") == 1
    assert editor.post(url, whole).status_code == 302
    campaign.refresh_from_db()
    assert campaign.conditions == [asks("金")]
    assert re.search(r"(?s)<!--\?1-->.*金の人.*<!--/1-->", campaign.html)
    assert "{{?1}}\n金の人\n\n{{/1}}\n" in campaign.text
    # It is taken away again.
    stored = json.loads(json.dumps(campaign.draft.blocks["blocks"]))
    again = posted(campaign, stored, open="block2", do="show:none") | {"b-html": "<p>金の人</p>"}
    answer = editor.post(url, again)
    assert [row.told for row in answer.context["rows"]] == ["", "", ""]


def test_the_footer_and_blocks_in_columns_have_none(editor, campaign):
    column = {"id": "inner", "kind": "text", "data": {"html": "<p>中</p>"}}
    columns = {"id": "outer", "kind": "columns", "data": {"left": [column], "right": []}}
    for opened in ("footer", "inner"):
        page = editor.post(
            reverse("campaign_blocks"), posted(campaign, [columns, FOOTER], open=opened, do="show:begin")
        )
        assert "b-show" not in page.content.decode()


def test_an_eleventh_condition_is_refused_where_it_is_built(editor, campaign):
    blocks = [block(number, "語", asks(f"R{number}")) for number in range(MAX_SHOWN_TO)] + [block(99, "もう一つ")]
    built = {"b-html": "<p>もう一つ</p>", "b-show-open": "1", "b-show-part": ["c:0"], "b-show-join": "all"}
    built |= {"b-show-field-0": "attribute:ランク", "b-show-op-0": "is", "b-show-value-0": "金"}
    data = posted(campaign, blocks, open="block99", do="close:") | built
    page = editor.post(reverse("campaign_blocks"), data).content.decode()
    assert "1通に10種類まで" in page
    assert "R9" in page
    # One that another block has already is none too many.
    page = editor.post(reverse("campaign_blocks"), data | {"b-show-value-0": "R3"}).content.decode()
    assert "b-show-open" not in page


def test_numbers_stay_with_a_text_that_is_written_by_hand(editor, campaign):
    """A text part by hand never goes to others than the blocks it was written for."""
    gold, silver = block(1, "金", asks("金")), block(2, "銀", asks("銀"))
    write(campaign, block(3, "全員"), gold, silver)
    campaign.refresh_from_db()
    text = campaign.text
    assert campaign.conditions == [asks("金"), asks("銀")]
    # The other way round: the numbers are those of the text.
    found = write(campaign, silver, gold, block(3, "全員"), text=text, text_by_hand=True)
    campaign.refresh_from_db()
    assert campaign.conditions == [asks("金"), asks("銀")]
    assert not {"region_unknown", "region_broken", "tag_unknown", "tag_lacking", "condition_refused"} & set(found)
    page = editor.get(reverse("campaign_edit", args=[campaign.pk])).content.decode()
    assert "<code>{{?2}}</code> … <code>{{/2}}</code> 会員ランクが「銀」" in page
    # A condition that is asked no more keeps its number as long as the text has it, and is red.
    bronze = block(1, "銅", asks("銅"))
    found = write(campaign, silver, bronze, block(3, "全員"), text=text, text_by_hand=True)
    campaign.refresh_from_db()
    assert campaign.conditions == [asks("金"), asks("銀"), asks("銅")]
    assert "{{?3}}: 会員ランクが「銅」" in found["region_unknown"].sentence
    found = write(campaign, silver, bronze, text=text.replace("{{/1}}", ""), text_by_hand=True)
    assert found["region_broken"].details == ("{{?1}}",)
    # A template keeps the numbers too.
    editor.post(reverse("campaign_save_template", args=[campaign.pk]), {"name": "型"})
    editor.post(reverse("template_use", args=[Template.objects.get().pk]))
    made = Campaign.objects.latest("pk")
    assert (made.text, made.conditions) == (campaign.text.replace("{{/1}}", ""), campaign.conditions)
    # Once the text is written from the blocks again, its number is free.
    found = write(campaign, silver, bronze, block(4, "鉄", asks("鉄")))
    campaign.refresh_from_db()
    assert campaign.conditions == [asks("鉄"), asks("銀"), asks("銅")]
    assert {"region_unknown", "region_broken"} & set(found) == set()


def test_the_check_tells_for_whom_the_blocks_are(campaign):
    everybody = {"v": 1, "all": [{"field": "attribute:ランク", "op": "is_filled"}]}
    found = write(
        campaign, block(1, "全"), block(2, "金", asks("金")), block(3, "だれも", asks("銅")), block(4, "x", everybody)
    )
    assert "2人(当てはまらない人: 1人)" in found["condition"].sentence
    assert "「会員ランクが「銅」」に当てはまる人が、配信先にいません" in found["condition_nobody"].sentence
    assert "会員ランクに値がある" in found["condition_everybody"].sentence
    assert "region_nothing_left" in write(campaign, block(2, "金", asks("金")))
    AttributeDefinition.objects.all().delete()
    assert "差し込み項目が削除されています" in write(campaign, block(2, "金", asks("金")))["condition_refused"].sentence


def test_what_the_law_wants_is_added_where_only_some_are_shown_it(campaign):
    """F4: a footer in a block with a condition counts for nobody."""
    law = block(1, "{{legal_name}} {{postal_address}} {{contact}} {{unsubscribe_url}}", asks("金"))
    content = Content("題", "", BodyKind.BLOCKS, {"v": 1, "blocks": [block(2, "語"), law]}, text_by_hand=False)
    drafts.save(campaign, content, revision=campaign.revision, actor=make_user(), now=timezone.now())
    codes = [found.code for found in check(campaign, now=timezone.now()).findings]
    assert codes.count("legal_added") == 2


def test_a_preview_shows_one_person_all_or_none(editor, campaign, mailing_list):
    write(campaign, block(1, "全員へ"), block(2, "金だけ", asks("金")))
    frame, page = reverse("campaign_preview_frame", args=[campaign.pk]), reverse("campaign_preview", args=[campaign.pk])
    gold, silver = (
        mailing_list.subscriptions.filter(subscriber__attributes__ランク=rank)[0].subscriber_id for rank in "金銀"
    )

    def shown(**query):
        return "金だけ" in editor.get(frame, query).content.decode()

    assert shown(subscriber=gold)
    assert not shown(subscriber=silver)
    assert not shown(subscriber=gold, regions="none")
    everything = editor.get(frame, {"subscriber": silver, "regions": "all"}).content.decode()
    assert "金だけ" in everything
    assert "表示する条件: 会員ランクが「金」" in everything
    assert "(表示する条件: 会員ランクが「金」)" in editor.get(page, {"regions": "all"}).content.decode()


def test_an_approval_is_for_a_condition_too(campaign):
    write(campaign, block(1, "全員へ"), block(2, "金だけ", asks("金")))
    campaign.refresh_from_db()
    before = digest_of(campaign)
    campaign.conditions = [asks("銀")]
    assert digest_of(campaign) != before


def test_a_copy_and_a_version_keep_conditions(campaign):
    write(campaign, block(1, "全員へ"), block(2, "金だけ", asks("金")))
    first = campaign.versions.order_by("-pk")[0]
    copy = drafts.make_copy(Campaign.objects.get(pk=campaign.pk), created_by=None)
    assert copy.conditions == [asks("金")]
    write(campaign, block(1, "全員へ"))
    campaign.refresh_from_db()
    assert campaign.conditions == []
    first.refresh_from_db()
    drafts.restore(first, revision=campaign.revision, actor=make_user(), now=timezone.now())


def test_the_forms_of_a_test_share_their_numbers(campaign):
    """B案 with a body of its own asks for other people, and a text by hand keeps the ones it was written for."""
    SplitTest.objects.create(campaign=campaign, share=100, rule="hand", hours=4)
    theirs = {"v": 1, "blocks": [block(1, "銀へ", asks("銀")), block(2, "金へ", asks("金")), FOOTER]}
    text = "{{?1}}\n銀の文\n{{/1}}\n{{?2}}\n金の文\n{{/2}}\n"
    body = Content("B", "", BodyKind.BLOCKS, theirs, text=text, conditions=[asks("銀"), asks("金")])
    Variant.objects.create(campaign=campaign, number=1, subject="B", body=body.as_json())
    write(campaign, block(1, "全員へ"), block(2, "金だけ", asks("金")))
    campaign.refresh_from_db()
    assert campaign.conditions == [asks("金"), asks("銀")]
    for shown, words in ((1, "金"), (2, "銀")):
        cut = body_of(campaign, Edition(1, shown))
        assert [one for one in "金銀" if f"{one}へ" in cut.html] == [words]
        assert [one for one in "金銀" if f"{one}の文" in cut.text] == [words]
        assert ("金だけ" in body_of(campaign, Edition(0, shown)).html) == (shown == 1)

"""差し込み部品: kept from blocks or written, put in as copies."""

import json
from dataclasses import replace

import pytest
from django.http import QueryDict
from django.urls import reverse

from accounts.models import AuditEntry
from designs.block_forms import form_for
from designs.blocks import BlockKind, Design, new_block, read_design
from designs.draft_editing import EditedDesign, put_in
from designs.models import Snippet
from designs.snippets import LONGEST_TEXT, MAX_SNIPPETS
from tests.factories import make_list, make_sender, make_workspace

BLOCKS = reverse("campaign_blocks")


def heading(text="店舗案内"):
    block = new_block(BlockKind.HEADING)
    return replace(block, data={**block.data, "text": text})


def footer():
    return new_block(BlockKind.FOOTER)


def post(client, blocks, do, **fields):
    return client.post(BLOCKS, {"block": [json.dumps(block.as_json()) for block in blocks], "do": do, **fields})


def page_of(response):
    return response.content.decode()


def kinds(page):
    """Return the kinds of the blocks that a page holds."""
    return [block.kind for block in page.context["edited"].design.blocks]


def make_snippet(workspace, name="署名", blocks=(), text=""):
    stored = Design(tuple(blocks)).as_json() if blocks else {}
    return Snippet.objects.create(workspace=workspace, name=name, blocks=stored, text=text)


# ── putting in ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_blocks_are_put_in_as_copies_below_the_place():
    first, second, last = heading("一"), heading("二"), footer()
    edited = EditedDesign(Design((first, last)))
    twice = put_in(put_in(edited, first.id, [second]), first.id, [second])
    assert [block.data["text"] for block in twice.design.blocks[:3]] == ["一", "二", "二"]
    assert len({block.id for block in twice.design.blocks}) == 4
    assert second.id not in {block.id for block in twice.design.blocks}


def test_without_a_place_they_stand_before_the_footer():
    edited = EditedDesign(Design((heading("一"), footer())))
    assert [block.kind for block in put_in(edited, "", [heading("二")]).design.blocks] == [
        "heading",
        "heading",
        "footer",
    ]
    assert [block.kind for block in put_in(EditedDesign(Design()), "", [footer()]).design.blocks] == ["footer"]


def test_from_within_a_column_they_stand_below_both():
    inner = heading("中")
    columns = new_block(BlockKind.COLUMNS)
    columns = replace(columns, data={**columns.data, "left": [inner]})
    edited = EditedDesign(Design((columns, footer())))
    assert [block.kind for block in put_in(edited, inner.id, [heading()]).design.blocks] == [
        "columns",
        "heading",
        "footer",
    ]


def test_where_there_would_be_too_many_nothing_is_put_in():
    edited = EditedDesign(Design(tuple(heading() for _ in range(59))))
    refused = put_in(edited, "", [heading(), heading()])
    assert "60個まで" in refused.problem
    assert refused.design == edited.design


def test_a_block_that_is_not_in_order_stays_open():
    block = new_block(BlockKind.BUTTON)
    edited = EditedDesign(Design((block,)))
    bound = form_for(block, QueryDict("b-href=javascript:alert(1)"))
    bad = EditedDesign(edited.design, block.id, bound)
    assert bound.block() == block
    assert put_in(bad, "", [heading()]) is bad


# ── in the editor ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db
def test_the_open_block_becomes_a_snippet_that_other_mails_take(editor, workspace):
    block = heading()
    page = post(
        editor,
        [block, footer()],
        f"keep:{block.id}",
        open=block.id,
        **{"b-text": "店舗案内", "keep-name": " 店舗 案内 "},
    )
    snippet = Snippet.objects.get(workspace=workspace)
    assert snippet.name == "店舗 案内"
    assert "部品「店舗 案内」を保存しました" in page_of(page)
    assert [one.data for one in read_design(snippet.blocks).blocks] == [block.data]
    assert snippet.text == "■ 店舗案内\n"
    assert kinds(page) == ["heading", "footer"]
    assert AuditEntry.objects.get().action == "snippet.create"
    other = post(editor, [footer()], "put:", **{"put-snippet": str(snippet.pk)})
    assert kinds(other) == ["heading", "footer"]
    assert "店舗案内" in page_of(other)


@pytest.mark.django_db
def test_a_block_keeps_its_condition_and_a_mail_of_text_gets_no_such_words(editor):
    asked = {"v": 1, "all": [{"field": "attribute:ランク", "op": "is", "value": "金"}]}
    gold, everybody = replace(heading("金の方へ"), show=asked), heading("みなさまへ")
    page = post(editor, [gold, everybody, footer()], "keep:", **{"keep-name": "案内"})
    assert page.status_code == 200
    snippet = Snippet.objects.get()
    assert [block.show for block in read_design(snippet.blocks).blocks] == [asked, None]
    assert snippet.text == "■ みなさまへ\n"
    assert editor.get(reverse("snippet_frame", args=[snippet.pk])).status_code == 200


@pytest.mark.django_db
def test_all_blocks_are_kept_without_the_footer(editor):
    blocks = [heading("一"), new_block(BlockKind.DIVIDER), footer()]
    post(editor, blocks, "keep:", open=blocks[0].id, **{"keep-name": "型"})
    assert [block.kind for block in read_design(Snippet.objects.get().blocks).blocks] == ["heading", "divider"]


@pytest.mark.django_db
def test_a_name_that_is_there_is_replaced_only_when_asked(editor):
    first, second = heading("一"), heading("二")
    post(editor, [first], f"keep:{first.id}", open=first.id, **{"b-text": "一", "keep-name": "型"})
    page = post(editor, [second], f"keep:{second.id}", open=second.id, **{"b-text": "二", "keep-name": "型"})
    assert "「型」という部品はすでにあります" in page_of(page)
    assert 'value="型"' in page_of(page)
    assert Snippet.objects.get().text == "■ 一\n"
    post(
        editor, [second], f"keep:{second.id}", open=second.id, **{"b-text": "二", "keep-name": "型", "keep-over": "on"}
    )
    assert Snippet.objects.get().text == "■ 二\n"
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {"snippet.create", "snippet.update"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "sentence"),
    [("", "部品名を入力してください"), (" \n", "部品名を入力してください"), ("長" * 101, "100文字まで")],
)
def test_a_name_that_cannot_be_kept_is_told(editor, name, sentence):
    block = heading()
    page = post(editor, [block], f"keep:{block.id}", open=block.id, **{"keep-name": name})
    assert sentence in page_of(page)
    assert not Snippet.objects.exists()


@pytest.mark.django_db
def test_a_mail_of_the_footer_alone_has_nothing_to_keep(editor):
    page = post(editor, [footer()], "keep:", **{"keep-name": "型"})
    assert "部品にするブロックがありません" in page_of(page)


@pytest.mark.django_db
def test_there_are_no_more_than_so_many(editor, workspace):
    Snippet.objects.bulk_create(Snippet(workspace=workspace, name=str(n), text="あ") for n in range(MAX_SNIPPETS))
    block = heading()
    page = post(editor, [block], f"keep:{block.id}", open=block.id, **{"keep-name": "型"})
    assert f"部品は{MAX_SNIPPETS}個まで" in page_of(page)
    assert f"部品は{MAX_SNIPPETS}個まで" in page_of(editor.post(reverse("snippet_index"), {"name": "型", "text": "い"}))
    assert Snippet.objects.count() == MAX_SNIPPETS


@pytest.mark.django_db
def test_snippets_of_others_and_those_without_blocks_cannot_be_put_in(editor, workspace):
    other = make_snippet(make_workspace(), blocks=[heading()])
    words = make_snippet(workspace, text="あ")
    for number in (str(other.pk), str(words.pk), "0", "", "x", "9" * 30):
        page = post(editor, [footer()], "put:", **{"put-snippet": number})
        assert page.status_code == 200
        assert "選んだ部品が見つかりません" in page_of(page)
        assert kinds(page) == ["footer"]


@pytest.mark.django_db
def test_without_scripts_the_whole_page_does_the_same(editor, workspace):
    make_sender(workspace)
    make_list(workspace)
    snippet = make_snippet(workspace, blocks=[heading()])
    data = {"block": [json.dumps(footer().as_json())], "do": "put:", "put-snippet": str(snippet.pk), "kind": "blocks"}
    page = editor.post(reverse("campaign_create"), data)
    assert kinds(page) == ["heading", "footer"]


# ── the pages ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db
def test_words_are_kept_changed_and_deleted(editor, workspace):
    index = reverse("snippet_index")
    assert editor.post(index, {"name": "署名", "text": "みほん商店\r\n{{name|お客様}}"}).url == index
    snippet = Snippet.objects.get(workspace=workspace)
    assert snippet.text == "みほん商店\n{{name|お客様}}"
    text = editor.get(reverse("snippet_text", args=[snippet.pk]))
    assert (text["Content-Type"], text.content.decode()) == ("text/plain; charset=utf-8", snippet.text)
    assert "山田 花子" in page_of(editor.get(reverse("snippet_frame", args=[snippet.pk])))
    detail = reverse("snippet_detail", args=[snippet.pk])
    assert editor.post(detail, {"name": "新しい署名", "text": "みほん"}).url == detail
    assert "新しい署名" in page_of(editor.get(index))
    editor.post(reverse("snippet_delete", args=[snippet.pk]))
    assert not Snippet.objects.exists()
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["snippet.create", "snippet.update", "snippet.delete"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": ""}, "部品名を入力してください"),
        ({"name": "署名"}, "この名前の部品はすでにあります"),
        ({"text": " \n"}, "文を入力してください"),
        ({"text": "あ" * (LONGEST_TEXT + 1)}, str(LONGEST_TEXT)),
    ],
)
def test_what_cannot_be_kept_is_told_and_what_was_typed_stays(editor, workspace, fields, sentence):
    make_snippet(workspace, "署名", text="あ")
    page = page_of(editor.post(reverse("snippet_index"), {"name": "店舗", "text": "み"} | fields))
    assert sentence in page
    assert Snippet.objects.count() == 1


@pytest.mark.django_db
def test_the_words_of_a_block_snippet_may_be_empty(editor, workspace):
    snippet = make_snippet(workspace, blocks=[new_block(BlockKind.DIVIDER)])
    detail = reverse("snippet_detail", args=[snippet.pk])
    assert editor.post(detail, {"name": "線", "text": ""}).url == detail
    assert "<table" in page_of(editor.get(reverse("snippet_frame", args=[snippet.pk])))


@pytest.mark.django_db
def test_a_snippet_that_cannot_be_read_says_so_in_its_frame(editor, workspace):
    snippet = Snippet.objects.create(workspace=workspace, name="古い", blocks={"v": 99})
    assert "文面を読み取れません" in page_of(editor.get(reverse("snippet_frame", args=[snippet.pk])))
    page = post(editor, [footer()], "put:", **{"put-snippet": str(snippet.pk)})
    assert "文面を読み取れません" in page_of(page)


@pytest.mark.django_db
def test_the_list_asks_as_much_for_many_as_for_one(editor, workspace, django_assert_max_num_queries):
    Snippet.objects.bulk_create(Snippet(workspace=workspace, name=str(number), text="あ") for number in range(50))
    with django_assert_max_num_queries(5):
        editor.get(reverse("snippet_index"))

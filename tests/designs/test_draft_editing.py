"""Buttons and inputs of the list of blocks, without pages."""

import json

import pytest
from django.http import QueryDict

from designs.block_forms import FORMS, form_for, paragraphs
from designs.blocks import FIELDS, MAX_BLOCKS, BlockKind, Design, new_block, read_design
from designs.brands import Look
from designs.draft_editing import EditedDesign, begin, change, find, read_posted, show_block
from designs.exceptions import DesignRefused

LOOK = Look(sns=({"service": "x", "href": "https://x.com/tabi"},))


def edited(*kinds):
    return EditedDesign(Design(tuple(new_block(kind) for kind in kinds)))


def kinds_of(state):
    return [block.kind.value for block in state.design.blocks]


def posted(state, **fields):
    """Return the form as a browser sends it."""
    data = QueryDict(mutable=True)
    data.setlist("block", [json.dumps(block.as_json()) for block in state.design.blocks])
    data["open"] = state.open
    data.update({f"b-{name}": value for name, value in fields.items()})
    return data


def test_a_new_mail_begins_with_what_every_mail_has():
    assert [block.kind for block in begin(LOOK).blocks] == ["heading", "text", "button", "footer"]
    assert "{{unsubscribe_url}}" in begin(LOOK).blocks[-1].data["text"]


@pytest.mark.parametrize("kind", list(BlockKind), ids=str)
def test_every_kind_has_a_form_whose_values_come_back(kind):
    state = change(edited(), f"add::{kind.value}", look=LOOK)
    block = state.design.blocks[0]
    shown = {name: value for name, value in ((f.name, f.value()) for f in state.form) if value not in (None, False)}
    again = read_posted(posted(state, **{name: "on" if value is True else str(value) for name, value in shown.items()}))
    assert again.errors == []
    assert again.design.blocks[0] == block
    assert kind == BlockKind.SNS or set(FORMS[kind]) <= set(FIELDS[kind])


def test_a_block_is_added_behind_another_and_the_footer_stays_last():
    state = edited(BlockKind.HEADING, BlockKind.FOOTER)
    state = change(state, "add::text", look=LOOK)
    assert (kinds_of(state), state.open) == (["heading", "text", "footer"], state.design.blocks[1].id)
    state = change(state, f"add:{state.design.blocks[0].id}:button", look=LOOK)
    assert kinds_of(state) == ["heading", "button", "text", "footer"]


def test_blocks_are_moved_copied_and_removed():
    state = edited(BlockKind.HEADING, BlockKind.TEXT, BlockKind.BUTTON)
    first, second, third = (block.id for block in state.design.blocks)
    assert kinds_of(change(state, f"up:{third}", look=LOOK)) == ["heading", "button", "text"]
    assert kinds_of(change(state, f"down:{third}", look=LOOK)) == ["heading", "text", "button"]
    assert kinds_of(change(state, f"move:{first}:2", look=LOOK)) == ["text", "button", "heading"]
    copied = change(state, f"copy:{second}", look=LOOK)
    assert kinds_of(copied) == ["heading", "text", "text", "button"]
    assert copied.open == copied.design.blocks[2].id != second
    removed = change(show_block(state, second), f"remove:{second}", look=LOOK)
    assert (kinds_of(removed), removed.open) == (["heading", "button"], "")


def test_columns_hold_their_own_blocks():
    state = edited(BlockKind.COLUMNS)
    columns = state.design.blocks[0].id
    state = change(state, f"add:{columns}.right:picture", look=LOOK)
    state = change(state, f"add:{columns}.right:button", look=LOOK)
    state = change(state, f"up:{state.open}", look=LOOK)
    assert [part.kind for part in state.design.blocks[0].data["right"]] == ["button", "picture"]
    assert change(state, f"add:{columns}.left:footer", look=LOOK).design.blocks[0].data["left"] == []
    typed = read_posted(posted(state, label="予約する", href="https://tabi.example/", tone="accent", align="left"))
    assert typed.design.blocks[0].data["right"][0].data["label"] == "予約する"
    # What a column may not hold comes behind both.
    inner = state.design.blocks[0].data["right"][0].id
    assert kinds_of(change(state, f"add:{inner}:footer", look=LOOK)) == ["columns", "footer"]


def test_what_cannot_be_used_keeps_its_value_and_holds_the_block_open():
    state = change(edited(), "add::button", look=LOOK)
    good = read_posted(posted(state, label="予約", href="https://tabi.example/", tone="accent", align="left"))
    bad = read_posted(posted(good, label="予約", href="javascript:alert(1)", tone="accent", align="left"))
    assert bad.design.blocks[0].data["href"] == "https://tabi.example/"
    assert [place for place, _sentence in bad.errors] == [f"{state.open}-href"]
    assert change(bad, "close:", look=LOOK).open == state.open
    assert change(good, "close:", look=LOOK).open == ""


def test_a_page_older_than_a_field_loses_nothing():
    """What a page that was loaded before an update does not post stays as it is."""
    state = change(edited(), "add::heading", look=LOOK)
    band = read_posted(posted(state, text="夏", level="1", align="center", ground="accent"))
    old = read_posted(posted(band, text="秋", level="1", align="center"))
    data = old.design.blocks[0].data
    assert (data["text"], data["ground"], old.errors) == ("秋", "accent", [])


def test_what_stands_in_a_column_has_no_ground_of_its_own():
    state = change(edited(), "add::columns", look=LOOK)
    assert "ground" in state.form.fields
    state = change(state, f"add:{state.open}.left:text", look=LOOK)
    assert "ground" not in state.form.fields
    assert "ground" not in read_posted(posted(state, html="a", align="left")).form.fields


def test_text_is_cleaned_and_plain_lines_become_paragraphs():
    state = change(edited(), "add::text", look=LOOK)
    typed = read_posted(posted(state, html='<p style="color:red">a<script>x</script><strong>b</strong></p>'))
    assert typed.design.blocks[0].data["html"] == "<p>a<strong>b</strong></p>"
    assert paragraphs("一行目\r\n二行目\r\n\r\n次") == "<p>一行目<br>二行目</p><p>次</p>"


def test_services_are_links_in_their_order_and_bad_ones_are_told():
    block = new_block(BlockKind.SNS, sns=LOOK.sns)
    data = QueryDict(mutable=True)
    data.update({"b-line": "https://line.me/tabi", "b-x": "x.com", "b-youtube": ""})
    form = form_for(block, data)
    assert form.block().data["links"] == [{"service": "line", "href": "https://line.me/tabi"}]
    assert list(form.errors) == ["x"]


def test_too_many_blocks_are_refused_and_nothing_is_lost():
    state = edited(*[BlockKind.DIVIDER] * MAX_BLOCKS)
    more = change(state, "add::text", look=LOOK)
    assert str(MAX_BLOCKS) in more.problem
    assert more.design == state.design


@pytest.mark.parametrize("block", ["{", "[" * 10_000, '{"id":"a<b>","kind":"text"}', '{"id":"abcd","kind":"x"}', "1"])
def test_what_no_page_wrote_is_refused(block):
    data = QueryDict(mutable=True)
    data["block"] = block
    with pytest.raises(DesignRefused):
        read_posted(data)


@pytest.mark.parametrize(
    "action", ["", "up:", "move:x:1", "add:x.left:text", "copy:none", "add::nothing", "x:y:z", "open:"]
)
def test_unknown_buttons_do_no_harm(action):
    state = edited(BlockKind.TEXT)
    after = change(state, action, look=LOOK)
    assert find(after.design, state.design.blocks[0].id)
    assert read_design(after.design.as_json()) == after.design

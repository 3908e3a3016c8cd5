"""The JSON of blocks: what is read, with what defaults, and what is refused with its place."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designs.blocks import (
    FIELDS,
    MAX_BLOCKS,
    Block,
    BlockKind,
    copy_block,
    new_block,
    read_design,
)
from designs.exceptions import DesignRefused
from tests.designs.samples import full_design, one

pytestmark = pytest.mark.once
SHOWN = {"v": 1, "all": [{"field": "attribute:ランク", "op": "is", "value": "金"}]}


def test_a_design_is_read_as_it_was_written():
    design = full_design()
    assert {block.kind for block in design.all_blocks()} == set(BlockKind)
    assert read_design(design.as_json()) == design


@pytest.mark.parametrize("kind", BlockKind)
def test_a_new_block_can_be_read(kind):
    block = new_block(kind)
    assert block.data.keys() == FIELDS[kind].keys()
    assert read_design({"blocks": [block.as_json()]}).blocks == (block,)


def test_a_new_footer_and_its_links_are_those_of_the_brand():
    links = [{"service": "x", "href": "https://x.example/"}]
    assert new_block(BlockKind.SNS, sns=links).data["links"] == links
    assert new_block(BlockKind.FOOTER, footer="例の会社").data["text"] == "例の会社"
    assert "{{unsubscribe_url}}" in new_block(BlockKind.FOOTER).data["text"]


def test_a_copy_has_ids_of_its_own():
    columns = next(block for block in full_design().blocks if block.kind == BlockKind.COLUMNS)
    copied = copy_block(columns)
    assert read_design({"blocks": [columns.as_json(), copied.as_json()]}).blocks == (columns, copied)
    assert copied.data["left"][0].data == columns.data["left"][0].data


def test_pictures_in_columns_and_cards_are_found():
    assert full_design().pictures() == {5, 6, 7}


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("heading", "text", "あ" * 201),
        ("heading", "text", 5),
        ("heading", "text", "{{?3}}"),
        ("heading", "text", "{{ @ }}"),
        ("heading", "level", 4),
        ("heading", "level", True),
        ("heading", "level", "1"),
        ("heading", "align", "right"),
        ("heading", "align", ["left"]),
        ("text", "html", "あ" * 20_001),
        ("text", "html", None),
        ("text", "html", "<p>{{<em></em>?3}}</p>"),
        ("text", "html", "<p>{{&#63;3}}</p>"),
        ("text", "html", "<p>{{&nbsp;/3}}</p>"),
        ("text", "html", "<blockquote>" * 60),
        ("html", "html", "<div>" * 2000),
        ("html", "html", '<img alt="{{?1}}">'),
        ("picture", "picture", 0),
        ("picture", "picture", 2**63),
        ("picture", "picture", "5"),
        ("picture", "src", "javascript:alert(1)"),
        ("picture", "src", "mailto:a@a.example"),
        ("picture", "width", 19),
        ("button", "href", "javascript:alert(1)"),
        ("button", "href", "data:text/html,x"),
        ("button", "href", "//a.example/"),
        ("button", "href", "https://a.example/x y"),
        ("button", "href", 'https://a.example/"'),
        ("button", "href", "https://[/"),
        ("button", "href", "https://a.example/{{?1}}"),
        ("button", "href", "https://a.example/{{name}"),
        ("button", "href", "https://a.example/" + "a" * 2000),
        ("divider", "line", 1),
        ("divider", "space", 65),
        ("columns", "left", {}),
        ("columns", "right", [one("heading")] * 11),
        ("sns", "links", [{"service": "myspace", "href": "https://a.example/"}]),
        ("sns", "links", [{"service": "x", "href": "https://a.example/"}] * 11),
        ("sns", "links", ["x"]),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(kind, field, value):
    with pytest.raises(DesignRefused) as refused:
        read_design({"blocks": [{"id": "abcd", "kind": kind, "data": {field: value}}]})
    assert refused.value.sentence
    assert (refused.value.place, refused.value.field) == ("abcd", field)


@pytest.mark.parametrize(
    "href",
    [
        *(
            "https://a.example",
            "http://a.example/?a=1&b={{会員番号|0}}#x",
            "https://日本語.example/商品",
            "{{会員URL}}",
        ),
        *("mailto:info@a.example?subject=x", "tel:+81-3-0000-0000", "{{unsubscribe_url}}", ""),
    ],
)
def test_links_of_mails_are_taken(href):
    block = read_design({"blocks": [one("button", href=f" {href} ")]}).blocks[0]
    assert block.data["href"] == href


@pytest.mark.parametrize(
    "data",
    [
        *(None, [], "x", {}, {"v": 2, "blocks": []}, {"blocks": "x"}, {"blocks": [5]}, {"blocks": [{"id": "abcd"}]}),
        {"blocks": [{"id": "abcd", "kind": "video", "data": {}}]},
        {"blocks": [{"id": "../a", "kind": "text", "data": {}}]},
        {"blocks": [{"id": "abcd", "kind": ["text"], "data": {}}]},
        {"blocks": [{"id": "abcd", "kind": "text", "data": []}]},
        {"blocks": [one("text"), one("text")]},
        {"blocks": [{**one("text"), "id": f"b{number:04}"} for number in range(MAX_BLOCKS + 1)]},
        {"blocks": [{**one("text", html="あ" * 20_000), "id": f"b{number:04}"} for number in range(4)]},
    ],
)
def test_what_no_page_of_ours_wrote_is_refused(data):
    with pytest.raises(DesignRefused) as refused:
        read_design(data)
    assert refused.value.sentence


def test_columns_hold_simple_blocks_alone():
    for inner in (one("columns"), one("footer"), {**one("text"), "show": SHOWN}):
        with pytest.raises(DesignRefused):
            read_design({"blocks": [one("columns", left=[{**inner, "id": "inner"}])]})


def test_the_place_in_a_column_is_that_of_the_inner_block():
    with pytest.raises(DesignRefused) as refused:
        read_design({"blocks": [one("columns", left=[{**one("button", href="x"), "id": "inner"}])]})
    assert (refused.value.place, refused.value.field) == ("inner", "href")


def test_conditions_are_read_and_refused():
    assert read_design({"blocks": [{**one("text"), "show": SHOWN}]}).blocks[0].show == SHOWN
    # The last one has what the law wants, which nobody may miss.
    for block in ({**one("text"), "show": {"all": []}}, {**one("text"), "show": 5}, {**one("footer"), "show": SHOWN}):
        with pytest.raises(DesignRefused) as refused:
            read_design({"blocks": [block]})
        assert (refused.value.place, refused.value.field) == ("abcd", "show")


def test_what_no_mail_may_hold_is_left_out():
    block = one("footer", text="a\x00b\x0b\r\nc\ud800\u2028d\te")
    assert read_design({"blocks": [block]}).blocks[0].data["text"] == "ab\nc\nd e"
    assert read_design({"blocks": [one("heading", text="a\nb")]}).blocks[0].data["text"] == "a b"


def test_unknown_fields_are_left_out():
    assert "onclick" not in read_design({"blocks": [one("text", onclick="x")]}).blocks[0].data


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def damaged(draw) -> dict[str, object]:
    """A design in which one value was replaced by anything."""
    data = copy.deepcopy(full_design().as_json())
    at = data
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = draw(st.sampled_from(keys))
        if not isinstance(at[key], dict | list) or not at[key] or draw(st.integers(0, 4)) == 0:
            at[key] = draw(ANYTHING)
            return data
        at = at[key]


@given(damaged())
def test_whatever_is_posted_is_read_or_refused(data):
    try:
        design = read_design(data)
    except DesignRefused:
        return
    assert all(isinstance(block, Block) for block in design.all_blocks())
    assert read_design(design.as_json()) == design

"""Regions are cut as the plain oracle says, whatever stands around their marks; numbers stay where a text has them."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designs.blocks import read_design
from designs.brands import Look
from designs.exceptions import DesignRefused
from designs.regions import (
    ALL_SHOWN,
    HTML_MARK,
    MAX_NUMBER,
    NO_NUMBER,
    TEXT_MARK,
    conditions_of,
    cut_html,
    cut_text,
    find_regions,
    numbers_in,
    renumber,
    stray_marks,
    without_marks,
)
from designs.rendering import render_design
from tracking.links import Links
from tracking.rewriting import rewrite_html, rewrite_text

SHOWN = st.integers(0, ALL_SHOWN)
NUMBERS = st.sampled_from([1, 2, 3, 31])
HTML_PIECE = st.one_of(
    st.builds("<!--?{}-->".format, NUMBERS),
    st.builds("<!--/{}-->".format, NUMBERS),
    st.sampled_from(
        ["<!--?0-->", "<!--?100-->", "<!-- ?1 -->", "<p title='a'>", "{{name|<!--?1-->}}", "{{", "}}", "<!--"]
    ),
    st.text(st.sampled_from("あa<>-!?/1{}|\r\n "), max_size=6),
)
TEXT_PIECE = st.one_of(
    st.builds("{{{{?{}}}}}".format, NUMBERS),
    st.builds("{{{{/{}}}}}".format, NUMBERS),
    st.sampled_from(["\n", "\r\n", "\r", " ", "\t", "{{?0}}", "{{name}}", "語", "x"]),
)


def find_plainly(part, is_html):
    """Return the places of marks, (is_opening, number, start, end), letter by letter as anybody would look for them."""
    found, at = [], 0
    while at < len(part):
        if is_html and (tag := re.match(r"\{\{[^{}\r\n]*\}\}", part[at:])):
            at += tag.end()
            continue
        shape = r"<!--([?/])(\d+)-->" if is_html else r"\{\{([?/])(\d+)\}\}"
        mark = re.match(shape, part[at:])
        if mark is None or mark[2].startswith("0") or len(mark[2]) > 2:
            at += 1
            continue
        end = at + mark.end()
        if not is_html:
            starts_line = at == 0 or part[at - 1] == "\n"
            rest = re.match(r"[ \t]*(\r\n|\n|\r|$(?![\r\n]))", part[end:])
            if not starts_line or rest is None:
                at += 1
                continue
            end += rest.end()
        found.append((mark[1] == "?", int(mark[2]), at, end))
        at = end
    return found


def cut_plainly(part, shown, is_html):
    """Return what `cut` is to give: every letter is kept, dropped as a mark, or as part of what is not shown."""
    marks = find_plainly(part, is_html)
    dropped = set()
    for (opens, number, start, end), (reopens, other, start_after, end_after) in pairwise(marks):
        if opens and not reopens and number == other:
            dropped |= {*range(start, end), *range(start_after, end_after)}
            if not shown & 2 ** (number - 1):
                dropped |= set(range(start, end_after))
    return "".join(letter for at, letter in enumerate(part) if at not in dropped)


@given(st.lists(HTML_PIECE, max_size=14).map("".join), SHOWN)
def test_html_is_cut_as_the_plain_way_cuts_it(part, shown):
    assert cut_html(part, shown) == cut_plainly(part, shown, is_html=True)


@given(st.lists(TEXT_PIECE, max_size=16).map("".join), SHOWN)
def test_text_is_cut_as_the_plain_way_cuts_it(part, shown):
    assert cut_text(part, shown) == cut_plainly(part, shown, is_html=False)


@given(st.lists(HTML_PIECE, max_size=14).map("".join))
def test_every_mark_is_of_a_region_or_stray(part):
    paired = [
        number for opening, closing in find_regions(part, HTML_MARK) for number in (opening.number, closing.number)
    ]
    assert len(paired) + len(stray_marks(part, HTML_MARK)) == len(find_plainly(part, is_html=True))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_lines_of_marks_go_with_them(end):
    text = end.join(["前", "{{?2}}", "二", "", "{{/2}}", "後", ""])
    assert cut_text(text, 0) == end.join(["前", "後", ""])
    assert cut_text(text, 0b10) == end.join(["前", "二", "", "後", ""])
    assert without_marks(text) == cut_text(text, ALL_SHOWN)


def test_a_very_long_part_of_marks_is_cut_at_once():
    part = "<!--?1-->" * 100_000
    assert cut_html(part, 0) == part


def asks(value):
    return {"v": 1, "all": [{"field": "name", "op": "is", "value": value}]}


def design_of(*shows):
    blocks = [
        {"id": f"block{at}", "kind": "text", "data": {"html": f"<p>語{at} https://a.example/{at}</p>"}}
        | ({"show": asks(show)} if show else {})
        for at, show in enumerate(shows)
    ]
    return read_design({"v": 1, "blocks": blocks})


@given(st.lists(st.sampled_from(["", "金", "銀", "銅"]), min_size=1, max_size=6), SHOWN)
def test_a_cut_mail_has_the_blocks_that_are_shown_also_once_its_links_are_ours(shows, shown):
    rendered = render_design(design_of(*shows), Look(), title="題", preheader="")
    conditions = rendered.conditions
    wanted = [not show or bool(shown >> conditions.index(asks(show)) & 1) for show in shows]
    links = Links(7, "http://testserver")
    for text, html in (
        (rendered.text, rendered.html),
        (rewrite_text(rendered.text, links.replace), rewrite_html(rendered.html, links.replace)),
    ):
        for part in (cut_text(text, shown), cut_html(html, shown)):
            assert [f"語{at} " in part for at in range(len(shows))] == wanted
            assert "{{?" not in part
            assert "<!--?" not in part
    everywhere = {number for number, condition in enumerate(conditions, 1) if condition}
    assert numbers_in(rendered.text, TEXT_MARK) == numbers_in(rendered.html, HTML_MARK) == everywhere


def test_a_number_of_a_text_by_hand_is_not_given_away():
    known = (asks("金"), asks("銀"))
    text = "{{?1}}\n金の人へ\n{{/1}}\n"
    assert conditions_of(design_of("銀", "銅"), known, text) == (asks("金"), asks("銀"), asks("銅"))
    assert conditions_of(design_of("銀", "銅"), known) == (asks("銅"), asks("銀"))
    assert conditions_of(design_of("", "銀"), known) == (None, asks("銀"))
    assert conditions_of(design_of(""), known) == ()
    # Another form of the mail asks for them.
    assert conditions_of(design_of("銅"), known, keeps=True) == (asks("金"), asks("銀"), asks("銅"))


def test_a_text_by_hand_beside_another_form_is_numbered_as_that_is():
    text = "{{?1}}\r\n金\r\n{{/1}}\r\n{{?2}}\r\n銀\r\n{{/2}}\r\n"
    shared = (asks("銀"), None, asks("金"))
    written = renumber(text, (asks("金"), asks("銀")), shared)
    assert written == "{{?3}}\r\n金\r\n{{/3}}\r\n{{?1}}\r\n銀\r\n{{/1}}\r\n"
    assert numbers_in(renumber(text, (asks("金"),), shared), TEXT_MARK) == {3, NO_NUMBER}


def test_a_text_with_every_number_leaves_none():
    text = "".join(f"{{{{?{number}}}}}\n" for number in range(1, MAX_NUMBER + 1))
    with pytest.raises(DesignRefused):
        conditions_of(design_of("金"), (), text)

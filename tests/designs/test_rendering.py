"""Both parts of a design: each block is in both, the HTML is well-formed also for Outlook, and nothing hostile gets through."""

import html
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designs.blocks import GROUNDS, MAX_BLOCKS, BlockKind, Design, new_block, read_design
from designs.brands import DARK_INK, Look
from designs.colours import contrast
from designs.exceptions import DesignRefused
from designs.models import BrandFont
from designs.rendering import Rendered, render_design
from tests.designs.page_checking import REGION, fault_of, without_regions
from tests.designs.samples import SHOWN, full_design, one

pytestmark = pytest.mark.once
PICTURES = {number: f"https://mail.example/p/{number}.png" for number in (5, 6, 7)}
HOSTILE = [
    "<b>", "]]>", "<![CDATA[", "<mj-include path='/etc/passwd' />", "</mj-text>", "{{", "}}", "{{name", "{{name|<i>}}",
    '"', "'", "&", "&amp;", "-->", "<!--?1-->", "<!--/1-->", "<!--[if mso]>", "\ud800", "\x00", "\ufffe", "</title>",
    "</style>", "<?xml?>", "\u202e", "\u200d", "𠮷", "<svg/onload=alert(1)>", "javascript:alert(1)", "&#x0;", "&bogus;",
]  # fmt: skip


def render(*blocks: dict[str, Any], look: Look | None = None, title: str = "件名", preheader: str = "") -> Rendered:
    """Return both parts of blocks of JSON."""
    numbered = [{**block, "id": f"block{number}"} for number, block in enumerate(blocks)]
    design = read_design({"blocks": numbered})
    return render_design(design, look or Look(), title=title, preheader=preheader, pictures=PICTURES)


def words_of(page: str) -> str:
    """Return what is shown of an HTML part."""
    body = re.sub(r"<!--.*?-->|<style.*?</style>|<[^>]*>", " ", page[page.index("<body") :], flags=re.DOTALL)
    return " ".join(html.unescape(body).split())


@pytest.mark.parametrize("font", BrandFont)
@pytest.mark.parametrize("accent", ["#1a5fb4", "#ffee00", "#000000", "#ffffff"])
def test_a_mail_with_every_kind_of_block_is_well_formed(font, accent):
    look = Look(accent=accent, font=font)
    rendered = render_design(full_design(), look, title="{{name|お客様}}へ", preheader="<予告>", pictures=PICTURES)
    assert fault_of(rendered.html) == ""
    assert fault_of(without_regions(rendered.html)) == ""
    assert "{{name|お客様}}" in rendered.html
    assert "prefers-color-scheme: dark" in rendered.html


@pytest.mark.parametrize("block", full_design().blocks, ids=lambda block: block.kind.value)
def test_every_block_says_the_same_in_both_parts(block):
    rendered = render_design(Design((block,)), Look(), title="件名", preheader="", pictures=PICTURES)
    assert fault_of(rendered.html) == ""
    if block.kind == BlockKind.DIVIDER:
        assert rendered.text.strip("─\n") == ""
        return
    shown = "".join(words_of(rendered.html).split()) + " ".join(re.findall(r'alt="([^"]*)"', rendered.html))
    linked = html.unescape(" ".join(re.findall(r'href="([^"]*)"', rendered.html)))
    words = [word for word in re.split(r"[\s\[\]()()■●▼・━:>]+|https:/", rendered.text) if word and "{{?" not in word]
    assert words
    assert [word for word in words if word not in shown + linked and "{{/" not in word] == []


@pytest.mark.parametrize("kind", BlockKind)
def test_a_block_that_is_not_filled_in_yet_leaves_no_trace(kind):
    rendered = render(new_block(kind).as_json())
    assert fault_of(rendered.html) == ""
    if kind not in (BlockKind.FOOTER, BlockKind.DIVIDER):
        assert rendered.text == ""
        assert words_of(rendered.html) == ""


def test_a_picture_that_is_gone_is_left_out():
    assert "<img" not in render(one("picture", picture=99, alt="x")).html


def test_regions_stand_around_what_is_shown_to_some():
    other = {"v": 1, "all": [{"field": "name", "op": "is_empty"}]}
    rendered = render(
        one("text", html="<p>皆様</p>"),
        one("text", html="<p>金</p>") | {"show": SHOWN},
        one("text", html="<p>無名</p>") | {"show": other},
        one("button", label="金の部屋", href="https://a.example/") | {"show": SHOWN},
        one("picture") | {"show": SHOWN},
    )
    assert rendered.conditions == (SHOWN, other)
    assert [(number, words_of("<body>" + inner)) for number, inner in REGION.findall(rendered.html)] == [
        *(("1", "金"), ("2", "無名"), ("1", "金の部屋"))
    ]
    assert rendered.text == (
        "皆様\n\n{{?1}}\n金\n\n{{/1}}\n{{?2}}\n無名\n\n{{/2}}\n{{?1}}\n▼ 金の部屋\nhttps://a.example/\n\n{{/1}}\n"
    )


@pytest.mark.parametrize("first", full_design().blocks, ids=lambda block: block.kind.value)
def test_every_kind_can_be_cut_out_also_for_outlook(first):
    block = first.as_json() | {"show": SHOWN}
    if first.kind == BlockKind.FOOTER:
        return
    for blocks in ([block], [one("text", html="<p>x</p>"), block, one("footer", text="y")]):
        page = render(*blocks).html
        assert len(REGION.findall(page)) == 1
        assert fault_of(page) == fault_of(without_regions(page)) == ""


@pytest.mark.parametrize("accent", ["#1a5fb4", "#f5c518", "#101010", "#ffffff"])
def test_words_on_a_colour_can_be_read(accent):
    look = Look(accent=accent)
    for ground in GROUNDS:
        paper = look.paper(ground)
        assert contrast(paper.text, paper.ground) >= 4.5
        assert contrast(paper.link, paper.ground) >= 4.5
    assert contrast(look.dark_tint_link, look.dark_tint) >= 4.5
    assert contrast(DARK_INK, look.dark_tint) >= 4.5


def test_a_ground_reaches_from_edge_to_edge():
    page = render(one("heading", text="A", ground="accent"), one("footer", text="B")).html
    band = re.findall(r'class="hm-card hm-band"[^>]*', page)
    assert band
    assert all("#1a5fb4" in part for part in band)
    # No white above or below it.
    assert "height:24px;line-height:24px" not in page.split("hm-band")[0]
    assert page.count('class="hm-card"') == 0


def test_a_button_on_a_band_changes_its_colours():
    page = render(one("button", label="A", href="https://a.example/", ground="accent")).html
    assert re.search(r'<td[^>]*bgcolor="#ffffff"', page)


def test_what_stands_in_columns_stands_on_their_ground():
    part = one("text", html='<p><a href="https://a.example/">x</a></p>', ground="accent") | {"id": "part"}
    page = render(one("columns", left=[part], ground="soft")).html
    assert "hm-tint" in page
    assert "hm-band" not in page.split("<body")[1]


def test_one_heading_is_the_title():
    page = render(one("heading", text="A"), one("heading", text="B", level=1), one("heading", text="C", level=1)).html
    assert re.findall(r"<(h\d)[^>]*>(\w)", page) == [("h2", "A"), ("h1", "B"), ("h2", "C")]


def test_tags_keep_their_names_and_fallbacks():
    rendered = render(
        one("heading", text="{{お店A&B|A&B<1>}}"),
        one("text", html="<p>{{name|A&amp;B}}</p>"),
        one("button", label="x", href="https://a.example/?a=1&b={{会員番号|0}}"),
        title="{{name|A&B}}",
    )
    assert "{{お店A&B|A&B<1>}}" in rendered.html
    assert "{{お店A&B|A&B<1>}}" in rendered.text
    assert "<title>{{name|A&B}}</title>" in rendered.html
    assert rendered.html.count("{{name|A&B}}") == 3
    assert 'href="https://a.example/?a=1&amp;b={{会員番号|0}}"' in rendered.html


def test_halves_of_tags_do_not_swallow_what_is_between():
    page = render(
        one("heading", text="{{name"), one("text", html="<p>a</p>"), one("button", label="b}} {c}", href="")
    ).html
    body = page[page.index("<body") :]
    assert "{" not in body
    assert "}" not in body
    assert words_of(page) == "{{name a b}} {c}"


def test_a_tag_that_is_bold_in_part_stays_a_tag():
    rendered = render(one("text", html="<p>{{na<strong>me|お客様}} 様</strong></p>"))
    assert "{{name|お客様}}<strong> 様</strong>" in rendered.html
    assert rendered.text == "{{name|お客様}} 様\n"


def test_a_preheader_is_hidden_and_followed_by_nothing():
    page = render(one("text", html="<p>本文</p>"), preheader="予告 & 詳細").html
    hidden = re.search(r'<div style="display:none[^"]*">(.*?)</div>', page).group(1)
    assert hidden.startswith("予告 &amp; 詳細&#847;")
    assert "display:none" not in render(one("text", html="<p>本文</p>")).html


def test_a_footer_links_what_the_law_wants():
    text = "{{legal_name}}\nお問い合わせ: {{contact}}\n配信停止はこちら: {{unsubscribe_url}}\n{{web_url}}\n詳細 https://a.example/?a=1&b=2"
    page = render(one("footer", text=text)).html
    links = re.findall(r'<a href="([^"]*)"[^>]*>([^<]*)</a>', page)
    assert links == [
        ("{{unsubscribe_url}}", "配信停止はこちら"),
        ("{{web_url}}", "ブラウザーで見る"),
        ("https://a.example/?a=1&amp;b=2", "https://a.example/?a=1&amp;b=2"),
    ]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_words_are_words_or_refused(hostile):
    for text in (hostile, hostile * 3, f"a{hostile}b"):
        try:
            rendered = render(
                one("heading", text=text),
                one("text", html=f"<p>{text}</p>"),
                one("picture", src="https://a.example/a.png", alt=text),
                one("button", label=text, href="https://a.example/"),
                one("product", name=text, price=text, text=text, label=text),
                one("footer", text=text),
                one("html", html=f"<div title='x'>{text}</div>"),
                title=text,
                preheader=text,
            )
        except DesignRefused:
            continue
        # What is no tag any more once it is filled must not be read as an element before.
        filled = re.sub(r"\{\{[^{}\r\n]*\}\}", "", rendered.html)
        assert fault_of(filled) == ""
        assert "<!--?" not in rendered.html
        assert "{{?" not in rendered.text


def test_the_largest_design_is_written():
    rendered = render(*[one("text", html="<p>" + "あ" * 500 + "</p>")] * MAX_BLOCKS)
    assert rendered.html.count("あ" * 500) == rendered.text.count("あ" * 500) == MAX_BLOCKS


@pytest.mark.parametrize("colour", ["red", "#fff", "#12345g", "#123456;}", "#ABCDEF"])
def test_only_colours_reach_a_style_sheet(colour):
    with pytest.raises(ValueError, match=re.escape(colour)):
        Look(accent=colour)


ELEMENTS = ("p", "strong", "em", "ul", "ol", "li", "h3", "blockquote", "b", "div")
PASTED = [
    *(f"<{close}{name}>" for name in ELEMENTS for close in ("", "/")),
    *('<a href="https://a.example/?a=1&b=2">', "<a href={{会員URL}}>", "</a>", "<br>", "<br/>", "&nbsp;"),
    *("<img src=x>", "<img src=https://a.example/a.png>", *HOSTILE),
]
PIECES = st.lists(st.sampled_from(PASTED) | st.text(max_size=8), max_size=25)


@settings(max_examples=80)
@given(PIECES)
def test_whatever_is_pasted_becomes_a_mail_or_is_refused(pieces):
    pasted = "".join(pieces)
    try:
        rendered = render(one("text", html=pasted), one("html", html=pasted))
    except DesignRefused:
        return
    # The preflight asks for the words of pictures.
    described = rendered.html.replace("<img src=", '<img alt="" src=')
    assert fault_of(re.sub(r"\{\{[^{}\r\n]*\}\}", "", described)) == ""

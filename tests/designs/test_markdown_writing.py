"""Mails in Markdown: both parts, merge tags, and nothing raw."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designs.brands import Look
from designs.exceptions import DesignRefused
from designs.markdown_writing import MAX_MARKDOWN, render_markdown
from tests.designs.page_checking import fault_of
from tests.designs.test_rendering import HOSTILE, words_of

pytestmark = pytest.mark.once
LETTER = """# 夏のお知らせ

{{name|お客様}} 様、**本日**より[セール]({{会員URL}})です。

# 商品

- 皿
- 碗
  1. 小

| 品 | 値段 |
|---|---:|
| 皿 | 1,000円 |

> 引用

![青い皿](https://a.example/a.png)
"""


def test_both_parts_say_the_same():
    rendered = render_markdown(LETTER, Look(), title="夏", preheader="予告")
    assert fault_of(rendered.html) == ""
    assert re.findall(r"<(h\d)[^>]*>([^<]*)", rendered.html) == [("h1", "夏のお知らせ"), ("h2", "商品")]
    assert '<a href="{{会員URL}}"' in rendered.html
    assert "text-align:right" in rendered.html
    assert rendered.conditions == ()
    assert rendered.text == (
        "■ 夏のお知らせ\n\n{{name|お客様}} 様、本日よりセール ( {{会員URL}} ) です。\n\n■ 商品\n\n・皿\n・碗\n  1. 小\n\n"
        "品 値段\n皿 1,000円\n\n> 引用\n\n[青い皿]\n"
    )


def test_marks_in_a_tag_are_no_marks():
    rendered = render_markdown(
        "{{legal_name}} {{_a_|*x* <b> & y}} [x](https://a.example/?i={{会員_番号_}})", Look(), title="", preheader=""
    )
    for tag in ("{{legal_name}}", "{{_a_|*x* <b> & y}}", "https://a.example/?i={{会員_番号_}}"):
        assert tag in rendered.html
        assert tag in rendered.text


def test_raw_html_is_text():
    rendered = render_markdown(
        '<script>alert(1)</script>\n\n<a href="https://a.example/">x</a> [j](javascript:alert(1))',
        Look(),
        title="",
        preheader="",
    )
    assert "<script" not in rendered.html
    assert "javascript:alert(1)" in words_of(rendered.html)
    assert "<script>alert(1)</script>" in rendered.text


@pytest.mark.parametrize("source", ["あ" * (MAX_MARKDOWN + 1), "{{?1}}", "a\n\n{{/1}}"])
def test_what_cannot_be_used_is_refused(source):
    with pytest.raises(DesignRefused):
        render_markdown(source, Look(), title="", preheader="")


def test_nothing_becomes_an_empty_mail():
    rendered = render_markdown(" \n", Look(), title="", preheader="")
    assert rendered.text == words_of(rendered.html) == ""


@given(
    st.lists(
        st.sampled_from(["# ", "- ", "> ", "1. ", "|", "\n", "\n\n", "*", "**", "`", "[", "](", ")", "![", *HOSTILE])
        | st.text(max_size=5),
        max_size=25,
    )
)
def test_whatever_is_typed_becomes_a_mail_or_is_refused(pieces):
    try:
        rendered = render_markdown("".join(pieces), Look(), title="件名", preheader="")
    except DesignRefused:
        return
    assert fault_of(re.sub(r"\{\{[^{}\r\n]*\}\}", "", rendered.html)) == ""

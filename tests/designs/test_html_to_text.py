"""HTML as plain text."""

import pytest

from designs.html_to_text import html_to_text
from designs.markup import MarkupError, nesting, read_pieces

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("", ""),
        ("a", "a"),
        ("<p>a</p><p>b<br>c</p>", "a\n\nb\nc"),
        ("<p>a</p><p></p><p></p><p>b</p>", "a\n\nb"),
        ("<p>a\n  b&nbsp;c &lt;&amp;</p>", "a b c <&"),
        ('<a href="https://a.example/?a=1&amp;b=2">一覧</a>です', "一覧 ( https://a.example/?a=1&b=2 ) です"),
        ('<p><a href="https://a.example/">一覧</a></p>', "一覧 ( https://a.example/ )"),
        ('<a href="https://a.example/">https://a.example/</a>', "https://a.example/"),
        ('<a href="https://a.example/"><img src="x" alt="皿"></a>', "[皿] ( https://a.example/ )"),
        ('<a href="https://a.example/"><img src="x"></a>', "https://a.example/"),
        ("<a>x</a>", "x"),
        (
            "<ul><li>a</li><li><p>b</p><ol><li>c</li><li>d</li></ol></li><li></li><li>e</li></ul>f",
            "・a\n・b\n  1. c\n  2. d\n・\n・e\n\nf",
        ),
        ("<blockquote><p>a<br>b</p><blockquote>c</blockquote></blockquote>d", "> a\n> b\n\n> > c\n\nd"),
        ("<h1>a</h1><h3>b</h3>c", "■ a\n\n● b\n\nc"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<pre>a\n  b</pre>c", "a\n  b\n\nc"),
        ("a<hr>b", "a\n\n────────────────────\n\nb"),
        ("<div>a</div><div>b</div><!-- c -->", "a\nb"),
    ],
)
def test_reads_as_a_mail_of_text(markup, text):
    assert html_to_text(markup) == text


@pytest.mark.parametrize("markup", ["<", "a < b", "<p", '<p a="', "<!-- x", "<!doctype html>", "<p a=b>"])
def test_what_is_not_well_written_is_told(markup):
    with pytest.raises(MarkupError):
        list(read_pieces(markup))


def test_depth_is_that_of_open_elements():
    assert nesting("<p>a<br>b</p><ul><li>c</li></ul>") == 2
    assert nesting("<div>" * 3000 + "</div>" * 3000) == 3000

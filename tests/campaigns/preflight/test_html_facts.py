"""What a mail program shows of an HTML part."""

import pytest

from campaigns.preflight.html_facts import MOST_TEXT, read_html


def test_links_have_their_words_and_pictures():
    facts = read_html(
        '<a href=" https://a.example/ ">ご<b>案内</b></a><a href="https://b.example/"><img src="x" alt="割引"></a>'
    )
    assert [(link.href, link.text, link.has_picture) for link in facts.links] == [
        ("https://a.example/", "ご案内", False),
        ("https://b.example/", "割引", True),
    ]


@pytest.mark.parametrize(
    "part",
    [
        "<!-- {{contact}} --><p>本文</p>",
        '<div style="color:red; Display : NONE">{{contact}}</div><p>本文</p>',
        "<div hidden><p>{{contact}}</p></div><p>本文</p>",
        "<head><title>{{contact}}</title></head><body><p>本文</p></body>",
        "<style>{{contact}}</style><p>本文</p>",
        "<!--[if mso]>{{contact}}<![endif]--><p>本文</p>",
        '<div style="display:none"><div><br>{{contact}}</div></div><p>本文</p>',
    ],
)
def test_what_is_hidden_is_not_shown(part):
    assert read_html(part).text == "本文"


def test_broken_markup_hides_nothing_that_is_shown():
    assert read_html("</div></b><p>一<p>二</div>三").text == "一 二三"
    assert read_html('<span style="display:none">隠<b>れる</span>見える').text == "見える"
    assert read_html('<img style="display:none"><br hidden>見える').text == "見える"


def test_pictures_tell_a_missing_alt_from_an_empty_one():
    facts = read_html('<img src="a"><img src="b" alt=""><img src="c" alt="花">')
    assert [picture.alt for picture in facts.pictures] == [None, "", "花"]


def test_elements_that_do_nothing_in_a_mail_are_named():
    facts = read_html('<script>x</script><form></form><link rel="stylesheet" href="x"><link rel="icon"><p>本文</p>')
    assert facts.unfit == {"script", "form", "link"}


@pytest.mark.parametrize(
    "part",
    [
        "<" * 5000,
        "<p>" * 20000 + "</b>" * 20000,
        "<a href='" * 2000,
        "<!--" * 2000,
        "&#x110000;\ud800",
        "<![CDATA[" * 500,
    ],
)
def test_nothing_breaks_it(part):
    assert len(read_html(part).text) <= MOST_TEXT + len(part)

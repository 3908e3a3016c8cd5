"""Links in mails are replaced, and nothing else is touched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.rewriting import add_picture, is_safe_target, is_trackable, rewrite_html, rewrite_text

OWN = "https://m.example/c/5/1/{{@}}"


def found_in(rewrite, text: str) -> list[str]:
    """Return the addresses that a rewriting was asked about."""
    found: list[str] = []
    assert rewrite(text, lambda url: found.append(url)) == text
    return found


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ('<a href="https://a.example/">x</a>', ["https://a.example/"]),
        ("<A HREF='https://a.example/?a=1&amp;b=2'>x</A>", ["https://a.example/?a=1&b=2"]),
        ("<a class=b href=https://a.example/>x</a>", ["https://a.example/"]),
        ('<a\n href = " https://a.example/ " >x</a>', ["https://a.example/"]),
        ('<a title="> href=\'no\'" href="https://a.example/">x</a>', ["https://a.example/"]),
        ('<a href="https://a.example/" href="https://b.example/">x</a>', ["https://a.example/"]),
        ('<area href="https://a.example/">', ["https://a.example/"]),
        ('<!--[if mso]><v:roundrect href="https://a.example/"><![endif]-->', ["https://a.example/"]),
        ('<!--[if mso]><a href="https://a.example/">x</a><![endif]-->', ["https://a.example/"]),
        ('<link href="https://a.example/x.css"><img src="https://a.example/x.png">', []),
        ('<a data-href="https://a.example/">x</a><abbr href="https://a.example/">', []),
        ('<a name="x">x</a><a href>y</a><a href="">z</a>', [""]),
        ("""<a href="https://a.example/?q='sale'">""", ["https://a.example/?q='sale'"]),
        ("""<a href='https://a.example/"x"'>""", ['https://a.example/"x"']),
        ("<a href=https://a.example/?q='x'&b=1>", ["https://a.example/?q='x'&b=1"]),
    ],
)
def test_finds_the_links_of_html(text, urls):
    assert found_in(rewrite_html, text) == urls


def test_writes_one_link_and_leaves_the_rest():
    text = "<a  class=b href='https://a.example/'\n id=c>x</a><p title='>'>&copy;"
    assert rewrite_html(text, lambda _url: OWN) == f"<a  class=b href='{OWN}'\n id=c>x</a><p title='>'>&copy;"


# As Chromium reads them.
@pytest.mark.parametrize(
    ("written", "read"),
    [
        *((same, same) for same in ("section=2", "params=", "region=", "reg=", "notify=1", "currency=", "timestamp=1")),
        *((same, same) for same in ("copy=1", "center=", "frac123", "notin=", "hearts", "unknown;", "&1", "amp=1")),
        *((amp + "b=2", "b=2") for amp in ("amp;", "#38;", "#x26;", "#38", "AMP;", "#00000000000038;")),
    ],
)
def test_reads_an_address_as_browsers_do(written, read):
    assert found_in(rewrite_html, f'<a href="https://a.example/?id=5&{written}">') == [
        f"https://a.example/?id=5&{read}"
    ]


@pytest.mark.parametrize(
    ("written", "read"), [("copy;", "©"), ("copy", "©"), ("sect-x", "§-x"), ("hearts;", "♥"), ("#x110000;", "\ufffd")]
)
def test_reads_other_characters_by_their_names(written, read):
    assert found_in(rewrite_html, f'<a href="https://a.example/&{written}">') == [f"https://a.example/{read}"]


def test_a_number_without_end_is_no_character():
    assert found_in(rewrite_html, f'<a href="https://a.example/&#{"9" * 5000};">') != []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("""<img alt="<a href='https://a.example/'>">""", f"""<img alt="<a href='{OWN}'>">"""),
        ('<img alt="<a href=https://a.example/>">', f'<img alt="<a href={OWN}>">'),
    ],
)
def test_what_looks_like_a_link_in_an_attribute_breaks_nothing(text, expected):
    assert rewrite_html(text, lambda _url: OWN) == expected


@given(text=st.text() | st.text(st.sampled_from("<a href='\"=>/ {}x:&")))
def test_leaves_html_as_it_is_where_nothing_is_replaced(text):
    assert rewrite_html(text, lambda _url: None) == text
    assert rewrite_text(text, lambda _url: None) == text


@pytest.mark.parametrize("piece", ["<a ", "<a '", '<a "', "<a href=", "<a href='", "<a x='\"", "<a " + "x " * 50])
def test_broken_markup_takes_no_time(piece):
    text = piece * (400_000 // len(piece))
    assert rewrite_html(text, lambda _url: None) == text


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("詳細はhttps://a.example/sale。お早めに", ["https://a.example/sale"]),
        ("(https://a.example/x)", ["https://a.example/x"]),
        ("「https://a.example/x」、https://a.example/y!", ["https://a.example/x", "https://a.example/y"]),
        ("https://a.example/wiki_(x)", ["https://a.example/wiki_(x)"]),
        ("https://a.example/?id={{会員番号|なし}}&b=1\n次", ["https://a.example/?id={{会員番号|なし}}&b=1"]),
        ("<https://a.example/x>", ["https://a.example/x"]),
        ("xhttps://a.example mailto:a@b.example", []),
        # Where it ends depends on the mail program.
        ("https://a.example/商品/5 https://a.example/saleはこちら", []),
        ("https://a.example/" + ")" * 200_000, []),
    ],
)
def test_finds_the_addresses_of_a_text(text, urls):
    assert found_in(rewrite_text, text) == urls


def test_keeps_what_follows_an_address_in_a_text():
    assert rewrite_text("見る(https://a.example/x)。", lambda _url: OWN) == f"見る({OWN})。"


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example",
        "http://a.example:8080/x",
        "HTTPS://A.EXAMPLE/x#y",
        "https://a.example/{{会員番号|なし あり}}",
        "https://a.example/日本語",
    ],
)
def test_may_be_replaced(url):
    assert is_trackable(url)


@pytest.mark.parametrize(
    "url",
    [
        *("", "#top", "/x", "mailto:a@b.example", "tel:03", "javascript:alert(1)", "ftp://a.example/", "//a.example/"),
        *("https://", "https:///x", "https://{{会員URL}}/", "https://a.example{{name}}", "{{会員URL}}"),
        *("https://a@b.example/", "https://a.example\\@b.example/", "https://a.example/ x", "https://a.example/\nx"),
        *("https://日本.example/", "https://a.example/?u={{unsubscribe_url}}", "{{unsubscribe_url}}"),
        *(
            "https://a.example/{{x",
            "https://-a.example/",
            "https://a.example:0/",
            "https://a.example:99999/",
            "https://a.example/" + "x" * 5000,
        ),
    ],
)
def test_stays_as_it_is(url):
    assert not is_trackable(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/x?id=A 1",
        "https://a.example/\r\nX: y",
        "https://a.example:0/x",
        "https://a.example/" + "x" * 16384,
    ],
)
def test_leads_nowhere_unsafe(url):
    assert not is_safe_target(url)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<body>x</BODY >y", '<body>x<img src="u" width="1" height="1" alt="" style="border:0"></BODY >y'),
        ("x", 'x<img src="u" width="1" height="1" alt="" style="border:0">'),
    ],
)
def test_the_picture_stands_at_the_end(text, expected):
    assert add_picture(text, "u") == expected

"""HTML and MJML from elsewhere: what is kept, what is refused before a parser sees it, and what is never loaded."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from designs.exceptions import DesignRefused
from designs.own_html import (
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_FILE,
    inline_css,
    read_html_file,
    read_mjml_file,
    show_safely,
)
from tests.designs.page_checking import fault_of
from tests.designs.test_rendering import HOSTILE

pytestmark = pytest.mark.once
PAGE = (
    '<!DOCTYPE html><html><head><meta charset="utf-8"><style>p{color:red} a:hover{color:blue}'
    "@media (max-width:480px){p{color:green!important}}</style></head><body><!--[if mso]><table><tr><td><![endif]-->"
    '<p>{{name|A&B}} 様</p><a href="https://a.example/?a=1&amp;b={{id}}">x</a>'
    "<!--[if mso]></td></tr></table><![endif]--></body></html>"
)


def mjml(body: str, head: str = "") -> bytes:
    """Return a file of MJML."""
    return f"<mjml><mj-head>{head}</mj-head><mj-body>{body}</mj-body></mjml>".encode()


def section(inner: str) -> str:
    """Return a section with one column."""
    return f"<mj-section><mj-column>{inner}</mj-column></mj-section>"


def test_rules_become_styles_and_media_queries_stay():
    page = inline_css(PAGE)
    assert re.search(r'<p style="color: red;?">{{name\|A&B}} 様</p>', page)
    assert "@media (max-width:480px){p{color:green!important}}" in page
    assert "a:hover{color:blue}" in page
    assert page.startswith("<!DOCTYPE html>")
    assert page.count("<!--[if mso]>") == page.count("<![endif]-->") == 2
    assert 'href="https://a.example/?a=1&amp;b={{id}}"' in page


def test_html_without_sheets_stays_as_it_is():
    page = "<p>a<br>b <P CLASS=x>c"
    assert inline_css(page) == page


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/x.css", "file://{}", "{}"])
def test_no_sheet_is_loaded(tmp_path, address):
    sheet = tmp_path / "x.css"
    sheet.write_text("p{color:#123456}", encoding="ascii")
    link = f'<link rel="stylesheet" href="{address.format(sheet)}">'
    page = inline_css(f"{link}<style>@import url({address.format(sheet)});p{{margin:0}}</style><p>x</p>")
    assert "#123456" not in page
    assert "margin: 0" in page


@pytest.mark.parametrize("page", ["<div>" * (MAX_ELEMENTS + 1), "<b a=1>" * 30_000, "あ" * (MAX_FILE // 3 + 1)])
def test_what_could_end_the_process_is_refused(page):
    for read in (inline_css, show_safely, lambda page: read_html_file(page.encode())):
        with pytest.raises(DesignRefused) as refused:
            read("<style>p{}</style>" + page)
        assert refused.value.sentence


@pytest.mark.parametrize(
    "rules",
    [
        "p:not(i ~ p ~ p){color:red}" * 50,
        "p:has(~ i){color:red}" * 50,
        "." + "a" * 9 + "{" + "".join(f"p{number}:1;" for number in range(2000)) + "}",
        "".join(f".a{{color:#{number:06x}}}" for number in range(2000)),
    ],
)
def test_sheets_that_would_hold_a_process_for_long_are_refused(rules):
    with pytest.raises(DesignRefused, match="多すぎるか複雑すぎます"):
        inline_css(f"<style>{rules}</style>" + "<p>本文</p>" * 4900)
    # The same sheet is no trouble for a mail of the usual size.
    assert inline_css(f"<style>{rules}</style>" + "<p>本文</p>" * 50)


def test_the_deepest_that_is_taken_is_read():
    assert inline_css("<style>p{margin:0}</style>" + "<div>" * (MAX_ELEMENTS - 10)).count("</div>") == MAX_ELEMENTS - 10


def test_display_is_harmless():
    shown = show_safely(
        '<style>p{color:red;position:fixed}</style><script>alert(1)</script><p onclick="x()">a</p><form><input name=a></form>'
        '<iframe src="https://a.example/"></iframe><a href="javascript:alert(1)">j</a><a href="https://a.example/">b</a>'
        '<!--c--><img src="data:image/svg+xml,x" onerror="x()"><svg><script>x</script></svg><meta http-equiv=refresh content=0>'
    )
    assert shown.startswith('<p style="color:red">a</p>')
    assert 'href="https://a.example/"' in shown
    for gone in ("script", "alert", "onclick", "onerror", "form", "iframe", "data:", "<!--", "meta", "position", "svg"):
        assert gone not in shown


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("cp932", "Shift_JIS"),
        ("euc_jp", "EUC-JP"),
        ("iso2022_jp", "ISO-2022-JP"),
    ],
)
def test_files_of_all_codes_of_japanese_are_read(encoding, name):
    page = f'<html><head><meta http-equiv="Content-Type" content="text/html; charset={name}"></head><p>拝啓\r\n初夏のお知らせです。'
    read = read_html_file(page.encode(encoding))
    assert read == page.replace(name, "utf-8").replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("codec", "front", "words"),
    [
        ("utf-8", '<meta charset="utf-8">', "©"),
        ("utf-8", "<!doctype html>", "©"),
        ("utf-8-sig", "<meta charset=Shift_JIS>", "é"),
        # A mark that stayed when the file was written anew in another code.
        ("cp932", '<meta charset="utf-8">', "初夏のお知らせです。"),
        ("cp932", "<META CHARSET='x-sjis'>", "ﾃﾞｻﾞｲﾝ"),
        ("euc_jp", '<meta content="text/html; charset=EUC-JP">', "東京"),
        ("iso2022_jp", "<meta charset=utf-8>", "東京"),
        ("utf-16", '<meta charset="utf-8">', "東京"),
        ("utf-16-le", "<!doctype html>", "東京の初夏"),
    ],
)
def test_a_file_is_read_as_it_says(codec, front, words):
    assert read_html_file(f"{front}<p>{words}".encode(codec)).endswith(f"<p>{words}")


def test_mjml_is_read_as_its_prologue_says():
    source = '<?xml version="1.0" encoding="Shift_JIS"?>' + mjml(section("<mj-text>ﾃ｡</mj-text>")).decode()
    assert "ﾃ｡" in read_mjml_file(source.encode("cp932"))


@pytest.mark.parametrize(
    "data", [b"", b" \n", b"\x89PNG\r\n\x1a\n\x00\x00", b"PK\x03\x04\x00\x00", "挨拶だけ".encode(), b"\xff\xfe\x00\xd8"]
)
def test_files_that_are_no_html_are_refused(data):
    with pytest.raises(DesignRefused) as refused:
        read_html_file(data)
    assert refused.value.sentence


def test_mjml_becomes_html():
    page = read_mjml_file(
        b'<?xml version="1.0"?><!-- c -->\n'
        + mjml(
            section(
                "<mj-text>{{name|A&amp;B}} &nbsp;<p>a<br>b</p></mj-text><mj-button href='https://a.example/?a=1&amp;b=2'>x</mj-button>"
                '<mj-image src="https://a.example/a.png" alt="皿" /><mj-raw><!--[if mso]><i>x</i><![endif]--></mj-raw>'
            ),
            "<mj-title>T</mj-title><mj-style>.a { color: red }</mj-style>",
        )
    )
    assert fault_of(page.replace('<html lang="und"', '<html lang="ja"')) == ""
    for kept in (
        "{{name|A&B}}",
        'href="https://a.example/?a=1&amp;b=2"',
        ".a { color: red }",
        "<!--[if mso]><i>x</i><![endif]-->",
    ):
        assert kept in page


@pytest.mark.parametrize(
    "data",
    [
        mjml("<mj-wrapper>" * (MAX_DEPTH + 1) + "</mj-wrapper>" * (MAX_DEPTH + 1)),
        mjml("<mj-wrapper>" * 3000 + "</mj-wrapper>" * 3000),
        mjml(section("<mj-text>" + "<b>" * 3000 + "</b>" * 3000 + "</mj-text>")),
        # Ends that a parser would not count must not hide how deep it goes.
        mjml("<mj-wrapper><!-- </mj-wrapper> -->" * 3000 + "</mj-wrapper>" * 3000),
        mjml('<mj-wrapper a="</mj-wrapper>">' * 3000 + "</mj-wrapper>" * 3000),
        mjml("<mj-wrapper a='\">'></mj-section>" * 3000),
        mjml("<mj-wrapper>" * 3000),
        mjml("</mj-wrapper>"),
        mjml(section("<mj-text>a < b</mj-text>")),
        mjml(section("<mj-text><![CDATA[ x ]]></mj-text>")),
        mjml(section("<mj-text><a href=x/>y</a></mj-text>")),
        mjml("<mj-include path='/etc/passwd' />"),
        mjml(section("<mj-social><mj-social-element name='x' href='https://x.com/' /></mj-social>")),
        b"<html><p>x</p></html>",
        b"<mj-body></mj-body>",
        b"x<mjml></mjml>",
        b"<mjml></mjml>x",
        b"<mjml><!-- ",
        b"<mjml",
        "拝啓".encode(),
    ],
    ids=range(20),
)
def test_mjml_that_cannot_be_used_is_refused(data):
    with pytest.raises(DesignRefused) as refused:
        read_mjml_file(data)
    assert refused.value.sentence


def test_a_mark_behind_japanese_words_does_not_end_the_process():
    for place in ("mj-hero", "mj-text"):
        page = read_mjml_file(mjml(section(f"<{place}>おすすめ></{place}>")))
        assert "おすすめ&gt;" in page
    page = read_mjml_file(
        "<mjml><mj-body><mj-section>おすすめ><mj-column></mj-column></mj-section></mj-body></mjml>".encode()
    )
    assert "おすすめ" in page


@pytest.mark.parametrize("parent", [".a >", ".メニュー >", ".𠮷>", ".表\n>", "p>.a .メニュー>"])
def test_sheets_keep_their_marks(parent):
    sheet = f"{parent} p{{margin:0}}"
    page = read_mjml_file(mjml(section("<mj-text>x</mj-text>"), f"<mj-style>{sheet}</mj-style>"))
    assert re.sub(r"\s*>", ">", sheet) in re.sub(r"\s*>", ">", page)
    assert "&gt;" not in page


PIECES = st.lists(
    st.sampled_from(
        [
            *(f"<{close}mj-{name}>" for name in ("section", "column", "text", "wrapper", "raw", "head", "body", "style") for close in ("", "/")),
            *("<mjml>", "</mjml>", "<mj-image src='a' />", "<br>", "<p>", "</p>", "<style>", "</style>", "<table>", "<tr>", "<td>"),
            *HOSTILE,
        ]
    )
    | st.text(max_size=6),
    max_size=20,
)  # fmt: skip


@settings(max_examples=80)
@given(PIECES)
def test_whatever_is_uploaded_becomes_html_or_is_refused(pieces):
    written = "".join(pieces)
    for read in (
        lambda: read_mjml_file(mjml(section(f"<mj-text>{written}</mj-text>").replace("\ud800", "")[:5000])),
        lambda: read_mjml_file(f"<mjml>{written}</mjml>".encode(errors="replace")),
        lambda: inline_css(f"<style>p{{color:red}} {written}</style>{written}"),
        lambda: show_safely(written),
        lambda: read_html_file(written.encode(errors="replace")),
    ):
        try:
            assert isinstance(read(), str)
        except DesignRefused as refused:
            if not refused.sentence:
                raise

"""What people type as a domain or a sender's address: mended, or refused with a sentence that says how."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senders.domain_names import (
    clean_domain,
    clean_sender_address,
    display_domain,
    guess_zone,
    to_unicode,
)
from senders.errors import AddressRefused


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("example.co.jp", "example.co.jp"),
        ("  Example.CO.jp. ", "example.co.jp"),
        ("ｅｘａｍｐｌｅ．ｃｏ．ｊｐ", "example.co.jp"),
        ("example。jp", "example.jp"),
        ("example｡jp", "example.jp"),
        ("日本語.jp", "xn--wgv71a119e.jp"),
        ("news.example.tokyo.jp", "news.example.tokyo.jp"),
        ("a-1.example", "a-1.example"),
        # Another domain than fass.de, and only the mapping of older days made one of both (UTS #46).
        ("faß.de", "xn--fa-hia.de"),
        ("FAẞ.de", "xn--fa-hia.de"),
        ("xn--fa-hia.de", "xn--fa-hia.de"),
        # Capitals know one sigma, and so it is not the one of the end of a word.
        ("ΒΌΛΟΣ.gr", "xn--nxasmq6b.gr"),
        ("らーめん.jp", "xn--ebkp5a86a.jp"),
        # Registered by people below the names of a city, and by the city itself.
        ("shop.shibuya.tokyo.jp", "shop.shibuya.tokyo.jp"),
        ("city.kawasaki.jp", "city.kawasaki.jp"),
        # A provider may send from the name below which its customers are.
        ("hatenablog.com", "hatenablog.com"),
    ],
)
def test_mends_what_is_meant(typed: str, stored: str) -> None:
    assert clean_domain(typed) == stored


@pytest.mark.parametrize(
    ("typed", "advice"),
    [
        ("", "入力してください"),
        ("https://example.co.jp", "「http://」や「https://」を付けずに"),
        ("example.co.jp/contact", "「/」から後ろ"),
        ("news@example.co.jp", "「@」より後ろ"),
        ("example .co.jp", "空白"),
        ("example.co.jp\r\nBcc: x", "空白や改行"),
        ("my_shop.co.jp", "アンダースコア"),
        ("192.0.2.1", "IPアドレス"),
        ("[2001:db8::1]", "IPアドレス"),
        ("1.2.3.4.5", "英数字"),
        ("localhost", "「.jp」や「.com」"),
        ("example", "「.jp」や「.com」"),
        ("jp", "「jp」だけでは足りません"),
        ("co.jp", "登録の単位"),
        ("tokyo.jp", "登録の単位"),
        ("shibuya.tokyo.jp", "登録の単位"),
        ("kawasaki.jp", "登録の単位"),
        ("naka.kawasaki.jp", "登録の単位"),
        ("大阪.jp", "登録の単位"),
        ("a..example.jp", "ドット"),
        (".example.jp", "ドット"),
        ("-a.example.jp", "ハイフン"),
        ("ex!ample.jp", "英数字"),
        ("a" * 64 + ".jp", "63文字"),
        (".".join(["abcdefgh"] * 28) + ".jp", "253文字"),
        ("é" * 70 + ".jp", "長すぎます"),
        ("tabi.jp、foo.jp", "1つずつ"),
        ("tabi.jp,foo.jp", "1つずつ"),
        ("tabi.jp;foo.jp", "1つずつ"),
        ("tabi.jp?x=1", "「?」から後ろ"),
        ("tabi.jp#top", "「#」から後ろ"),
        ("tabi.jp:25", "「:」から後ろ"),
        ("mailto:news@tabi.jp", "「@」より後ろ"),
        ("☃.jp", "「☃」はドメイン名に使えません"),
        ("旅😀.jp", "「😀」はドメイン名に使えません"),
        ("a・b.jp", "「・」はドメイン名に使えません"),
        ("ー.jp", "「-」(ハイフン)の間違い"),
        ("myーshop.jp", "「-」(ハイフン)の間違い"),
        ("xn--a.jp", "元の文字のまま"),
        ("xn--n3h.jp", "元の文字のまま"),
        ("xn--日本.jp", "元の文字のまま"),
        ("aא.jp", "「א」はドメイン名に使えません"),
        ("ab--旅.jp", "文字の並び"),
    ],
)
def test_refuses_with_a_sentence(typed: str, advice: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        clean_domain(typed)
    assert advice in refused.value.sentence


def test_length_limit_is_exact() -> None:
    longest = ".".join(["a" * 49] * 5) + ".jp"
    assert len(longest) == 252
    assert clean_domain("b" + longest) == "b" + longest
    with pytest.raises(AddressRefused):
        clean_domain("bb" + longest)


@given(st.text())
def test_every_text_is_refused_or_becomes_a_domain(text: str) -> None:
    try:
        name = clean_domain(text)
    except AddressRefused:
        return
    assert name.isascii()
    assert clean_domain(name) == name


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("news@example.co.jp", "news@example.co.jp"),
        (" News.Letter+a@EXAMPLE.co.jp ", "News.Letter+a@example.co.jp"),
        ("ｎｅｗｓ＠ｅｘａｍｐｌｅ．ｊｐ", "news@example.jp"),
        ("info@日本語.jp", "info@xn--wgv71a119e.jp"),
    ],
)
def test_reads_addresses(typed: str, stored: str) -> None:
    assert str(clean_sender_address(typed)) == stored


@pytest.mark.parametrize(
    ("typed", "advice"),
    [
        ("", "「名前@ドメイン」"),
        ("example.co.jp", "「名前@ドメイン」"),
        ("@example.co.jp", "「名前@ドメイン」"),
        ("a..b@example.co.jp", "「@」より前"),
        ("a.@example.co.jp", "「@」より前"),
        ("お知らせ@example.co.jp", "「@」より前"),
        ("a b@example.co.jp", "「@」より前"),
        ("a@b@example.co.jp", "「@」より前"),
        ("news@example.co.jp\nBcc: x@example.net", "「@」より前"),
        ("news@example.co.jp\nBcc: x", "空白や改行"),
        ("news@localhost", "「.jp」や「.com」"),
        ("a" * 65 + "@example.co.jp", "64文字"),
    ],
)
def test_refuses_addresses_with_a_sentence(typed: str, advice: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        clean_sender_address(typed)
    assert advice in refused.value.sentence


@pytest.mark.parametrize(
    ("name", "registered"),
    [
        ("example.jp", "example.jp"),
        ("a.b.example.co.jp", "example.co.jp"),
        ("example.co.jp", "example.co.jp"),
        ("mail.example.com", "example.com"),
        ("x.shop.shibuya.tokyo.jp", "shop.shibuya.tokyo.jp"),
        ("news.shop.naka.kawasaki.jp", "shop.naka.kawasaki.jp"),
        ("mail.city.kawasaki.jp", "city.kawasaki.jp"),
        ("news.shop.jpn.com", "shop.jpn.com"),
        ("news.xn--wgv71a119e.xn--pssu33l.jp", "xn--wgv71a119e.xn--pssu33l.jp"),
        # Not in the list, and in it.
        ("a.b.example", "b.example"),
        ("hatenablog.com", "hatenablog.com"),
    ],
)
def test_the_zone_of_a_name(name: str, registered: str) -> None:
    assert guess_zone(name) == registered


def test_punycode_is_shown_in_both_forms() -> None:
    assert display_domain("xn--wgv71a119e.jp") == "日本語.jp (xn--wgv71a119e.jp)"
    assert display_domain("example.jp") == "example.jp"
    # Neither a name of IDNA 2008: the second is a snowman.
    assert display_domain("xn--zzzzzzzzz99999.jp") == "xn--zzzzzzzzz99999.jp"
    assert display_domain("xn--n3h.jp") == "xn--n3h.jp"
    assert to_unicode("xn--fa-hia.de") == "faß.de"

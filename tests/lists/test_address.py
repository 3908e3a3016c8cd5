"""What is taken for a mail address and what is refused."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lists.address import InvalidAddress, clean_address, part_as_key


def test_takes_a_plain_address_as_it_is() -> None:
    cleaned = clean_address("Taro.Yamada+news@example.co.jp")
    assert cleaned.address == "Taro.Yamada+news@example.co.jp"
    assert cleaned.key == "taro.yamada+news@example.co.jp"
    assert cleaned.domain == "example.co.jp"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ｔａｒｏ＠ｅｘａｍｐｌｅ．ｊｐ", "taro@example.jp"),
        ("taro＠example。jp", "taro@example.jp"),
        ("\u3000taro@example.jp \u00a0", "taro@example.jp"),
        ("taro@example.jp\r\n", "taro@example.jp"),
        ("\ufefftaro\u200b@exam\u00adple.jp\u200e", "taro@example.jp"),
        ("taro@EXAMPLE.JP", "taro@example.jp"),
        ("山田 太郎 <taro@example.jp>", "taro@example.jp"),
        ('"a..b"@docomo.ne.jp', "a..b@docomo.ne.jp"),
        ("taro@日本語.example", "taro@xn--wgv71a119e.example"),
        # Other domains than fass.de, and than βόλοσ.gr with the usual sigma.
        ("taro@faß.de", "taro@xn--fa-hia.de"),
        ("taro@FAẞ.de", "taro@xn--fa-hia.de"),
        ("taro@βόλος.gr", "taro@xn--nxasmm1c.gr"),
        ("taro@ΒΌΛΟΣ.gr", "taro@xn--nxasmq6b.gr"),
        # A sign is no letter of IDNA 2008, but such domains are registered and get mail.
        ("taro@❤\ufe0f.ws", "taro@xn--qei.ws"),
        ("taro@i😀.ws", "taro@xn--i-jv3s.ws"),
        # Joiners that join nothing came along by copying.
        ("taro@日\u200d本\u200c語.example", "taro@xn--wgv71a119e.example"),
        ("ta\u200dro@exam\u200cple.jp", "taro@example.jp"),
        ("نامه\u200cای <taro@example.jp>", "taro@example.jp"),
        ("o'hara&co@example.jp", "o'hara&co@example.jp"),
        ("a" * 64 + "@example.jp", "a" * 64 + "@example.jp"),
    ],
)
def test_folds_what_can_only_mean_one_address(text: str, address: str) -> None:
    assert clean_address(text).address == address


@pytest.mark.parametrize(
    "address",
    ["a..b@docomo.ne.jp", "a.@ezweb.ne.jp", ".a@softbank.ne.jp", "a..b.@t.vodafone.ne.jp", "-a.-@docomo.ne.jp"],
)
def test_takes_the_dots_of_old_carrier_addresses_f1(address: str) -> None:
    """F1."""
    assert clean_address(address).address == address


def test_compares_without_case_and_by_the_ascii_domain() -> None:
    assert clean_address("Taro@日本語.example").key == clean_address("taro@XN--WGV71A119E.example").key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Taro@日本語.EXAMPLE", "taro@xn--wgv71a119e.example"),
        ("@FAß.de", "@xn--fa-hia.de"),
        ("ΒΌΛΟΣ.gr", "xn--nxasmq6b.gr"),
        ("日\u200d本語。example", "xn--wgv71a119e.example"),
        ("日本語.", "xn--wgv71a119e."),
        ("EXAMPLE.Jp", "example.jp"),
        # Nothing that is in a key.
        ("-日本.JP", "-日本.jp"),
    ],
)
def test_a_part_is_written_as_keys_are(text: str, key: str) -> None:
    assert part_as_key(text) == key


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "空です"),
        (" \u3000\u200b", "空です"),
        ("taro.example.jp", "「@」がありません"),
        ("taro@@example.jp", "「@」が2つ以上"),
        ("a@example.jp, b@example.jp", "メールアドレスが2つ以上"),
        ("a@example.jp;b@example.jp", "メールアドレスが2つ以上"),
        ("@example.jp", "前が空"),
        ("taro@", "ドメイン)が空"),
        ("taro@localhost", "「.」がありません"),
        ("taro@.example.jp", "「.」の位置"),
        ("taro@example..jp", "「.」の位置"),
        ("taro@example.jp.", "「.」の位置"),
        ("taro@exam_ple.jp", "使えない文字「_」"),
        ("taro@exam ple.jp", "使えない文字「空白」"),
        ("taro@-example.jp", "「-」の位置"),
        ("taro@example.123", "終わり"),
        ("taro@[192.0.2.1]", "IPアドレス宛て"),
        ("taro@" + "a" * 64 + ".jp", "長すぎる部分"),
        ("taro@" + "あ" * 64 + ".jp", "長すぎる部分"),
        ("taro@" + "あ" * 60 + ".jp", "長すぎる部分"),
        ("taro@日本\ue000.jp", "日本語ドメイン"),
        ("taro@xn--日本.jp", "日本語ドメイン"),
        ("taro@نامه\u200cای.com", "見えない文字"),
        ("名前 <taro@ශ්\u200dරී.lk>", "見えない文字"),
        ("taro@" + "abcd." * 51 + "jp", "ドメインが長すぎます"),
        ("t" * 20 + "@" + "abcd." * 48 + "jp", "254文字"),
        ("a" * 2000, "254文字"),
        ("a" * 65 + "@example.jp", "64文字"),
        ("ta ro@example.jp", "使えない文字「空白」"),
        ("太郎@example.jp", "使えない文字「太」"),
        ('"ta ro"@example.jp', "使えない文字「空白」"),
        ("ta\U000e0001ro@example.jp", "使えない文字「U+E0001」"),
        ("a..b@example.jp", "「.」の位置"),
        ("a.@gmail.com", "「.」の位置"),
        ("taro@example.jp\r\nBcc: evil@example.com", "改行"),
        ("taro\n@example.jp", "改行"),
        ("ta\0ro@example.jp", "制御文字"),
        ("taro@example.jp\u2028x", "改行"),
        ("<a@example.jp> <b@example.jp>", "2つ以上"),
    ],
)
def test_refuses_with_a_sentence_that_names_the_fault(text: str, sentence: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        clean_address(text)
    assert sentence in caught.value.sentence
    assert len(caught.value.sentence) <= 200


LOCALS = st.from_regex(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}(\.[A-Za-z0-9]{1,10})?", fullmatch=True)
DOMAINS = st.from_regex(r"([a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?\.){1,3}[a-z]{2,5}", fullmatch=True)


@given(LOCALS, DOMAINS)
def test_the_long_way_agrees_with_the_fast_way(local: str, domain: str) -> None:
    address = f"{local}@{domain}"
    assert clean_address(address) == clean_address(f"\u200b{address}\u200b")


@given(LOCALS, DOMAINS)
def test_full_width_means_the_same(local: str, domain: str) -> None:
    address = f"{local}@{domain}"
    wide = "".join(chr(ord(character) + 0xFEE0) for character in address)
    assert clean_address(wide) == clean_address(address)


@given(st.text(max_size=300) | st.builds("{}@{}".format, st.text(max_size=20), st.text(max_size=40)))
@example("ß@ß.jp")
@example("a@℀.jp")
@example("a@a\u3002jp")
@example("a@xn--a.jp")
# What took a time that grew with the third power; folded, the second is ten times as long.
@example("@" * 500 + "," * 500)
@example("@" * 500 + "\ufdfa" * 500)
@example("a@\U0001f600.jp")
@example("a@\x01\u200c.jp")
@example("a@\ufdfa\u200d" * 200)
def test_any_text_is_an_address_that_cleans_to_itself_or_is_refused(text: str) -> None:
    try:
        cleaned = clean_address(text)
    except InvalidAddress:
        return
    assert clean_address(cleaned.address) == cleaned
    assert cleaned.address.isascii()
    assert not any(unicodedata.category(character) == "Cc" for character in cleaned.address)
    assert cleaned.address.count("@") == 1
    assert cleaned.key == cleaned.address.lower()
    assert cleaned.address.endswith(f"@{cleaned.domain}")
    assert len(cleaned.address) <= 254

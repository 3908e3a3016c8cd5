"""Domains that look like others are noticed, honest ones are not."""

import pytest

from senders.domain_names import clean_domain
from senders.lookalike import find_lookalike, is_one_slip


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        # A Cyrillic а among Latin letters, and a label of Cyrillic letters alone.
        ("gm\u0430il.com", "別の文字(キリル文字、ラテン文字)が混ざっています"),
        ("\u0430\u0440\u0440\u04cf\u0435.com", "「apple.com」とよく似ています"),
        ("\u03b1\u03c1\u03c1le.com", "ギリシャ文字"),
        # 力 is a Chinese character here.
        ("力メラ.jp", "カタカナの「カ」と見分けがつきません"),
        ("カメラ二.jp", "カタカナの「ニ」"),
        ("gmai.com", "「gmail.com」とよく似ています"),
        ("gmial.com", "「gmail.com」とよく似ています"),
        ("gmaill.com", "「gmail.com」とよく似ています"),
        ("gnail.com", "「gmail.com」とよく似ています"),
        ("gmai1.com", "「gmail.com」とよく似ています"),
        ("g00gle.com", "「google.com」とよく似ています"),
        ("gmáil.com", "「gmail.com」とよく似ています"),
        ("yahooo.co.jp", "「yahoo.co.jp」とよく似ています"),
        ("docmo.ne.jp", "「docomo.ne.jp」とよく似ています"),
        ("gmail.con", "「gmail.com」とよく似ています"),
        ("docomo.ne.jo", "「docomo.ne.jp」とよく似ています"),
        ("rnicrosoft.com", "「microsoft.com」とよく似ています"),
        ("clocomo.ne.jp", "「docomo.ne.jp」とよく似ています"),
        # What lies below such a name looks like what lies below the provider's.
        ("news.gmai1.com", "「gmail.com」とよく似ています"),
        ("mail.yaho.co.jp", "「yahoo.co.jp」とよく似ています"),
        # In most fonts nobody tells a small l from a large I.
        ("gmall.com", "「gmail.com」とよく似ています"),
        ("gmaiI.com", "「gmail.com」とよく似ています"),
        ("appie.com", "「apple.com」とよく似ています"),
        # Who reads from the left sees the provider's name.
        ("gmail.com.shop.jp", "「gmail.com」とよく似ています"),
        ("www.gmai1.com.shop.jp", "「gmail.com」とよく似ています"),
        ("gmail.com.jp", "「gmail.com」とよく似ています"),
        ("gmail.co.jp", "「gmail.com」とよく似ています"),
        ("mail.ezweb.jp", "「ezweb.ne.jp」とよく似ています"),
        ("カ一ド.jp", "カタカナの「ー」"),
        ("三ツカン.jp", "カタカナの「ミ」"),
    ],
)
def test_a_lookalike_is_noticed(typed: str, sentence: str) -> None:
    assert sentence in find_lookalike(clean_domain(typed))


@pytest.mark.parametrize(
    "typed",
    [
        "example.co.jp",
        "日本語.jp",
        "みほん商店.jp",
        "カメラのミホン.jp",
        "工力二.jp",
        "sakeの店.jp",
        "ラーメン一番.jp",
        # Words that are written so, and counts.
        "口コミ.jp",
        "コスメ口コミ.jp",
        "夕メシ.jp",
        "千ベロ.jp",
        "三ツ矢.jp",
        "八ヶ岳.jp",
        "三ノ輪.jp",
        "一カ月.jp",
        "一ベロ.jp",
        "münchen.example",
        "пример.example",
        "한국.example",
        "gmail.com",
        "mail.google.com",
        # Their own in other countries.
        "google.com.br",
        "mail.apple.com.cn",
        "amazon.jp",
        "softbank.co.jp",
        "shop-gmail.com.example.jp",
        "hotels.com",
        # Other words, one letter away.
        "apply.com",
        "ample.com",
        "apples.com",
        "ymail.com",
        "email.com",
        "mail.com",
        "vivid.co.jp",
    ],
)
def test_an_honest_domain_is_not(typed: str) -> None:
    assert find_lookalike(clean_domain(typed)) == ""


@pytest.mark.parametrize(
    ("text", "known", "is_slip"),
    [
        ("gmail", "gmail", False),
        ("gmil", "gmail", True),
        ("gmai", "gmail", True),
        ("mail", "gmail", False),
        ("gmaail", "gmail", True),
        ("gmaill", "gmail", True),
        ("gmails", "gmail", False),
        ("gamail", "gmail", False),
        ("gnail", "gmail", True),
        ("gtail", "gmail", False),
        ("gmaül", "gmail", False),
        ("gmali", "gmail", True),
        ("gmlia", "gmail", False),
        ("gm", "gmail", False),
        ("", "gmail", False),
    ],
)
def test_one_slip(text: str, known: str, *, is_slip: bool) -> None:
    assert is_one_slip(text, known) is is_slip

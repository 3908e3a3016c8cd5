"""配信前チェック of what is written: each finding where it is due, and only there (F4, A17, C29)."""

import pytest

from campaigns.preflight.check import check_content, content_findings
from campaigns.preflight.findings import Level
from tests.factories import make_campaign

pytestmark = pytest.mark.django_db

TEXT = "いつもありがとうございます。"
LEGAL = "{{legal_name}} {{postal_address}} {{contact}} "


def codes(level=None, **fields):
    campaign = make_campaign(**({"subject": "件名", "preheader": "要点", "text": TEXT, "html": ""} | fields))
    return {finding.code for finding in content_findings(campaign) if level is None or finding.level == level}


def find(code, **fields):
    campaign = make_campaign(**({"subject": "件名", "preheader": "要点", "text": TEXT, "html": ""} | fields))
    return next((finding for finding in content_findings(campaign) if finding.code == code), None)


def faults(**fields):
    return codes(Level.RED, **fields) | codes(Level.YELLOW, **fields)


def test_a_good_mail_has_no_fault():
    html = '<p>ご案内です。</p><a href="https://shop.example/">詳しくはこちら</a><img src="https://shop.example/a.png" alt="花">'
    assert faults(html=html) == set()


@pytest.mark.parametrize(
    ("fields", "code", "level"),
    [
        ({"subject": " "}, "subject_empty", Level.RED),
        ({"subject": "あ" * 41}, "subject_long", Level.YELLOW),
        ({"subject": "㈱見本 ①"}, "subject_odd_letters", Level.YELLOW),
        ({"subject": "ﾒﾙﾏｶﾞ"}, "subject_odd_letters", Level.YELLOW),
        ({"html": "<p>ご案内です。</p>", "preheader": " "}, "preheader_missing", Level.YELLOW),
        ({"subject": "〇〇のお知らせ"}, "placeholder_left", Level.YELLOW),
        ({"text": "締め切りは ○月○日 です。"}, "placeholder_left", Level.YELLOW),
        ({"html": "<p>◯◯様</p>"}, "placeholder_left", Level.YELLOW),
        ({"text": "合計XX円"}, "placeholder_left", Level.YELLOW),
        ({"text": "価格は○,○○○円"}, "placeholder_left", Level.YELLOW),
        ({"text": "12月5日(○)まで"}, "placeholder_left", Level.YELLOW),
        ({"text": "クーポンコード:○○○○○○"}, "placeholder_left", Level.YELLOW),
        ({"html": "<h2>商品名を入れてください</h2>"}, "placeholder_left", Level.YELLOW),
        ({"text": "{{name|お客様}} 様\n"}, "title_twice", Level.YELLOW),
        ({"html": "<p>{{name|お客さま}}様</p>"}, "title_twice", Level.YELLOW),
        ({"subject": "{{name|会員さん}} さんへ"}, "title_twice", Level.YELLOW),
        ({"text": ""}, "text_missing", Level.RED),
        ({"text": "{{name}"}, "tag_broken", Level.RED),
        ({"html": "<p>{name}</p>"}, "tag_broken", Level.RED),
        ({"text": "{{ポイント}}"}, "tag_unknown", Level.RED),
        ({"html": "<p>" + "長い文章です。" * 100 + "</p>"}, "text_differs", Level.YELLOW),
        ({"html": '<a href="">開く</a>'}, "link_empty", Level.RED),
        ({"html": '<a href="#">開く</a>'}, "link_empty", Level.RED),
        ({"html": '<a href="HTTPS://">開く</a>'}, "link_empty", Level.RED),
        ({"html": '<a href="www.shop.example">開く</a>'}, "link_bad", Level.RED),
        ({"html": '<a href="javascript:alert(1)">開く</a>'}, "link_bad", Level.RED),
        ({"html": '<a href="#top">上へ</a>'}, "link_bad", Level.RED),
        ({"html": '<a href="https://[x">開く</a>'}, "link_bad", Level.RED),
        ({"html": '<a href="http://shop.example/">開く</a>'}, "link_http", Level.YELLOW),
        ({"text": "http://shop.example/ をご覧ください。"}, "link_http", Level.YELLOW),
        ({"html": '<a href="https://evil.example/">https://shop.example/</a>'}, "link_disguised", Level.YELLOW),
        ({"html": '<a href="https://evil.example/">www.shop.co.jp</a>'}, "link_disguised", Level.YELLOW),
        ({"html": '<img src="a.png" alt="花">'}, "image_bad", Level.RED),
        ({"html": '<img src="http://shop.example/a.png" alt="花">'}, "image_http", Level.YELLOW),
        ({"html": '<img src="data:image/png;base64,AA==" alt="花">'}, "image_inline", Level.YELLOW),
        ({"html": '<img src="https://shop.example/a.png">'}, "image_no_alt", Level.YELLOW),
        (
            {"html": '<a href="https://shop.example/"><img src="https://shop.example/a.png" alt=""></a>'},
            "image_no_alt",
            Level.YELLOW,
        ),
        ({"html": "<form><p>本文</p></form>"}, "html_unfit", Level.YELLOW),
        ({"html": "<p>本文</p><!-- " + "x" * 110_000 + " -->"}, "size_clipped", Level.YELLOW),
        ({"html": "<p>本文</p>" + "<p>あ</p>" * 120_000, "text": "あ" * 40_000}, "size_large", Level.YELLOW),
    ],
)
def test_each_fault_is_found(fields, code, level):
    """C29"""
    assert find(code, **fields).level == level


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "あ" * 40},
        {"subject": "{{name|お客様}}" + "あ" * 37},
        {"subject": "春のセール～最大50%オフ～ 🎉"},
        {"html": '<a href="{{allow_url}}">受信設定</a>'},
        {"html": '<a href="mailto:info@shop.example">お問い合わせ</a><a href="tel:0312345678">電話</a>'},
        {"html": '<a href="#top">上へ</a><p id="top">本文</p>'},
        {"html": '<a href="https://www.shop.example/news">https://shop.example/</a>'},
        {"html": '<a href="https://shop.example/{{name}}">バージョン2.0 の説明</a>'},
        {"html": '<img src="cid:a" alt=""><img src="https://shop.example/b.png" alt="">'},
        {"text": "https://shop.example/ をご覧ください。"},
    ],
)
def test_what_is_right_is_not_found_fault_with(fields):
    assert faults(**fields) == set()


class TestLegalItems:
    def test_what_is_missing_is_told_part_by_part(self):
        """A17 F4"""
        campaign = make_campaign(text=TEXT, html="<p>ご案内</p>" + LEGAL)
        told = [finding.sentence for finding in content_findings(campaign) if finding.code == "legal_added"]
        assert len(told) == 2
        assert "送信者の名称" in told[0]
        assert "テキスト本文" in told[0]
        assert "送信者の名称" not in told[1]
        assert "配信停止のURL" in told[1]

    def test_what_is_written_by_hand_is_told_too(self):
        assert find("legal_by_hand", text=TEXT + LEGAL + "{{unsubscribe_url}}")

    @pytest.mark.parametrize(
        "hidden",
        [
            "<!-- {{unsubscribe_url}} -->",
            '<p style="display:none"><a href="{{unsubscribe_url}}">配信停止</a></p>',
            '<img src="https://shop.example/a.png" alt="花" title="{{unsubscribe_url}}">',
        ],
    )
    def test_an_unsubscribe_link_that_nobody_sees_stops_the_start(self, hidden):
        """F4"""
        finding = find("legal_hidden", html=f"<p>{LEGAL}</p>{hidden}")
        assert finding.level == Level.RED
        assert "配信停止のURL" in finding.sentence

    def test_one_that_is_seen_as_well_is_enough(self):
        html = f'<!-- {{{{unsubscribe_url}}}} --><p>{LEGAL}</p><a href="{{{{unsubscribe_url}}}}">配信停止</a>'
        assert find("legal_hidden", html=html) is None


def test_places_are_named_few_and_short():
    html = "".join(f'<a href="http://shop.example/{number}{"x" * 200}">開く</a>' for number in range(9))
    details = find("link_http", html=html).details
    assert len(details) == 6
    assert max(map(len, details)) <= 80
    assert "ほか4件" in details[-1]


def test_the_gravest_stands_first():
    campaign = make_campaign(subject="", text="http://shop.example/")
    levels = [finding.level for finding in check_content(campaign).findings]
    assert levels == sorted(levels, key=[Level.RED, Level.YELLOW, Level.GREEN].index)


def test_what_no_header_can_hold_is_no_crash():
    campaign = make_campaign(text=TEXT)
    campaign.subject = "件名\x00\r\nBcc: a@example.jp"
    assert content_findings(campaign)


def test_what_only_looks_like_a_placeholder_is_left_alone():
    text = "二〇〇八年から一〇月まで\n○○○お得な情報○○○\nカートに入れてください\nXXLサイズ・https://shop.example/XX/\n○ 可\n{{name|○○様}}"
    assert find("placeholder_left", text=text) is None
    assert find("title_twice", text="{{name|会員}} 様、{{name|お客様}}へ。様々な{{name|お客様}}\n様") is None
    assert find("placeholder_left", text="日時: ○月○日 ○時\n会場: ◯◯").details == ("日時: ○月○日 ○時", "会場: ◯◯")
    # An excerpt begins where a word does, or says that it does not.
    cut = find("placeholder_left", text="ご案内です(前年比) 買う 期間 ○月末までの期間限定でご案内します").details
    assert cut == ("買う 期間 ○月末までの期間限定で…",)

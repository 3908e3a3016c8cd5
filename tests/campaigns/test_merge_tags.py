"""Merge tags: token substitution that cannot break what is around it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.merge_tags import (
    broken_tags,
    explain_unknown,
    fill,
    fill_html,
    fill_line,
    find_tags,
    known_tags,
    unknown_tags,
)
from campaigns.tag_words import readable
from lists.attributes import ensure_attributes
from lists.models import AttributeKind
from tests.factories import make_list


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{name|お客様}} 様", "山田 様"),
        ("{{ name }} 様", "山田 様"),
        ("{{company|貴社}}", "貴社"),
        ("{{company}}", ""),
        ("{{company|}}", ""),
        ("{name} {{ }} {{name", "{name} {{ }} {{name"),
        ("{{会員ランク}}", "金"),
        ("{{name}}{{name}}", "山田山田"),
    ],
)
def test_fills_values_and_fallbacks(text, filled):
    assert fill(text, {"name": "山田", "会員ランク": "金", "company": " "}) == filled


def test_values_are_never_filled_again():
    assert fill("{{a}}", {"a": "{{b}}", "b": "secret"}) == "{{b}}"


def test_values_cannot_add_markup():
    filled = fill_html('<a href="{{url}}">{{name|<b>}}</a>', {"url": '"><script>', "name": ""})
    assert "<script>" not in filled
    assert "<b>" not in filled


@given(st.text())
def test_a_header_value_stays_one_line(value):
    filled = fill_line("{{name}} 様へ", {"name": value})
    assert not set(filled) & set("\r\n\0\u2028\u2029\x0b\x0c\x85")


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_any_text_can_be_filled(text, values):
    assert "{{" in text or fill(text, values) == text


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("{{name} さん", ["{{name}"]),
        ("｛｛name｝｝ 様", ["｛｛name｝｝"]),
        ("{{お客様", ["{{お客様"]),
        ("name}} 様", ["name}}"]),
        ("{name} 様", ["{name}"]),
        ("{{name|お客様}} 様 {color: red}", []),
    ],
)
def test_finds_tags_gone_wrong(text, broken):
    assert broken_tags(text) == broken


def test_a_style_sheet_is_no_broken_tag():
    assert broken_tags("<style>@media print { a { color: red }}</style>{{name}}", is_html=True) == []
    assert broken_tags("<p>{{name}</p>", is_html=True) == ["{{name}"]


def test_finds_each_tag_once_in_order():
    assert find_tags("{{b}} {{a|x}} {{b}}") == ["b", "a"]


@pytest.mark.django_db
def test_attributes_become_tags():
    mailing_list = make_list()
    ensure_attributes(mailing_list.workspace, {"会員ランク": AttributeKind.TEXT})
    assert "会員ランク" in known_tags(mailing_list.workspace)
    assert unknown_tags(mailing_list.workspace, "{{会員ランク}} {{name}} {{rank}}", "{{rank}}") == ["rank"]
    assert "会員ランク" not in known_tags(make_list().workspace)


@pytest.mark.parametrize(
    ("tag", "value", "filled"),
    [
        ("入会日:年月日", "2026-04-01", "2026年4月1日"),
        ("入会日：年月日", "2026-04-01", "2026年4月1日"),
        ("入会日 : 月日", "2026-12-25", "12月25日"),
        ("入会日:月日(曜)", "2026-04-01", "4月1日(水)"),
        ("入会日:月日（曜）", "2026-04-01", "4月1日(水)"),
        ("入会日:年/月/日", "2026-04-01", "2026/04/01"),
        ("入会日:和暦", "2026-04-01", "令和8年4月1日"),
        ("入会日:和暦", "2019-05-01", "令和元年5月1日"),
        ("入会日:和暦", "2019-04-30", "平成31年4月30日"),
        ("入会日:和暦", "1989-01-07", "昭和64年1月7日"),
        ("入会日:和暦", "1926-12-24", "大正15年12月24日"),
        ("入会日:和暦", "1873-01-01", "明治6年1月1日"),
        ("入会日:和暦", "1872-12-31", "1872-12-31"),
        ("点数:桁区切り", "1234567", "1,234,567"),
        ("点数:桁区切り", "-1234.5", "-1,234.5"),
        ("点数:円", "1980", "1,980円"),
        ("点数:小数1桁", "1234.25", "1,234.3"),
        ("点数:小数1桁", "5", "5.0"),
        # A value of another kind stays as it is.
        ("点数:円", "なし", "なし"),
        ("点数:円", "１２", "１２"),
        ("入会日:年月日", "来月", "来月"),
        ("入会日:年月日", "2026-02-30", "2026-02-30"),
        ("点数:円", " ", "未定"),
    ],
)
def test_a_format_writes_dates_and_numbers(tag, value, filled):
    assert fill("{{" + tag + "|未定}}", {tag.replace("：", ":").split(":")[0].strip(): value}) == filled


def test_a_value_of_the_whole_name_comes_first():
    assert fill("{{比:円}}", {"比:円": "丸", "比": "1"}) == "丸"


@pytest.mark.django_db
def test_a_format_that_does_not_exist_is_named():
    workspace = make_list().workspace
    ensure_attributes(workspace, {"入会日": AttributeKind.DATE})
    assert explain_unknown(workspace, "{{入会日:和暦|ご入会日}} {{name}}") == ""
    assert "書式「年月」はありません" in explain_unknown(workspace, "{{入会日:年月}}")
    assert "{{rank:年月}} は登録されていません" in explain_unknown(workspace, "{{rank:年月}}")


def test_pages_name_a_mailing_by_words():
    assert (
        readable("{{name|お客様}}様、{{ 誕生日:n月j日 }}の {{broken} {name}")
        == "［お名前］様、［誕生日］の {{broken} {name}"
    )
    assert readable("") == ""

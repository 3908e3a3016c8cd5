"""What a text means as a number, a date, a choice."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lists.attribute_values import MAX_DIGITS, guess_kind, parse, show
from lists.exceptions import ListsError
from lists.models import AttributeDefinition, AttributeKind

TEXT, NUMBER, DATE, CHOICE = AttributeKind.TEXT, AttributeKind.NUMBER, AttributeKind.DATE, AttributeKind.CHOICE


@pytest.mark.parametrize("kind", list(AttributeKind))
def test_blank_is_no_value(kind: AttributeKind) -> None:
    assert parse(kind, " \u3000") == ""


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1200", 1200),
        ("１，２００", 1200),
        ("1,234,567", 1234567),
        ("¥1,200", 1200),
        ("￥１２００", 1200),
        ("1200円", 1200),
        ("-3.50", -3.5),
        ("−3", -3),
        ("▲500", -500),
        ("007", 7),
        ("0", 0),
        ("-0", 0),
        ("12.00", 12),
        ("0.0001", 0.0001),
        ("35.681236", 35.681236),
        ("9" * 15, 999999999999999),
    ],
)
def test_numbers_as_people_write_them(text: str, number: float) -> None:
    parsed = parse(NUMBER, text)
    assert parsed == number
    assert type(parsed) is type(number)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("たくさん", "数値として読めません"),
        ("1,2", "数値として読めません"),
        ("1e5", "数値として読めません"),
        ("inf", "数値として読めません"),
        ("03-1234-5678", "数値として読めません"),
        ("9" * 16, "桁が多すぎます"),
        ("1." + "1" * 15, "桁が多すぎます"),
        ("0.00001", "0.0001より小さい"),
    ],
)
def test_what_is_no_number_is_told(text: str, sentence: str) -> None:
    with pytest.raises(ListsError) as caught:
        parse(NUMBER, text)
    assert sentence in caught.value.sentence


@pytest.mark.parametrize(
    "text",
    [
        "2026-04-01",
        "2026/4/1",
        "2026.04.01",
        "２０２６年４月１日",
        "20260401",
        "令和8年4月1日",
        "R8.4.1",
        "r8/4/1",
        "2026-04-01 09:30:00",
        "2026/04/01 9:30",
        "2026-04-01T00:00:00+09:00",
    ],
)
def test_dates_as_people_write_them(text: str) -> None:
    assert parse(DATE, text) == "2026-04-01"


def test_the_first_year_of_an_era() -> None:
    assert parse(DATE, "令和元年5月1日") == "2019-05-01"
    assert parse(DATE, "S64.1.7") == "1989-01-07"


@pytest.mark.parametrize("text", ["4/1", "26/04/01", "2026-04", "2026-4/1", "昨日", "12345"])
def test_what_is_no_date_is_told(text: str) -> None:
    with pytest.raises(ListsError, match="日付として読めません"):
        parse(DATE, text)


@pytest.mark.parametrize("text", ["2026-02-30", "20261301", "0000-01-01"])
def test_a_date_that_no_calendar_has_is_told(text: str) -> None:
    with pytest.raises(ListsError, match="暦にない"):
        parse(DATE, text)


def test_a_choice_is_written_as_it_was_defined() -> None:
    assert parse(CHOICE, " 金 ", ["金", "銀"]) == "金"
    assert parse(CHOICE, "ｇｏｌｄ", ["Gold"]) == "Gold"
    assert parse(CHOICE, "何でも") == "何でも"
    with pytest.raises(ListsError, match="選択肢: 金、銀"):
        parse(CHOICE, "銅", ["金", "銀"])
    with pytest.raises(ListsError) as caught:
        parse(CHOICE, "銅", ["長い選択肢" * 10] * 100)
    assert len(caught.value.sentence) <= 200


def test_a_text_is_stripped_and_limited() -> None:
    assert parse(TEXT, " 001 ") == "001"
    with pytest.raises(ListsError, match="1000文字"):
        parse(TEXT, "x" * 1001)
    with pytest.raises(ListsError, match="1000文字"):
        parse(CHOICE, "x" * 1001)


@given(st.dates())
def test_every_date_is_read_in_its_own_form(day: date) -> None:
    assert parse(DATE, day.isoformat()) == day.isoformat()
    assert parse(DATE, f"{day.year:04}年{day.month}月{day.day}日") == day.isoformat()


@given(st.text(max_size=30) | st.from_regex(r"[-+▲]?[0-9,]{1,20}(\.[0-9]{0,6})?"), st.sampled_from(AttributeKind))
def test_any_text_has_a_value_that_stays_or_a_sentence(text: str, kind: AttributeKind) -> None:
    try:
        value = parse(kind, text)
    except ListsError as error:
        assert 0 < len(error.sentence) <= 200  # noqa: PT017
        return
    # What a mail shows is read as the same value again, and never in another notation.
    assert parse(kind, str(value)) == value
    if kind == NUMBER and value != "":
        assert "e" not in str(value)
        assert sum(character.isdigit() for character in str(value).lstrip("-0.")) <= MAX_DIGITS


def test_values_are_shown_as_people_read_them() -> None:
    assert show(AttributeDefinition(kind=DATE), "2026-04-01") == "2026/04/01"
    assert show(AttributeDefinition(kind=DATE), "春") == "春"
    assert show(AttributeDefinition(kind=NUMBER), 1200) == "1200"
    assert show(AttributeDefinition(kind=NUMBER), 0) == "0"
    assert show(AttributeDefinition(kind=TEXT), None) == ""


@pytest.mark.parametrize(
    ("header", "values", "kind"),
    [
        ("購入額", ["1,200", "800", "", "35000"], NUMBER),
        ("点数", ["1.5", "-2", "0"], NUMBER),
        ("誕生日", ["1980/1/2", "1990-10-20", "昭和63年4月1日"], DATE),
        ("会員番号", ["1200", "1300", "1400"], TEXT),
        ("Member ID", ["1200", "1300", "1400"], TEXT),
        ("内線", ["0120", "100", "200"], TEXT),
        ("入会", ["20260401", "20260402", "20260403"], NUMBER),
        ("購入額", ["1,200", "800"], TEXT),
        ("購入額", ["1,200", "800", "なし"], TEXT),
        ("会社名", ["みほん", "見本", ""], TEXT),
    ],
)
def test_the_kind_of_a_new_column_is_guessed_with_care(header: str, values: list[str], kind: AttributeKind) -> None:
    assert guess_kind(header, values) == kind


@pytest.mark.parametrize("kind", AttributeKind.values)
def test_what_is_too_long_is_refused_before_it_is_folded(kind: str) -> None:
    # Marks that stand over one letter are sorted, which takes quadratic time.
    with pytest.raises(ListsError, match="値が長すぎます"):
        parse(kind, "1" + "\u0301\u0327" * 50_000, ["x"])
    assert guess_kind("数", ["1" + "\u0301\u0327" * 50_000] * 20) == AttributeKind.TEXT

"""Cleaning rows: the compiled way does what the plain one says."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lists.columns import Column
from lists.csv_reading import Row
from lists.exceptions import ImportRefused, RowRefused
from lists.import_reasons import RejectReason
from lists.models import AttributeKind
from lists.row_cleaning import Layout, check_row, compile_cleaner, make_layout

HEADERS = ["メールアドレス", "姓", "名", "会社名", "購入額", "誕生日", "ランク"]
COLUMNS = [
    Column("会社名", "会社"),
    Column("amount", "購入額", AttributeKind.NUMBER),
    Column("birthday", "誕生日", AttributeKind.DATE),
    Column("rank", "ランク", AttributeKind.CHOICE, ("金", "銀")),
]
TARGETS = {"0": "address", "1": "name", "2": "name", "3": "会社名", "4": "amount", "5": "birthday", "6": "rank"}


def layout(*, keeps_blank: bool = False, targets: dict[str, str] = TARGETS, headers: list[str] = HEADERS) -> Layout:
    return make_layout(targets, headers, COLUMNS, keeps_blank=keeps_blank)


def run(clean: Any, row: Row) -> Any:
    """Return the result, or what was said about the row."""
    try:
        return clean(row)
    except RowRefused as refusal:
        return (refusal.sentence, refusal.column, refusal.value, refusal.code)


def test_a_row_becomes_what_the_staging_table_holds() -> None:
    row = Row(2, ["Taro+a@Example.jp", " 山田 ", "太郎", "株式会社みほん", "1,200", "令和8年4月1日", "銀"])
    attributes = {"会社名": "株式会社みほん", "amount": 1200, "birthday": "2026-04-01", "rank": "銀"}
    expected = (2, "Taro+a@example.jp", "taro+a@example.jp", "山田 太郎", json.dumps(attributes), 0)
    assert check_row(row, layout()) == compile_cleaner(layout())(row) == expected
    assert expected[4].isascii()


def test_an_empty_cell_says_nothing_but_in_a_replacement() -> None:
    row = Row(2, ["taro@example.jp", "", "", " ", "", "", ""])
    assert compile_cleaner(layout())(row)[3:5] == ("", "{}")
    kept = json.loads(compile_cleaner(layout(keeps_blank=True))(row)[4])
    assert kept == {"会社名": "", "amount": "", "birthday": "", "rank": ""}


def test_hints_are_flagged_f1() -> None:
    """F1."""
    clean = compile_cleaner(layout(targets={"0": "address"}, headers=[]))
    addresses = ["a..b@docomo.ne.jp", "INFO@example.jp", "x@mailinator.com", "info+x@sub.sute.jp", "taro@example.jp"]
    assert [clean(Row(1, [address]))[5] for address in addresses] == [1, 2, 4, 6, 0]


@pytest.mark.parametrize(
    ("cells", "column", "code"),
    [
        (["taro", "", "", "", "", "", ""], "メールアドレス", RejectReason.ADDRESS),
        (["a@example.jp", "山\n田", "", "", "", "", ""], "姓", RejectReason.NAME),
        (["a@example.jp", "山" * 10_000, "", "", "", "", ""], "姓", RejectReason.NAME),
        (["a@example.jp", "山" * 150, "太" * 150, "", "", "", ""], "姓", RejectReason.NAME),
        (["a@example.jp", "", "", "\x1b", "", "", ""], "会社名", RejectReason.VALUE),
        (["a@example.jp", "", "", "x" * 1001, "", "", ""], "会社名", RejectReason.VALUE),
        (["a@example.jp", "", "", "", "多い", "", ""], "購入額", RejectReason.VALUE),
        (["a@example.jp", "", "", "", "", "春", ""], "誕生日", RejectReason.VALUE),
        (["a@example.jp", "", "", "", "", "", "銅"], "ランク", RejectReason.VALUE),
        (["a@example.jp", "", "", "", "", "", "", "x"], "", RejectReason.COLUMNS),
        (HEADERS, "", RejectReason.HEADER),
    ],
)
def test_a_refusal_names_column_and_kind(cells: list[str], column: str, code: str) -> None:
    with pytest.raises(RowRefused) as caught:
        compile_cleaner(layout())(Row(5, cells))
    assert (caught.value.column, caught.value.code) == (column, code)
    assert 0 < len(caught.value.sentence) <= 200


def test_a_row_that_could_not_be_read_is_refused_with_its_fault() -> None:
    with pytest.raises(RowRefused, match="読めない文字") as caught:
        compile_cleaner(layout())(Row(5, ["a", "b"], "読めない文字があります。", RejectReason.ENCODING))
    assert (caught.value.code, caught.value.value) == (RejectReason.ENCODING, "a,b")


def test_a_short_row_is_filled_up() -> None:
    row = Row(5, ["a@example.jp", "山田"])
    assert compile_cleaner(layout())(row) == (5, "a@example.jp", "a@example.jp", "山田", "{}", 0)


def test_an_exported_guard_is_taken_off() -> None:
    row = Row(5, ["'-a@example.jp", "'=1+1", "O'Hara", "'＋81", "-3", "", ""])
    cleaned = compile_cleaner(layout())(row)
    assert cleaned[1:4] == ("-a@example.jp", "-a@example.jp", "=1+1 O'Hara")
    assert json.loads(cleaned[4]) == {"会社名": "＋81", "amount": -3}


@pytest.mark.parametrize("targets", [{}, {"0": "name"}, {"0": "address", "1": "address"}])
def test_exactly_one_column_is_the_address(targets: dict[str, str]) -> None:
    with pytest.raises(ImportRefused, match="メールアドレスの列を1つ"):
        layout(targets=targets)


ODD = st.sampled_from(
    ["'", "=", "\u3000", "\t", "\n", "\x1f", "\u2028", "\u200b", "é", "\ud800", '"', "\\", "😀", "@", "\0"]
)
TEXTS = st.text(ODD | st.characters(), max_size=12) | st.text("山田太郎 \u3000abc", max_size=12)
LONG = st.builds(lambda text, times: text * times, st.text("あa ", min_size=1, max_size=3), st.integers(60, 700))
ADDRESSES = st.one_of(
    st.builds(
        "{}@{}".format,
        st.sampled_from(
            ["taro", "Taro.Y", "info", "INFO+x", "a..b", "a.", "'-a", "x" * 64, "x" * 65, "o'hara", "ｔａｒｏ"]
        ),
        st.sampled_from(
            ["example.jp", "Example.JP", "docomo.ne.jp", "mailinator.com", "x.sute.jp", "例え.jp", "a_b.jp", "jp", ""]
        ),
    ),
    TEXTS,
)
NUMBERS = st.sampled_from(["", "12", "1,200", "0.5", "-0", "x", "9" * 16, " 7 ", "１２"]) | TEXTS
DAYS = st.sampled_from(["", "2026-04-01", "R8.4.1", "2026-02-30", "20260401", "春"]) | TEXTS
RANKS = st.sampled_from(["", "金", " 銀", "銅"]) | TEXTS
CELLS = st.tuples(ADDRESSES, TEXTS | LONG, TEXTS, TEXTS | LONG, NUMBERS, DAYS, RANKS).map(list)
RAGGED = st.lists(ADDRESSES | TEXTS, max_size=9)
LAYOUTS = st.builds(
    Layout,
    address=st.integers(0, 3),
    names=st.lists(st.integers(0, 3), max_size=2),
    attributes=st.lists(st.tuples(st.integers(0, 6), st.sampled_from(COLUMNS)), max_size=4),
    headers=st.sampled_from([[], HEADERS, ["a@example.jp", "名"]]),
    keeps_blank=st.booleans(),
)


@hypothesis_settings(max_examples=500)
@given(st.lists(CELLS | RAGGED | st.just(HEADERS), max_size=4), LAYOUTS | st.builds(layout, keeps_blank=st.booleans()))
@example([["a@example.jp", "名"]], Layout(0, [1], [], ["a@example.jp", "名"], keeps_blank=False))
@example([["b@example.jp", "1", "2"]], Layout(0, [], [(1, COLUMNS[0]), (2, COLUMNS[0])], [], keeps_blank=True))
def test_the_compiled_way_agrees_with_the_plain_one(rows: list[list[str]], layout: Layout) -> None:
    clean = compile_cleaner(layout)
    for line, cells in enumerate(rows, start=2):
        row = Row(line, cells)
        found = run(clean, row)
        assert found == run(lambda row: check_row(row, layout), row)
        if len(found) == 6:
            assert found[4].isascii()
            assert found[4] == json.dumps(json.loads(found[4]))


@given(st.lists(NUMBERS | DAYS, max_size=30))
def test_a_value_that_was_seen_before_means_the_same(values: list[str]) -> None:
    clean = compile_cleaner(layout(headers=[], targets={"0": "address", "1": "amount", "2": "birthday"}))
    plain = layout(headers=[], targets={"0": "address", "1": "amount", "2": "birthday"})
    for value in [*values, *values]:
        for cells in (["a@example.jp", value, ""], ["a@example.jp", "", value]):
            assert run(clean, Row(2, cells)) == run(lambda row: check_row(row, plain), Row(2, cells))

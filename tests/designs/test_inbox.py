"""What lists of mails show: cut at letters, within the columns of each program."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from designs.inbox import cut, first_words, inbox_lines, letters, width

pytestmark = pytest.mark.once


def test_each_program_cuts_where_its_line_ends():
    lines = inbox_lines("例の店", "あ" * 30, "い" * 60, "本文")
    assert [(line.client, line.subject.count("あ"), line.preview.count("い")) for line in lines] == [
        ("iPhoneのメール", 21, 43),
        ("Gmail(スマートフォン)", 20, 21),
        ("Gmail(パソコン)", 30, 21),
        ("Yahoo!メール(スマートフォン)", 20, 20),
    ]
    assert all(line.subject.endswith("…") for line in lines if line.subject.count("あ") < 30)
    assert {line.sender for line in lines} == {"例の店"}


def test_short_ones_stay_as_they_are():
    for line in inbox_lines("店", "新作\n入荷", "予告", "本文"):
        assert (line.sender, line.subject, line.preview) == ("店", "新作 入荷", "予告")


def test_without_a_preheader_the_first_words_are_shown():
    text = "━━━━━━\n初夏の新作\n━━━━━━\n\n[写真]\nhttps://a.example/x\n\n山田 様"
    assert {line.preview for line in inbox_lines("店", "件名", " ", text)} == {"初夏の新作 [写真] 山田 様"}
    assert first_words("") == ""


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("か\u3099き", ["か\u3099", "き"]),
        ("ﾊﾞ", ["ﾊﾞ"]),
        ("葛\U000e0100城", ["葛\U000e0100", "城"]),
        ("☎️a", ["☎️", "a"]),
        ("👩‍👩‍👧x", ["👩‍👩‍👧", "x"]),
        ("👍🏽", ["👍🏽"]),
        ("🇯🇵🇺🇸", ["🇯🇵", "🇺🇸"]),
        ("𠮷野", ["𠮷", "野"]),
    ],
)
def test_letters_are_what_people_see(text, seen):
    assert list(letters(text)) == seen


@given(st.text(st.sampled_from("aあｶﾞ゛か\u3099👩\u200d👧🏽🇯🇵☎\ufe0f葛\U000e0100 𠮷"), max_size=30), st.integers(0, 30))
def test_no_letter_is_cut_in_itself(text, columns):
    """F8: what is true of the encoded subject is true of the line in an inbox."""
    shown = cut(text, columns)
    assert width(shown) <= max(columns, 0)
    if shown != text:
        whole, kept = list(letters(text)), list(letters(shown.removesuffix("…")))
        assert whole[: len(kept)] == kept

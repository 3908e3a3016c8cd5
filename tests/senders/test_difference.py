"""Where a published record parts from the one to set."""

import pytest

from senders.difference import PART_LIMIT, PARTS_LIMIT, Mark, find_difference

KEY = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA" + "abcdefgh" * 43 + "IDAQAB"
EXPECTED_KEY = f"v=DKIM1; k=rsa; p={KEY}"


def marks(found: str, expected: str) -> list[tuple[str, str]]:
    return [(part.mark.value, part.text) for part in find_difference(found, expected)]


def test_missing_and_superfluous_terms_of_spf() -> None:
    found = "v=spf1 a include:old.example ~all"
    expected = "v=spf1 a include:_spf.hypermail.example ~all"
    assert marks(found, expected) == [
        ("same", "v=spf1"),
        ("same", "a"),
        ("missing", "include:_spf.hypermail.example"),
        ("same", "~all"),
        ("extra", "include:old.example"),
    ]
    parts = find_difference(found, expected)
    assert [(part.word(), part.tone()) for part in parts[2:]] == [
        ("足りない", "bad"),
        ("同じ", "muted"),
        ("余分", "warn"),
    ]


def test_two_spf_records_become_one() -> None:
    """Of the terms none is too much: which record goes is told beside them, not as a term to delete."""
    assert find_difference("v=spf1 a ~all\nv=spf1 mx ~all", "v=spf1 a mx ~all") == ()
    found = "v=spf1 a ~all\nv=spf1 mx ~all"
    assert marks(found, "v=spf1 a mx include:_spf.hypermail.example ~all") == [
        ("same", "v=spf1"),
        ("same", "a"),
        ("same", "mx"),
        ("missing", "include:_spf.hypermail.example"),
        ("same", "~all"),
    ]


def test_a_repeated_term_is_told_beside_a_missing_one() -> None:
    parts = find_difference("v=spf1 a A ~all", "v=spf1 a include:_spf.hypermail.example ~all")
    assert [part.mark.value for part in parts] == ["same", "same", "missing", "same", "extra"]
    assert (parts[-1].text, parts[-1].note) == ("a", "今は2回書かれています。1つだけ残します。")


def test_another_order_is_told() -> None:
    parts = find_difference("v=spf1 ~all a", "v=spf1 a ~all")
    assert parts[-1].mark is Mark.CHANGED
    assert "並び順" in parts[-1].note


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("V=spf1 A ~all", "v=spf1 a ~all"),
        ("", "v=spf1 a ~all"),
        ("v=spf1 a ~all", ""),
        ("v=DMARC1; p=none", "v=DMARC1;p=none;"),
        (f"v=DKIM1; k=rsa; p={KEY[:255]} {KEY[255:]}", EXPECTED_KEY),
    ],
)
def test_what_says_the_same_has_no_difference(found: str, expected: str) -> None:
    assert find_difference(found, expected) == ()


def test_tags_of_dmarc() -> None:
    found = "v=DMARC1; p=nono; pct=50"
    parts = find_difference(found, "v=DMARC1; p=none; rua=mailto:a@shop.example")
    assert [(part.mark.value, part.text, part.note) for part in parts] == [
        ("same", "v=DMARC1", ""),
        ("changed", "p=none", "今の値は「nono」です。"),
        ("missing", "rua=mailto:a@shop.example", ""),
        ("extra", "pct=50", ""),
    ]


@pytest.mark.parametrize(
    ("published", "note"),
    [
        (KEY[:255], "はじめの255文字だけが登録されています"),
        (KEY + "xyz", f"{len(KEY) + 1}文字目から後ろが余分です"),
        (KEY[:100] + "#" + KEY[101:], "101文字目から違います"),
        ("", "失効の意味"),
    ],
)
def test_a_key_is_told_where_it_parts(published: str, note: str) -> None:
    parts = find_difference(f"v=DKIM1; k=rsa; p={published}", EXPECTED_KEY)
    assert [part.mark for part in parts] == [Mark.SAME, Mark.SAME, Mark.CHANGED]
    assert note in parts[-1].note
    assert KEY not in parts[-1].text


def test_of_several_records_the_nearest_is_compared() -> None:
    parts = find_difference(f"hello\n{EXPECTED_KEY}", EXPECTED_KEY)
    assert [(part.mark.value, part.note) for part in parts[-1:]] == [("extra", "同じ名前に1件だけ残します。")]
    assert parts[-1].text == "hello"


def test_a_word_without_a_value_is_told_as_it_stands() -> None:
    """Whatever its length, it is no tag with an empty value; an empty tag is one."""
    found = "v=DMARC1; abc; nonsense; rua=; adkim=; p=none"
    assert marks(found, "v=DMARC1; p=none") == [
        ("same", "v=DMARC1"),
        ("same", "p=none"),
        ("extra", "abc"),
        ("extra", "nonsense"),
        ("extra", "rua="),
        ("extra", "adkim="),
    ]
    assert marks("v=DMARC1; p", "v=DMARC1; p=none") == [("same", "v=DMARC1"), ("missing", "p=none")]


def test_an_empty_tag_is_told() -> None:
    parts = find_difference("v=DMARC1; p=", "v=DMARC1; p=none")
    assert parts[-1].note == "今は空です。"


def test_names_are_compared_whole() -> None:
    assert marks("mx.other.example.", "bounce.hypermail.example") == [
        ("missing", "bounce.hypermail.example"),
        ("extra", "mx.other.example."),
    ]
    assert marks("10 MX.hypermail.example.", "10 mx.hypermail.example") == []


def test_a_hostile_record_is_cut() -> None:
    found = "v=spf1 " + " ".join(f"x{number}" + "y" * 500 for number in range(500))
    parts = find_difference(found, "v=spf1 ~all")
    assert len(parts) == PARTS_LIMIT
    assert max(len(part.text) for part in parts) == PART_LIMIT


RETURN = "CNAME bounce.hypermail.example\nMX 10 mx.hypermail.example\nTXT v=spf1 include:_spf.hypermail.example ~all"


def test_a_cname_is_compared_with_the_cname_to_set() -> None:
    """E9: what stands at its target came along with it."""
    assert marks("CNAME other.example\nMX 10 mx.other.example", RETURN) == [
        ("missing", "CNAME bounce.hypermail.example"),
        ("extra", "CNAME other.example"),
    ]
    assert marks("CNAME bounce.hypermail.example.\nMX 10 mx.hypermail.example", RETURN) == []


def test_what_stands_in_the_place_of_a_cname_is_compared_with_that() -> None:
    """E9"""
    assert marks("MX 10 mx.other.example\nTXT v=spf1 include:_spf.hypermail.example ~all", RETURN) == [
        ("missing", "MX 10 mx.hypermail.example"),
        ("same", "TXT v=spf1 include:_spf.hypermail.example ~all"),
        ("extra", "MX 10 mx.other.example"),
    ]
    assert marks("MX 10 mx.other.example", "CNAME bounce.hypermail.example") == [
        ("missing", "CNAME bounce.hypermail.example"),
        ("extra", "MX 10 mx.other.example"),
    ]

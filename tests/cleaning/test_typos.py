"""Slips of the finger and of the mind in the domains of free-mail providers."""

import pytest

from cleaning.typos import MEANT, find_meant, make_slips, neighbours, read_listed, read_slips
from senders.freemail import is_freemail


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gmai.com", "gmail.com"),
        ("gmaill.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.co.jp", "gmail.com"),
        ("yaho.co.jp", "yahoo.co.jp"),
        ("yahoo.co.jo", "yahoo.co.jp"),
        ("yahoo.cojp", "yahoo.co.jp"),
        ("docomo.ne.jo", "docomo.ne.jp"),
        ("dokomo.ne.jp", "docomo.ne.jp"),
        ("hotmial.com", "hotmail.com"),
        ("outlok.jp", "outlook.jp"),
        ("i.softbank.co.jp", "i.softbank.jp"),
        ("ezwbe.ne.jp", "ezweb.ne.jp"),
        ("iclould.com", ""),
    ],
)
def test_finds_the_domain_that_was_meant_a11(slip: str, meant: str) -> None:
    assert find_meant(slip) == meant


@pytest.mark.parametrize(
    "domain",
    # One letter away from a large provider, and somebody's own.
    ["mail.com", "email.com", "ymail.com", "cloud.com", "yahoo.ne.jp", "softbank.co.jp", "gmail.example.jp", "shop.jp"],
)
def test_leaves_other_peoples_domains_alone(domain: str) -> None:
    assert find_meant(domain) == ""


def test_no_providers_own_domain_is_a_slip() -> None:
    assert [slip for slip in read_slips() if is_freemail(slip)] == []
    assert all(is_freemail(meant) for meant in read_slips().values())


def test_each_line_of_the_file_says_something_new() -> None:
    listed = list(read_listed())
    assert len(dict(listed)) == len(listed)
    made = {slip for meant in MEANT for slip in make_slips(meant)}
    assert [slip for slip, _meant in listed if slip in made and read_slips().get(slip) == dict(listed)[slip]] == []


def test_the_first_letter_is_only_swapped() -> None:
    first = {slip[0] for slip in make_slips("gmail.com")}
    assert first == {"g", "m"}


def test_keys_that_touch() -> None:
    assert set(neighbours("g")) == set("fhtyvb")
    assert set(neighbours("p")) == set("o0l")
    assert neighbours(".") == ""

"""Merging SPF records (D1): one record comes out, and nobody loses a permission."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from senders.checks import check_spf
from senders.models import CheckResult
from senders.spf import is_spf, merge, parse_terms

INCLUDE = "_spf.hypermail.example"
OURS = f"include:{INCLUDE}"

MERGES = [
    ([], f"v=spf1 a mx {OURS} ~all"),
    (["v=spf1 ip4:192.0.2.1 ~all"], f"v=spf1 ip4:192.0.2.1 {OURS} ~all"),
    (["v=spf1 ip4:192.0.2.1 -all"], f"v=spf1 ip4:192.0.2.1 {OURS} -all"),
    (["v=spf1 mx"], f"v=spf1 mx {OURS} ~all"),
    (["v=spf1 mx +all"], f"v=spf1 mx {OURS} ~all"),
    (["v=spf1 redirect=_spf.host.example"], f"v=spf1 {OURS} redirect=_spf.host.example"),
    (["v=spf1 redirect=_spf.host.example -all"], f"v=spf1 {OURS} -all"),
    ([f"v=spf1 {OURS} mx ~all"], f"v=spf1 mx {OURS} ~all"),
    ([f"v=spf1 mx ~all -{OURS}"], f"v=spf1 mx {OURS} ~all"),
    (["v=spf1 mx ~all", "v=spf1 include:x.example mx -all"], f"v=spf1 mx include:x.example {OURS} ~all"),
    (["v=spf1 ip4=192.0.2.1 ~all"], f"v=spf1 ip4=192.0.2.1 {OURS} ~all"),
]


@pytest.mark.parametrize(("records", "merged"), MERGES)
def test_merge(records: list[str], merged: str) -> None:
    """D1"""
    assert merge(records, INCLUDE) == merged


def test_merge_where_no_include_is_asked_for() -> None:
    assert merge([], "") == "v=spf1 a mx ~all"
    assert merge(["v=spf1 a:x.example -all", "v=spf1 mx ~all"], "") == "v=spf1 a:x.example mx -all"


TERMS = st.sampled_from(
    f"a mx ip4:192.0.2.1 -ip4:192.0.2.9 include:x.example {OURS} ~{OURS} ~all -all +all redirect=y.example".split()
)


@settings(deadline=None)
@given(st.lists(st.lists(TERMS, max_size=8), max_size=3))
def test_what_is_proposed_passes_the_check_and_keeps_every_permission(records: list[list[str]]) -> None:
    texts = [" ".join(["v=spf1", *terms]) for terms in records]
    merged = merge(texts, INCLUDE)
    assert check_spf([merged], include=INCLUDE).result == CheckResult.OK
    kept = {term.text for term in parse_terms(merged)}
    for text in texts:
        for term in parse_terms(text):
            if not (term.is_all() or term.is_redirect() or INCLUDE in term.text):
                assert term.text in kept


@settings(deadline=None)
@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert is_spf(f"v=spf1 {text}")
    for term in parse_terms(f"v=spf1 {text}"):
        assert term.text

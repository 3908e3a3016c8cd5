"""SPF records as people write them: every word is read, mistakes too."""

from hypothesis import given
from hypothesis import strategies as st

from senders.spf import is_spf, parse_terms

# It has nothing to do with the database.


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert is_spf(f"v=spf1 {text}")
    for term in parse_terms(f"v=spf1 {text}"):
        assert term.text

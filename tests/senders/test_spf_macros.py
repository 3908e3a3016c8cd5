"""Macros of SPF records, by the examples of RFC 7208 section 7.4."""

from ipaddress import ip_address

import pytest

from senders.spf_macros import MacroError, MacroFacts, expand, find_letters

# It has nothing to do with the database.


def make_facts(ip: str = "192.0.2.3", **changes: str) -> MacroFacts:
    facts = {
        "local_part": "strong-bad",
        "sender_domain": "email.example.com",
        "domain": "email.example.com",
        "helo": "mx.example.com",
    } | changes
    return MacroFacts(ip_address(ip), find_name=lambda: "mx.example.org", timestamp=1_700_000_000, **facts)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d3}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
        ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
        ("%{h}.%{p}", "mx.example.com.mx.example.org"),
        ("%{D2}.%%.%_.%-", "example.com.%. .%20"),
        ("%{d000000000001}.%{d99999999999}", "com.email.example.com"),
    ],
)
def test_examples(text: str, expanded: str) -> None:
    assert expand(text, make_facts()) == expanded


def test_an_address_of_version_6_is_its_digits() -> None:
    nibbles = "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
    assert expand("%{ir}.%{v}._spf.%{d2}", make_facts("2001:db8::cb01")) == f"{nibbles}.ip6._spf.example.com"


def test_capital_letters_are_escaped_for_links() -> None:
    assert expand("%{L}-%{l}", make_facts(local_part="a&b=c d")) == "a%26b%3Dc%20d-a&b=c d"


def test_some_letters_are_for_explanations_only() -> None:
    facts = make_facts()
    text = "%{c} is refused by %{r} at %{t}"
    assert expand(text, facts, is_explanation=True) == "192.0.2.3 is refused by unknown at 1700000000"
    with pytest.raises(MacroError):
        expand("%{c}", facts)


@pytest.mark.parametrize("text", ["%", "%a", "%{d", "%{x}", "%{d0}", "%{d00r}", "%{dr2}", "%(d)", "a b", "é", "\x00"])
def test_what_is_no_macro_string(text: str) -> None:
    with pytest.raises(MacroError):
        find_letters(text)

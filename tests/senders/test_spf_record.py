"""SPF records are read by the letter of RFC 7208 section 12 (A6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senders.spf_record import SpfSyntaxError, SyntaxFault, is_domain_name, parse

# It has nothing to do with the database.

WRONG = [
    ("moo", SyntaxFault.WORD),
    ("all:x.example", SyntaxFault.WORD),
    ("-all.", SyntaxFault.WORD),
    ("all/8", SyntaxFault.WORD),
    ("!mx", SyntaxFault.WORD),
    ("=all", SyntaxFault.WORD),
    ("1up=x", SyntaxFault.WORD),
    ("redirect:x.example", SyntaxFault.WORD),
    ("moo.cow:far=x", SyntaxFault.WORD),
    ("include", SyntaxFault.VALUE),
    ("include:", SyntaxFault.VALUE),
    ("exists:", SyntaxFault.VALUE),
    ("a:", SyntaxFault.VALUE),
    ("a:/24", SyntaxFault.VALUE),
    ("ip4", SyntaxFault.VALUE),
    ("ip6/64", SyntaxFault.VALUE),
    ("redirect=", SyntaxFault.VALUE),
    ("exp=", SyntaxFault.VALUE),
    ("include:museum", SyntaxFault.DOMAIN),
    ("a:museum.", SyntaxFault.DOMAIN),
    ("a:x.example..", SyntaxFault.DOMAIN),
    ("a:x.123", SyntaxFault.DOMAIN),
    ("a:x.-com", SyntaxFault.DOMAIN),
    ("a:x.com-", SyntaxFault.DOMAIN),
    ("mx:x.example:8080", SyntaxFault.DOMAIN),
    ("include:x.example/24", SyntaxFault.DOMAIN),
    ("ptr:x.example/24", SyntaxFault.DOMAIN),
    ("redirect=-all", SyntaxFault.DOMAIN),
    ("a:192.0.2.1", SyntaxFault.ADDRESS),
    ("ip4:", SyntaxFault.ADDRESS),
    ("ip4:192.0.2", SyntaxFault.ADDRESS),
    ("ip4:192.0.2.01", SyntaxFault.ADDRESS),
    ("ip4:192.0.2.1:25", SyntaxFault.ADDRESS),
    ("ip4:2001:db8::1", SyntaxFault.ADDRESS),
    ("ip6::2001::db8", SyntaxFault.ADDRESS),
    ("ip6:fe80::1%eth0", SyntaxFault.ADDRESS),
    ("a/33", SyntaxFault.PREFIX),
    ("a/024", SyntaxFault.PREFIX),
    ("a//129", SyntaxFault.PREFIX),
    ("a/24/64", SyntaxFault.PREFIX),
    ("mx/", SyntaxFault.PREFIX),
    ("ip4:192.0.2.1/33", SyntaxFault.PREFIX),
    ("ip4:192.0.2.1/", SyntaxFault.PREFIX),
    ("ip4:192.0.2.1//32", SyntaxFault.PREFIX),
    ("ip6:2001:db8::/129", SyntaxFault.PREFIX),
    ("exists:%(i).x.example", SyntaxFault.MACRO),
    ("exists:%{x}.x.example", SyntaxFault.MACRO),
    ("exists:%{c}.x.example", SyntaxFault.MACRO),
    ("include:x%.example", SyntaxFault.MACRO),
    ("note=%abc", SyntaxFault.MACRO),
    ("redirect=x.example redirect=x.example", SyntaxFault.TWICE),
    ("exp=x.example EXP=y.example", SyntaxFault.TWICE),
    ("a:日本.example", SyntaxFault.NON_ASCII),
    ("mx\u3000a", SyntaxFault.NON_ASCII),
    # Octets that are no text (senders.dns.readable).
    (r"a:x\xff.example", SyntaxFault.NON_ASCII),
    ("mx\ta", SyntaxFault.WORD),
]

RIGHT = [
    "",
    "   ",
    "all",
    "mx a ptr",
    "A:X.Example./24//64 MX/24 mx//64",
    "ip4:192.0.2.9/24 ip6:2001:DB8::/32 ip6:::ffff:192.0.2.1",
    "a:foo:bar/baz.example.com",
    "a:x.xn--zckzah include:_spf.x.example",
    "exists:%{i}._spf.%{d2} include:%{d}",
    "exists:%{ir}.%%.%-.example",
    "note=%{c} a.b-c_d=x/y:z",
    "?all redirect=x.example exp=y.example",
]


@pytest.mark.parametrize(("words", "fault"), WRONG)
def test_wrong(words: str, fault: SyntaxFault) -> None:
    # A mistake behind all counts too (section 4.6).
    with pytest.raises(SpfSyntaxError) as error:
        parse(f"v=spf1 -all {words}")
    assert error.value.fault == fault
    assert error.value.term in words


@pytest.mark.parametrize("words", RIGHT)
def test_right(words: str) -> None:
    record = parse(f"v=spf1 {words}")
    modifiers = [word for word in words.split() if "=" in word]
    assert [mechanism.text for mechanism in record.mechanisms] == [
        word for word in words.split() if word not in modifiers
    ]
    values = {"redirect": record.redirect, "exp": record.exp}
    assert [word for word in modifiers if word.partition("=")[0] in values] == [
        f"{name}={value}" for name, value in values.items() if value
    ]


def test_what_a_record_holds() -> None:
    record = parse("V=SPF1 -A:x.example/24//64 ip4:192.0.2.9/24 redirect=y.example ~ALL mx exp=z.example")
    first, second, last, behind = record.mechanisms
    assert (first.qualifier, first.name, first.spec, first.prefix4, first.prefix6) == ("-", "a", "x.example", 24, 64)
    assert str(second.network) == "192.0.2.0/24"
    assert (last.name, last.qualifier) == ("all", "~")
    assert record.effective() == (first, second, last)
    assert behind.name == "mx"
    assert (record.redirect, record.exp) == ("y.example", "z.example")
    assert not record.follows_redirect()
    assert parse("v=spf1 redirect=y.example").follows_redirect()


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    assert words_told(f"v=spf1 {text}") <= set(text.split(" "))


def words_told(record: str) -> set[str]:
    """Return the words of a record that became mechanisms, or the one for which it is refused."""
    try:
        return {mechanism.text for mechanism in parse(record).mechanisms}
    except SpfSyntaxError as error:
        return {error.term}


@pytest.mark.parametrize(
    ("name", "is_name"),
    [
        ("x.example", True),
        ("_spf.x.example", True),
        ("a b.example", True),
        (f"{'a' * 63}.example", True),
        (f"{'a' * 64}.example", False),
        ("a..example", False),
        (".example", False),
        ("", False),
        (".".join(["a" * 49] * 5) + ".abc", True),
        (".".join(["a" * 49] * 5) + ".abcd", False),
        ("é.example", False),
        ("a\x00.example", False),
        ("a\\x00.example", False),
    ],
)
def test_names_that_can_be_asked_for(name: str, *, is_name: bool) -> None:
    assert is_domain_name(name) == is_name


def test_a_record_is_read_once_for_all_addresses() -> None:
    text = "v=spf1 " + "a " * 2000 + "-all"
    assert parse(text) is parse(text)

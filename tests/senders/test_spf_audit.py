"""Every branch of an SPF record is counted and judged, whatever the address (A6)."""

from typing import Any

import pytest

from senders.spf_audit import COUNT_LIMIT, Node, SpfAudit, audit, audit_record
from senders.spf_report import SpfFault, Trouble
from tests.senders.rfc7208 import read_zone

# It has nothing to do with the database.

SHOP = "shop.example"


def look(*terms: str, others: dict[str, Any] | None = None) -> SpfAudit:
    """Look at a record of the shop, with other names beside it."""
    return audit(SHOP, read_zone({SHOP: [{"TXT": " ".join(["v=spf1", *terms])}], **(others or {})}))


def test_tells_what_each_record_costs() -> None:
    others = {
        "x.example": [{"TXT": "v=spf1 include:y.example a:a.example -all"}],
        "y.example": [{"TXT": "v=spf1 ip4:192.0.2.1 -all"}],
        "a.example": [{"AAAA": "2001:db8::1"}],
    }
    seen = look("include:x.example", "redirect=y.example", others=others)
    assert seen.nodes == (
        Node(0, SHOP, "", "v=spf1 include:x.example redirect=y.example", 4),
        Node(1, "x.example", "include:x.example", "v=spf1 include:y.example a:a.example -all", 2),
        Node(2, "y.example", "include:y.example", "v=spf1 ip4:192.0.2.1 -all", 0),
        Node(1, "y.example", "redirect=y.example", "v=spf1 ip4:192.0.2.1 -all", 0),
    )
    assert (seen.lookups, seen.voids, seen.troubles, seen.unanswered) == (4, 0, (), ())


def test_without_a_record_there_is_nothing_to_judge() -> None:
    seen = audit(SHOP, read_zone({SHOP: [{"TXT": "hello"}]}))
    assert (seen.texts, seen.troubles, seen.lookups, seen.ttl) == ((), (), 0, 0)


def test_where_nobody_answers_nothing_is_said() -> None:
    seen = audit(SHOP, read_zone({SHOP: ["TIMEOUT"]}))
    assert (seen.texts, seen.troubles, seen.ttl) == ((), (), None)
    assert seen.unanswered == (Trouble(SpfFault.DNS, SHOP, path=(SHOP,)),)
    seen = look("a:x.example", "mx:x.example", "include:x.example", "-all", others={"x.example": ["TIMEOUT"]})
    assert [trouble.term for trouble in seen.unanswered] == ["a:x.example", "mx:x.example", "include:x.example"]
    assert (seen.lookups, seen.voids, seen.troubles) == (3, 0, ())


@pytest.mark.parametrize(
    ("terms", "is_reached"),
    [
        ("include:x.example -all", True),
        ("include:X.example. -all", True),
        ("-include:x.example -all", False),
        ("-all include:x.example", False),
        ("include:y.example -all", True),
        ("~include:y.example -all", False),
        ("redirect=y.example", True),
        ("redirect=y.example ~all", False),
        ("redirect=x.example", True),
        ("include:%{l}.example -all", False),
    ],
)
def test_reaches_what_passes_through(terms: str, *, is_reached: bool) -> None:
    others = {
        "x.example": [{"TXT": "v=spf1 ip4:192.0.2.1 -all"}],
        "y.example": [{"TXT": "v=spf1 include:x.example -all"}],
    }
    assert ("x.example" in look(*terms.split(), others=others).reaches) == is_reached


@pytest.mark.parametrize(
    ("terms", "open_at"),
    [
        ("+all", (SHOP,)),
        ("ip4:0.0.0.0/0 -all", (SHOP,)),
        ("include:x.example -all", ("x.example",)),
        ("?include:x.example -all", ()),
        ("redirect=x.example", ("x.example",)),
        ("-all all", ()),
    ],
)
def test_tells_who_lets_the_world_pass(terms: str, open_at: tuple[str, ...]) -> None:
    assert look(*terms.split(), others={"x.example": [{"TXT": "v=spf1 all"}]}).open_at == open_at


@pytest.mark.parametrize(
    ("terms", "voids"),
    [
        ("a:gone.example", 1),
        ("mx", 1),
        ("exists:gone.example", 1),
        ("exists:%{d}.gone.example", 1),
        ("exists:%{i}.gone.example", 0),
        ("a:a..example", 1),
        ("ptr", 0),
    ],
)
def test_counts_words_that_name_nothing(terms: str, voids: int) -> None:
    assert look(*terms.split(), "-all").voids == voids


def test_records_that_name_each_other_come_to_an_end() -> None:
    others = {f"x{number}.example": [{"TXT": "v=spf1 " + "include:y.example " * 60}] for number in range(9)}
    others["y.example"] = [{"TXT": "v=spf1 a:a.example -all"}]
    seen = look(*[f"include:{name}" for name in others], "-all", others=others)
    assert seen.lookups == COUNT_LIMIT
    assert SpfFault.LOOKUPS in {trouble.fault for trouble in seen.troubles}


def test_a_chain_of_redirects_comes_to_an_end() -> None:
    others = {f"x{number}.example": [{"TXT": f"v=spf1 redirect=x{number + 1}.example"}] for number in range(60)}
    assert look("redirect=x0.example", others=others).lookups == COUNT_LIMIT


def test_a_loop_is_told_once() -> None:
    seen = look("include:shop.example", "-all")
    assert seen.troubles == (Trouble(SpfFault.LOOP, SHOP, "include:shop.example", path=(SHOP, SHOP)),)


def test_looks_at_a_record_before_it_is_published() -> None:
    zone = read_zone({"x.example": [{"TXT": "v=spf1 mx -all"}, {"MX": [0, "x.example"]}]})
    seen = audit_record(SHOP, "v=spf1 include:x.example -all", zone)
    assert (seen.lookups, seen.troubles) == (2, ())

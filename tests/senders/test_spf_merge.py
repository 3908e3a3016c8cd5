"""The one SPF record to publish (D1, A5): readable, complete, and nobody loses a permission."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senders.spf import parse_terms
from senders.spf_audit import audit_record
from senders.spf_merge import Proposal, propose
from senders.spf_record import parse
from tests.senders.rfc7208 import read_zone

# It has nothing to do with the database.

INCLUDE = "_spf.hypermail.example"
OURS = f"include:{INCLUDE}"
SHOP = "shop.example"


def propose_for(*records: str, include: str = INCLUDE, zone: dict[str, Any] | None = None) -> Proposal:
    resolver = None if zone is None else read_zone(zone)
    return propose(records, include=include, domain=SHOP, resolver=resolver)


MERGES = [
    ([], f"v=spf1 a mx {OURS} ~all"),
    (["v=spf1 ip4:192.0.2.1 ~all"], f"v=spf1 ip4:192.0.2.1 {OURS} ~all"),
    (["v=spf1 ip4:192.0.2.1 -all"], f"v=spf1 ip4:192.0.2.1 {OURS} -all"),
    (["v=spf1 mx"], f"v=spf1 mx {OURS} ~all"),
    (["v=spf1 mx +all"], f"v=spf1 mx {OURS} ~all"),
    (["v=spf1 redirect=_spf.host.example"], f"v=spf1 {OURS} redirect=_spf.host.example"),
    (["v=spf1 redirect=_spf.host.example -all"], f"v=spf1 {OURS} -all"),
    # What is in order stays as it is.
    ([f"v=spf1 {OURS} mx ~all"], f"v=spf1 {OURS} mx ~all"),
    ([f"v=spf1 mx ~all -{OURS}"], f"v=spf1 mx {OURS} ~all"),
    (["v=spf1 mx ~all", "v=spf1 include:x.example MX -all"], f"v=spf1 include:x.example MX {OURS} ~all"),
    (["v=spf1 redirect=x.example", "v=spf1 mx -all"], f"v=spf1 mx include:x.example {OURS} -all"),
    (
        ["v=spf1 redirect=x.example", "v=spf1 redirect=y.example"],
        f"v=spf1 include:x.example include:y.example {OURS} ~all",
    ),
    (["v=spf1 redirect=x.example", "v=spf1 redirect=x.example"], f"v=spf1 {OURS} redirect=x.example"),
    (["v=spf1 mx exp=x.example -all", "v=spf1 exp=y.example ~all"], f"v=spf1 mx {OURS} ~all exp=y.example"),
    (["v=spf1 mx ~all include:x.example"], f"v=spf1 mx include:x.example {OURS} ~all"),
    ([f'"v=spf1 mx {OURS} ~all"'], f"v=spf1 mx {OURS} ~all"),
    (["google-site-verification=abc", "v=spf10 mx"], f"v=spf1 a mx {OURS} ~all"),
    # Slips of the pen, where it is clear what was meant.
    (["v=spf1 ip4=192.0.2.1 ~all"], f"v=spf1 ip4:192.0.2.1 {OURS} ~all"),
    (["v=spf1 192.0.2.1 -ip:192.0.2.2/31 ~all"], f"v=spf1 ip4:192.0.2.1 -ip4:192.0.2.2/31 {OURS} ~all"),
    (["v=spf1 a:192.0.2.1 ip4:2001:db8::1 ~all"], f"v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 {OURS} ~all"),
    (["v=spf1 include: x.example, mx; ~all"], f"v=spf1 include:x.example mx {OURS} ~all"),
    (["v=spf1 include=x.example redirect:y.example"], f"v=spf1 include:x.example {OURS} redirect=y.example"),
    (["v=spf1 include: -all"], f"v=spf1 {OURS} -all"),
    (["v=spf1 inclde:x.example mx ~all"], f"v=spf1 mx {OURS} ~all"),
    (["v=spf1 mx note=hello ~all"], f"v=spf1 mx note=hello {OURS} ~all"),
]


@pytest.mark.parametrize(("records", "merged"), MERGES)
def test_proposes(records: list[str], merged: str) -> None:
    """D1"""
    assert propose_for(*records).value == merged


def test_the_order_of_the_answer_changes_nothing() -> None:
    """D1"""
    records = ["v=spf1 mx ~all exp=a.example", "v=spf1 a -all exp=b.example", "v=spf1 ip4:192.0.2.1 ?all"]
    assert propose_for(*records).value == propose_for(*reversed(records)).value
    assert propose_for(*records).value.endswith("?all exp=b.example")


def test_a_record_without_effect_permits_nobody_beside_one_that_has() -> None:
    assert propose_for('"v=spf1 ip4:198.51.100.1 ~all"', "v=spf1 mx ~all").value == f"v=spf1 mx {OURS} ~all"


def test_the_domain_that_is_included_does_not_include_itself() -> None:
    assert propose_for("v=spf1 mx ~all", include=SHOP).value == "v=spf1 mx ~all"


def test_without_an_include() -> None:
    assert propose_for(include="").value == "v=spf1 a mx ~all"
    assert propose_for("v=spf1 a:x.example -all", "v=spf1 mx ~all", include="").value == "v=spf1 a:x.example mx ~all"


def test_says_what_it_changed_and_why() -> None:
    proposal = propose_for(
        f"v=spf1 ip4=192.0.2.1 moo -{OURS} exp=x.example +all",
        "v=spf1 redirect=y.example exp=z.example",
        "v=spf1 -all redirect=w.example",
    )
    changes = {change.word: change.why for change in proposal.changes}
    assert set(changes) == {
        "ip4=192.0.2.1",
        "moo",
        f"-{OURS}",
        "exp=z.example",
        "redirect=y.example",
        "redirect=w.example",
        "+all",
        "-all",
    }
    assert "ip4:192.0.2.1" in changes["ip4=192.0.2.1"]
    assert proposal.value == f"v=spf1 ip4:192.0.2.1 include:y.example {OURS} ~all exp=x.example"
    assert propose_for(f"v=spf1 mx {OURS} ~all").changes == ()


def test_what_stood_behind_all_gets_an_effect_and_that_is_said() -> None:
    (warning,) = propose_for("v=spf1 mx ~all include:x.example").warnings
    assert "include:x.example" in warning


def test_a_first_record_names_only_what_is_there() -> None:
    """A word that names nothing would cost one of two void look-ups."""
    ours = {INCLUDE: [{"TXT": "v=spf1 ip4:192.0.2.10 -all"}]}
    assert propose_for(zone=ours).value == f"v=spf1 {OURS} ~all"
    assert propose_for(zone=ours | {SHOP: [{"AAAA": "2001:db8::1"}]}).value == f"v=spf1 a {OURS} ~all"
    assert propose_for(zone=ours | {SHOP: [{"MX": [0, "x.example"]}]}).value == f"v=spf1 mx {OURS} ~all"
    # Nobody answers: what is usual.
    assert propose_for(zone=ours | {SHOP: ["TIMEOUT"]}).value == f"v=spf1 a mx {OURS} ~all"


def test_counts_look_ups() -> None:
    record = "v=spf1 " + " ".join(f"include:x{number}.example" for number in range(10)) + " ~all"
    proposal = propose_for(record)
    assert proposal.lookups == 11
    assert any("11 回" in warning for warning in proposal.warnings)
    zone = {INCLUDE: [{"TXT": "v=spf1 a:a.example -all"}], "a.example": [{"A": "192.0.2.1"}]}
    assert propose_for("v=spf1 -all", zone=zone).lookups == 2
    assert propose_for("v=spf1 redirect=x.example").lookups == 2


def test_tells_of_includes_that_lead_nowhere() -> None:
    zone = {INCLUDE: [{"TXT": "v=spf1 ip4:192.0.2.10 -all"}]}
    (warning,) = propose_for(
        "v=spf1 include:old.example a:gone.example a:gone2.example a:gone3.example -all", zone=zone
    ).warnings
    assert "old.example" in warning


@pytest.mark.parametrize(("number", "piece"), [(14, "255文字"), (24, "450文字")])
def test_tells_of_long_records(number: int, piece: str) -> None:
    record = "v=spf1 " + " ".join(f"ip4:192.0.2.{last}/32" for last in range(100, 100 + number))
    (warning,) = propose_for(f"{record} ~all").warnings
    assert piece in warning


TERMS = st.sampled_from(
    f"a mx ip4:192.0.2.1 -ip4:192.0.2.9 include:x.example {OURS} ~{OURS} ~all -all +all redirect=y.example".split()
)
WORDS = TERMS | st.text(alphabet="aimx4:=/.%{}-~ 192", max_size=9) | st.sampled_from(["exp=x.example", "ip4=192.0.2.1"])


@given(st.lists(st.lists(TERMS, max_size=8), max_size=3))
def test_keeps_every_permission(records: list[list[str]]) -> None:
    merged = propose_for(*[" ".join(["v=spf1", *terms]) for terms in records]).value
    kept = {term.text for term in parse_terms(merged)}
    for terms in records:
        for term in parse_terms(" ".join(["v=spf1", *terms])):
            if not (term.is_all() or term.is_redirect() or INCLUDE in term.text):
                assert term.text in kept


@given(st.lists(st.lists(WORDS, max_size=8), max_size=3))
def test_what_is_proposed_is_valid_passes_and_stays(records: list[list[str]]) -> None:
    merged = propose_for(*[" ".join(["v=spf1", *words]) for words in records]).value
    parse(merged)
    seen = audit_record(SHOP, merged, read_zone({}))
    assert INCLUDE in seen.reaches
    assert not seen.open_at
    again = propose_for(merged)
    assert (again.value, again.changes) == (merged, ())

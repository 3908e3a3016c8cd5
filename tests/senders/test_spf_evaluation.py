"""What receivers make of SPF, where the test suite of the RFC says nothing or is not there (A6, C1)."""

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senders.dns_budget import BudgetResolver
from senders.spf_evaluation import check_host, fit
from senders.spf_report import Limits, SpfFault, SpfReport, SpfResult, Step
from tests.senders.rfc7208 import read_zone

# It has nothing to do with the database.

SHOP = "shop.example"


def evaluate(*terms: str, ip: str = "192.0.2.10", others: dict[str, Any] | None = None, **options: Any) -> SpfReport:
    """Evaluate a record of the shop, with other names beside it."""
    zone = read_zone({SHOP: [{"TXT": " ".join(["v=spf1", *terms])}], **(others or {})})
    return check_host(ip_address(ip), SHOP, f"info@{SHOP}", helo="mta.example", resolver=zone, **options)


def test_tells_each_step() -> None:
    others = {
        "spf.example": [{"TXT": "v=spf1 mx -all"}, {"MX": [10, "mx.example"]}],
        "mx.example": [{"A": "198.51.100.9"}],
        "a.example": [{"A": "192.0.2.10"}],
    }
    report = evaluate("ip4:203.0.113.0/24", "include:spf.example", "a:a.example", "-all", others=others)
    assert (report.result, report.matched, report.lookups, report.voids) == (SpfResult.PASS, "a:a.example", 3, 0)
    assert report.steps == (
        Step(0, SHOP, "ip4:203.0.113.0/24", matched=False, lookups=0, voids=0),
        Step(0, SHOP, "include:spf.example", matched=False, lookups=2, voids=0, note="fail"),
        Step(1, "spf.example", "mx", matched=False, lookups=2, voids=0, note="mx.example"),
        Step(1, "spf.example", "-all", matched=True, lookups=2, voids=0),
        Step(0, SHOP, "a:a.example", matched=True, lookups=3, voids=0, note="192.0.2.10"),
    )


@pytest.mark.parametrize(
    ("qualifier", "result"), [("", "pass"), ("+", "pass"), ("-", "fail"), ("~", "softfail"), ("?", "neutral")]
)
def test_the_outer_qualifier_decides(qualifier: str, result: str) -> None:
    assert evaluate(f"{qualifier}include:x.example", others={"x.example": [{"TXT": "v=spf1 +all"}]}).result == result


@pytest.mark.parametrize(
    ("inner", "result"),
    [
        ("v=spf1 -all", "neutral"),
        ("v=spf1 ~all", "neutral"),
        ("v=spf1 ?all", "neutral"),
        ("v=spf1 all", "pass"),
        ("v=spf1 moo", "permerror"),
        ("v=spf10 all", "permerror"),
    ],
)
def test_include_by_the_table_of_section_5_2(inner: str, result: str) -> None:
    assert evaluate("include:x.example", others={"x.example": [{"TXT": inner}]}).result == result


def test_a_silent_name_is_a_temporary_error_and_named() -> None:
    report = evaluate("include:x.example", others={"x.example": ["TIMEOUT"]})
    assert report.result == SpfResult.TEMPERROR
    assert report.trouble is not None
    assert (report.trouble.fault, report.trouble.at, report.trouble.path) == (
        SpfFault.DNS,
        "x.example",
        (SHOP, "x.example"),
    )


@pytest.mark.parametrize("domain", ["example", "[192.0.2.1]", "a..example", f"{'a' * 64}.example", ""])
def test_a_name_that_is_none_is_not_asked_for(domain: str) -> None:
    zone = read_zone({domain: ["TIMEOUT"]})
    report = check_host(ip_address("192.0.2.1"), domain, "a@b.example", helo="mta.example", resolver=zone)
    assert report.result == SpfResult.NONE


@pytest.mark.parametrize(("ip", "result"), [("::ffff:192.0.2.10", "pass"), ("2001:db8::1", "fail")])
def test_a_mapped_address_is_one_of_version_4(ip: str, result: str) -> None:
    assert evaluate("ip4:192.0.2.10", "-ip6:::/0", ip=ip).result == result


def test_the_addresses_of_ptr_have_to_lead_back() -> None:
    pointer = "10.2.0.192.in-addr.arpa"
    others = {
        pointer: [{"PTR": "lies.host.example"}, {"PTR": "Mail.Host.example"}, {"PTR": "a..b"}],
        "lies.host.example": [{"A": "192.0.2.99"}],
        "mail.host.example": [{"A": "192.0.2.10"}],
    }
    assert evaluate("ptr:host.example", others=others).result == SpfResult.PASS
    assert (
        evaluate(
            "exists:%{p}.ok.example", others=others | {"mail.host.example.ok.example": [{"A": "127.0.0.2"}]}
        ).result
        == SpfResult.PASS
    )
    assert evaluate("ptr:st.example", "-all", others=others).result == SpfResult.FAIL
    assert (
        evaluate("exists:%{p}.ok.example", others={"unknown.ok.example": [{"A": "127.0.0.2"}]}).result == SpfResult.PASS
    )
    assert evaluate("ptr:x.example", "ptr:y.example", "-all", others=others).lookups == 2
    report = evaluate("ptr", "-all", others={pointer: ["TIMEOUT"]})
    # Only that there are no names is a void look-up (RFC 7208 section 4.6.4), not an error (section 5.5).
    assert (report.result, report.voids) == (SpfResult.FAIL, 0)
    assert (evaluate("ptr", "-all").voids, evaluate("ptr:st.example", "-all", others=others).voids) == (1, 0)


def test_explains_a_fail_once_it_is_known() -> None:
    def explain(text: str) -> str:
        others = {"why.example": [{"TXT": text}]}
        return evaluate("-all", "exp=why.example", others=others, explains=True).explanation

    assert explain("%{i} may not send for %{d}") == "192.0.2.10 may not send for shop.example"
    assert explain("%{x}") == ""
    assert evaluate("-all", "exp=%{o}..example", explains=True).explanation == ""
    others = {"why.example": [{"TXT": "why"}]}
    assert evaluate("~all", "exp=why.example", others=others, explains=True).explanation == ""
    # Nobody is asked for what nobody is shown.
    assert evaluate("-all", "exp=why.example", others=others).explanation == ""


def test_keeps_a_bounded_number_of_steps() -> None:
    terms = [f"ip4:10.0.0.{number}" for number in range(20)]
    others = {"x.example": [{"TXT": "v=spf1 -all"}]}
    report = evaluate(*terms, "include:x.example", "-all", others=others, limits=Limits(steps=5))
    assert (report.result, len(report.steps)) == (SpfResult.FAIL, 5)


def test_a_record_without_end_is_not_read() -> None:
    report = evaluate("mx", "-all", limits=Limits(characters=10))
    assert report.trouble is not None
    assert report.trouble.fault == SpfFault.LENGTH


@pytest.mark.parametrize(
    ("name", "fitted"),
    [
        ("X.Example.", "x.example"),
        ("a" * 10 + "." + "b." * 121 + "example", "b." * 121 + "example"),
        ("b." * 123 + "example", "b." * 123 + "example"),
        ("b." * 200 + "example", "b." * 123 + "example"),
        ("b" * 300, ""),
    ],
)
def test_long_names_lose_labels_on_the_left(name: str, fitted: str) -> None:
    assert fit(name) == fitted


WORDS = st.sampled_from(
    [
        "a",
        "mx",
        "ptr",
        "include:x.example",
        "-include:shop.example",
        "exists:%{i}.x.example",
        "redirect=x.example",
        "ip4:192.0.2.0/24",
        "-all",
        "?all",
        "ip6:::/0",
        "exp=x.example",
        "moo",
        "a:%{p}.example",
        "include:gone.example",
        "mx:x.example//0",
    ]
)


@given(st.lists(WORDS, max_size=8), st.lists(WORDS, max_size=8), st.sampled_from(["192.0.2.1", "2001:db8::1"]))
def test_every_evaluation_comes_to_an_end_within_the_limits(first: list[str], second: list[str], ip: str) -> None:
    others = {"x.example": [{"TXT": " ".join(["v=spf1", *second])}, {"A": "192.0.2.1"}, {"MX": [0, "x.example"]}]}
    report = evaluate(*first, ip=ip, others=others)
    assert report.lookups <= 11
    assert report.voids <= 3
    assert (report.trouble is not None) == (report.result in (SpfResult.PERMERROR, SpfResult.TEMPERROR))


def test_a_question_that_was_one_too_many_is_no_fault_and_no_outage() -> None:
    zone = BudgetResolver(read_zone({SHOP: [{"TXT": "v=spf1 a:a.example -all"}]}), questions=1)
    report = check_host(ip_address("192.0.2.10"), SHOP, f"info@{SHOP}", helo="mta.example", resolver=zone)
    assert (report.result, report.trouble and report.trouble.fault) == (SpfResult.TEMPERROR, SpfFault.BUDGET)

"""The SPF card: what the zone cases do not say (A1, A5, A6)."""

from ipaddress import ip_address
from typing import Any

import pytest

from senders.models import CheckResult
from senders.outcomes import CheckOutcome, CheckSubject, Tone
from senders.spf_check import check_spf_domain
from senders.spf_record import SyntaxFault
from senders.spf_report import SpfFault, SpfResult, Trouble
from senders.spf_words import FAULT_WORDS, RESULT_WORDS, SYNTAX_WORDS, explain_trouble
from tests.senders.rfc7208 import read_zone

# It has nothing to do with the database.

SHOP = "shop.example"
INCLUDE = "_spf.hypermail.example"
OUR_RECORD = {INCLUDE: [{"TXT": "v=spf1 ip4:192.0.2.10 ip6:2001:db8::10 -all"}]}


def check(
    *terms: str, others: dict[str, Any] | None = None, include: str = INCLUDE, ips: str = "192.0.2.10"
) -> CheckOutcome:
    zone = {SHOP: [{"TXT": " ".join(["v=spf1", *terms])}], **OUR_RECORD, **(others or {})}
    subject = CheckSubject(SHOP, include=include, ips=tuple(map(ip_address, ips.split())), host="mta.example")
    return check_spf_domain(subject, read_zone(zone))


def test_a_good_record_is_explained_without_advice() -> None:
    outcome = check(f"include:{INCLUDE}", "~all")
    assert (outcome.result, outcome.advice) == (CheckResult.OK, "")
    assert outcome.found == outcome.expected == f"v=spf1 include:{INCLUDE} ~all"
    assert {line.tone for line in outcome.lines} == {Tone.OK, Tone.NOTE}


@pytest.mark.parametrize("include", [f"include:{INCLUDE}", f" {INCLUDE.upper()}. "])
def test_the_setting_may_be_written_in_full(include: str) -> None:
    assert check(f"include:{INCLUDE}", "~all", include=include).result == CheckResult.OK


@pytest.mark.parametrize("fault", [fault for fault in SpfFault if fault != SpfFault.SYNTAX])
def test_each_fault_has_a_sentence(fault: SpfFault) -> None:
    assert fault in FAULT_WORDS
    assert "%" not in explain_trouble(Trouble(fault, SHOP, "include:x.example", path=(SHOP,)))


@pytest.mark.parametrize("fault", SyntaxFault)
def test_each_mistake_has_a_sentence_that_names_the_word(fault: SyntaxFault) -> None:
    assert fault in SYNTAX_WORDS
    sentence = explain_trouble(Trouble(SpfFault.SYNTAX, SHOP, "moo", fault, (SHOP,)))
    assert "moo" in sentence
    assert "%(" not in sentence


def test_each_result_has_words() -> None:
    assert set(RESULT_WORDS) == set(SpfResult)


def test_sentences_stay_short_whatever_the_dns_says() -> None:
    long = "y" * 8000
    others = {"x.example": [{"TXT": f"v=spf1 {long}"}]}
    outcome = check(f"include:{INCLUDE}", "include:x.example", "~all", others=others)
    assert outcome.result == CheckResult.WRONG
    assert len(outcome.advice) <= 500
    assert all(len(line.label) + len(line.text) <= 600 for line in outcome.lines)


def test_many_addresses_and_words_are_shown_in_part() -> None:
    ips = " ".join(f"192.0.2.{number}" for number in range(1, 200))
    terms = [f"ip4:198.51.100.{number}" for number in range(100)]
    assert len(check(*terms, f"include:{INCLUDE}", "~all", ips=ips).lines) <= 200


def test_void_look_ups_of_one_family_are_told() -> None:
    """An "a" without an IPv6 address is void for connections by IPv6 only."""
    others = {f"{name}.example": [{"A": "198.51.100.7"}] for name in "xyz"}
    terms = ("a:x.example", "a:y.example", "a:z.example", f"include:{INCLUDE}", "~all")
    assert check(*terms, others=others).advice == ""
    outcome = check(*terms, others=others, ips="192.0.2.10 2001:db8::10")
    assert outcome.result == CheckResult.OK
    assert "a:z.example" in outcome.advice


def test_what_could_be_better_is_told_beside_the_first_advice() -> None:
    others = {"10.2.0.192.in-addr.arpa": ["TIMEOUT"]}
    outcome = check(f"include:{INCLUDE}", "ptr", "?all", others=others)
    assert (outcome.result, "ptr" in outcome.advice) == (CheckResult.OK, True)
    assert any("~all" in line.text for line in outcome.lines)


def test_says_how_the_record_to_set_differs() -> None:
    outcome = check("ip4=198.51.100.7", f"include:{INCLUDE}", "moo", "~all")
    assert outcome.expected == f"v=spf1 ip4:198.51.100.7 include:{INCLUDE} ~all"
    changed = [line.label for line in outcome.lines if "変更" in line.label]
    assert [label.rpartition(" ")[2] for label in changed] == ["ip4=198.51.100.7", "moo"]


def test_a_mail_server_that_nobody_knows_leaves_it_open() -> None:
    others = {
        SHOP: [{"TXT": f"v=spf1 mx include:{INCLUDE} ~all"}, {"MX": [0, "mx.example"]}],
        "mx.example": ["TIMEOUT"],
    }
    outcome = check(others=others)
    assert outcome.result == CheckResult.UNKNOWN
    assert "mx.example" in outcome.advice


def test_a_mail_server_of_ours_that_nobody_knows_is_not_the_customers() -> None:
    ours = {INCLUDE: [{"TXT": "v=spf1 mx -all"}, {"MX": [0, "mx.example"]}], "mx.example": ["TIMEOUT"]}
    outcome = check(f"include:{INCLUDE}", "~all", others=ours)
    assert outcome.result == CheckResult.UNKNOWN
    assert "当サービス側" in outcome.advice


def test_a_redirect_to_ours_includes_it() -> None:
    assert check(f"redirect={INCLUDE}").result == CheckResult.OK


def test_our_own_void_look_ups_are_not_the_customers() -> None:
    ours = {INCLUDE: [{"TXT": "v=spf1 a:x.example a:y.example a:z.example ip4:192.0.2.10 -all"}]}
    outcome = check(f"include:{INCLUDE}", "~all", others=ours)
    assert outcome.result == CheckResult.UNKNOWN
    assert "当サービス側" in outcome.advice


def test_the_domain_that_is_included_need_not_include_itself() -> None:
    outcome = check("ip4:192.0.2.10", "~all", include=SHOP)
    assert (outcome.result, outcome.expected) == (CheckResult.OK, "v=spf1 ip4:192.0.2.10 ~all")


def test_warns_of_the_record_to_set() -> None:
    terms = [f"exists:x{number}.example" for number in range(10)]
    others = {f"x{number}.example": [{"A": "127.0.0.2"}] for number in range(10)}
    warnings = [line.text for line in check(*terms, "~all", others=others).lines if line.tone == Tone.WARNING]
    assert any("11 回" in text for text in warnings)


def test_the_ptr_of_somebody_else_is_not_the_customers() -> None:
    others = {"x.example": [{"TXT": "v=spf1 ptr ?all"}], "10.2.0.192.in-addr.arpa": [{"PTR": "mta.example"}]}
    assert "ptr" not in check("include:x.example", f"include:{INCLUDE}", "~all", others=others).advice


@pytest.mark.parametrize(
    ("theirs", "ours", "is_kept"),
    [(2, 1, True), (3, 0, False), (4, 2, False)],
    ids=["with ours too many", "alone too many", "alone too many, ours beside"],
)
def test_void_look_ups_keep_a_domain_that_sends_only_where_ours_make_them_too_many(
    theirs: int, ours: int, is_kept: bool
) -> None:
    void = [f"a:x{number}.example" for number in range(theirs + ours)]
    others = {INCLUDE: [{"TXT": " ".join(["v=spf1", *void[theirs:], "ip4:192.0.2.10", "-all"])}]}
    outcome = check(*void[:theirs], f"include:{INCLUDE}", "~all", others=others)
    assert outcome.result == CheckResult.WRONG
    assert outcome.keeps_verified == is_kept

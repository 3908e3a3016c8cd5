"""The checks of domains over a real name server, one case a zone file in tests/senders/zones (A1, A5, A6, C1, C26, E6, E9)."""

from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import ip_address

import pytest
from django.utils import timezone

from senders.advice_checks import ADVICE
from senders.dkim_check import check_dkim_key
from senders.dkim_proof import make_signed_mail, prove
from senders.dmarc import discover
from senders.dmarc_check import check_dmarc_domain
from senders.dns import Resolver
from senders.host_check import check_host as check_host_records
from senders.models import ServerCheckKind
from senders.outcomes import Check, CheckOutcome, CheckSubject
from senders.return_check import check_return
from senders.server_checks import check_servers
from senders.spf_audit import audit
from senders.spf_check import check_spf_domain
from senders.spf_evaluation import check_host
from tests.senders.case_keys import signers
from tests.senders.cases import Case, read_cases
from tests.senders.dmarc_oracle import ask_checkdmarc as ask_about_dmarc
from tests.senders.dns_server import ZoneServer, serve_zones
from tests.senders.spf_oracle import ask_checkdmarc

# It has nothing to do with the database.


def compare_spf(case: Case, server: ZoneServer, resolver: Resolver) -> None:
    """Compare the evaluation ("result: address word"), the audit ("lookups", "voids", "faults") and the oracle."""
    domain = case.get("domain")
    for text in case.all("result"):
        address, expected = text.split()
        report = check_host(
            ip_address(address), domain, f"postmaster@{domain}", helo="mta.hypermail.example", resolver=resolver
        )
        assert report.result == expected, report
    seen = audit(domain, resolver)
    if case.get("lookups"):
        assert seen.lookups == int(case.get("lookups"))
    if case.get("voids"):
        assert seen.voids == int(case.get("voids"))
    if case.get("faults"):
        assert " ".join(trouble.fault for trouble in seen.troubles) == case.get("faults")
    # "oracle: valid" or "oracle: invalid" is what checkdmarc says; where it differs from us "differs" says why.
    if oracle := case.get("oracle"):
        opinion = ask_checkdmarc(domain, server.address)
        assert ("valid" if opinion.is_valid else "invalid") == oracle, opinion
        faults = {trouble.fault for trouble in seen.troubles}
        agrees = opinion.is_valid == (bool(seen.texts) and not faults)
        assert agrees != bool(case.get("differs")), opinion
        if agrees and opinion.is_valid:
            assert opinion.lookups == seen.lookups


def check_server(subject: CheckSubject, resolver: Resolver, *, kind: ServerCheckKind) -> CheckOutcome:
    """Return the worst of what the installation's own check of a kind says of the addresses of a case."""
    blocklists = ["bl.example"] if kind is ServerCheckKind.BLOCKLIST else []
    found = [one.outcome for one in check_servers(subject, resolver, blocklists=blocklists) if one.kind is kind]
    return next((outcome for outcome in found if outcome.result != "ok"), found[0])


def compare_dmarc(case: Case, server: ZoneServer, resolver: Resolver) -> None:
    """Compare the walk ("at", "org", "policy", "questions"), and the oracle."""
    domain = case.get("domain")
    seen = discover(domain, resolver)
    assert (seen.policy_domain, seen.organizational_domain) == (case.get("at"), case.get("org"))
    assert (seen.policy or "") == case.get("policy")
    if case.get("questions"):
        server.asked.clear()
        discover(domain, case.resolver(server))
        assert len([name for name in server.asked if name.startswith("_dmarc.")]) == int(case.get("questions"))
    # "oracle: valid" or "oracle: invalid" is what checkdmarc says; where it differs from us "differs" says why.
    opinion = ask_about_dmarc(domain, server.address)
    assert ("valid" if opinion.is_valid else "invalid") == case.get("oracle"), opinion
    agrees = opinion.is_valid == (seen.record is not None)
    assert agrees != bool(case.get("differs")), opinion
    if agrees and seen.record is not None:
        assert (opinion.at, opinion.policies) == (seen.policy_domain, (seen.record.p, seen.record.sp))


def check_key(subject: CheckSubject, resolver: Resolver) -> CheckOutcome:
    """Judge the record of the first key of a case."""
    return check_dkim_key(subject, resolver, key=subject.keys[0])


def prove_case(case: Case, resolver: Resolver) -> CheckOutcome:
    """Verify a mail that is signed with the keys of a case ("private" = with another one)."""
    subject = case.subject()
    keys = signers(subject.domain, subject.keys, privates=case.get("private"))
    return prove(subject, resolver, message=make_signed_mail(subject.domain, keys, now=timezone.now()))


def compare_proof(case: Case, server: ZoneServer, resolver: Resolver) -> None:
    """Compare what the record is worth with what a signed mail proves ("proof")."""
    assert prove_case(case, resolver).result == case.get("proof")


# The checks by the names that the files use, and what is compared besides the outcome.
CHECKS: dict[str, Check] = {
    "spf": check_spf_domain,
    "dkim": check_key,
    "next_key": check_key,
    "dmarc": check_dmarc_domain,
    "return": check_return,
    "host": check_host_records,
    **{kind.value: check for kind, check in ADVICE.items()},
    **{kind: partial(check_server, kind=kind) for kind in ServerCheckKind},
}
COMPARISONS: dict[str, Callable[[Case, ZoneServer, Resolver], None]] = {
    "spf": compare_spf,
    "dkim": compare_proof,
    "dmarc": compare_dmarc,
}


@pytest.fixture(scope="module")
def server() -> Iterator[ZoneServer]:
    with serve_zones() as zones:
        yield zones


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.name)
def test_case(case: Case, server: ZoneServer) -> None:
    """A5 A6 C26 E6 E9"""
    case.publish(server)
    resolver = case.resolver(server)
    is_proof = case.get("check") == "proof"
    outcome = prove_case(case, resolver) if is_proof else CHECKS[case.get("check")](case.subject(), resolver)
    assert outcome.result == case.get("expect"), outcome
    require_pieces(case, outcome)
    if compare := COMPARISONS.get(case.get("check")):
        compare(case, server, resolver)


def require_pieces(case: Case, outcome: CheckOutcome) -> None:
    """Compare what people are shown."""
    assert len(outcome.advice) <= 500
    assert len(outcome.lines) <= 200
    assert bool(case.get("advice")) == bool(outcome.advice), outcome.advice
    for piece in case.all("advice"):
        assert piece in outcome.advice
    for piece in case.all("found"):
        assert piece in outcome.found
    for piece in case.all("line"):
        assert any(piece in f"{line.label} {line.text}" for line in outcome.lines), outcome.lines
    for text in case.all("tone"):
        assert any(text == f"{line.tone} {line.label}" for line in outcome.lines), outcome.lines
    if case.get("expected"):
        assert outcome.expected == case.get("expected")


def test_there_are_many_cases() -> None:
    names = [case.name for case in read_cases()]
    assert len([name for name in names if name.startswith("spf-")]) >= 20
    assert len([name for name in names if name.startswith("dkim-")]) >= 18
    assert len([name for name in names if name.startswith("dmarc-")]) >= 18
    assert len([name for name in names if name.startswith("return-")]) >= 8
    assert len([name for name in names if name.startswith("advice-")]) >= 6
    assert len([name for name in names if name.startswith("server-")]) >= 30

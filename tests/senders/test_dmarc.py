"""DMARC by RFC 9989: the records, the walk up the DNS, the Organizational Domain, alignment, and the check of a domain."""

import pytest

from senders.alignment import align
from senders.dmarc import Policy, discover, is_dmarc, parse, walk_names
from senders.dmarc_check import check_dmarc_domain
from senders.dns import DnsResolver
from senders.models import CheckResult
from senders.outcomes import CheckOutcome, CheckSubject, KeyFacts, Tone
from tests.senders.dns_server import ZoneServer

KEYS = (KeyFacts("hm1", "rsa", "MIIB"),)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("v=DMARC1; p=none", True),
        ("V = DMARC1 ;p=none", True),
        # Nothing stands before the first tag (section 4.8).
        (" v=DMARC1; p=none", False),
        ("v=DMARC1", True),
        ("v=dmarc1; p=none", False),
        ("v=DMARC10; p=none", False),
        ("p=none; v=DMARC1", False),
        ('"v=DMARC1; p=none"', False),
        ("", False),
    ],
)
def test_what_is_a_record(text: str, *, is_one: bool) -> None:
    assert is_dmarc(text) is is_one


@pytest.mark.parametrize(
    ("text", "p", "sp", "np"),
    [
        ("v=DMARC1; p=reject", "reject", "reject", "reject"),
        ("v=DMARC1; p=REJECT; sp=Quarantine", "reject", "quarantine", "quarantine"),
        ("v=DMARC1; p=none; np=reject", "none", "none", "reject"),
        ("v=DMARC1; p=none; sp=quarantine; np=reject;", "none", "quarantine", "reject"),
        # Without p= it counts as none (section 4.7).
        ("v=DMARC1; rua=mailto:a@shop.example", "none", "none", "none"),
        # A policy that cannot be read counts as none where reports are asked for (section 4.10.1).
        ("v=DMARC1; p=block; rua=mailto:a@shop.example", "none", "none", "none"),
        ("v=DMARC1; p=reject; sp=block; rua=mailto:a@shop.example", "none", "none", "none"),
    ],
)
def test_policies(text: str, p: str, sp: str, np: str) -> None:
    record = parse(text)
    assert record is not None
    assert (record.p, record.sp, record.np) == (p, sp, np)


@pytest.mark.parametrize("text", ["v=DMARC1; p=block", "v=DMARC1; p=none; np=block", "v=DMARC1; p=x; rua=https://a/"])
def test_a_policy_that_cannot_be_read_without_reports_is_no_record(text: str) -> None:
    assert parse(text) is None


def test_the_other_tags() -> None:
    record = parse(
        "v=DMARC1; p=none; adkim=s; aspf=S; psd=n; t=y; rua=mailto:a@x.example!10m, mailto:b@y.example; nonsense"
    )
    assert record is not None
    assert (record.is_strict_dkim, record.is_strict_spf, record.psd, record.is_testing) == (True, True, "n", True)
    assert record.rua == ("mailto:a@x.example!10m", "mailto:b@y.example")
    assert (record.wrong_tags, record.unreadable, record.repeated) == (("nonsense",), (), ())
    assert record.has_policy


def test_the_walk_asks_at_most_eight_names() -> None:
    assert list(walk_names("a.b.example")) == ["a.b.example", "b.example", "example"]
    deep = "a.b.c.d.e.f.g.h.i.j.mail.example.com"
    names = list(walk_names(deep))
    assert names[:3] == [deep, "g.h.i.j.mail.example.com", "h.i.j.mail.example.com"]
    assert (len(names), names[-1]) == (8, "com")


@pytest.mark.parametrize(
    ("records", "author", "organization", "ruling", "policy"),
    [
        # Nothing anywhere.
        ({}, "a.shop.example", "a.shop.example", "", None),
        # The domain's own record rules; the one with the fewest labels is the organisation's.
        (
            {"a.shop.example": "v=DMARC1; p=reject", "shop.example": "v=DMARC1; p=none"},
            "a.shop.example", "shop.example", "a.shop.example", "reject",
        ),
        # sp= for a name that exists, np= for one that does not.
        ({"shop.example": "v=DMARC1; p=none; sp=quarantine; np=reject"}, "a.shop.example", "shop.example", "shop.example", "reject"),
        ({"shop.example": "v=DMARC1; p=none; sp=quarantine; np=reject"}, "www.shop.example", "shop.example", "shop.example", "quarantine"),
        # psd=n ends the walk, and is the organisation.
        (
            {"shop.example": "v=DMARC1; p=none; psd=n", "example": "v=DMARC1; p=reject"},
            "a.shop.example", "shop.example", "shop.example", "none",
        ),
        # psd=y: the organisation is the name below; its record rules where nothing else does.
        ({"example": "v=DMARC1; p=reject; psd=y"}, "a.shop.example", "shop.example", "example", "reject"),
        ({"example": "v=DMARC1; p=reject; psd=y"}, "example", "example", "example", "reject"),
        # A policy in testing counts as the next weaker one (RFC 9989 section 4.7).
        ({"shop.example": "v=DMARC1; p=reject; t=y"}, "shop.example", "shop.example", "shop.example", "quarantine"),
        ({"shop.example": "v=DMARC1; p=quarantine; t=y"}, "shop.example", "shop.example", "shop.example", "none"),
        ({"shop.example": "v=DMARC1; p=none; t=y"}, "shop.example", "shop.example", "shop.example", "none"),
        (
            {"shop.example": "v=DMARC1; p=none; sp=reject; t=y"},
            "www.shop.example", "shop.example", "shop.example", "quarantine",
        ),
        # A record in between that is not the organisation's does not rule over names below it.
        (
            {"b.shop.example": "v=DMARC1; p=reject", "shop.example": "v=DMARC1; p=none"},
            "a.b.shop.example", "shop.example", "shop.example", "none",
        ),
    ],
)  # fmt: skip
def test_discovery(
    zones: ZoneServer,
    resolver: DnsResolver,
    records: dict[str, str],
    author: str,
    organization: str,
    ruling: str,
    policy: str | None,
) -> None:
    zones.publish("www.shop.example", "it exists")
    for name, text in records.items():
        zones.publish(f"_dmarc.{name}", text)
    found = discover(author, resolver)
    assert (found.organizational_domain, found.policy_domain, found.policy) == (organization, ruling, policy)


def test_of_several_records_none_counts_and_the_walk_goes_on(zones: ZoneServer, resolver: DnsResolver) -> None:
    zones.publish("_dmarc.a.shop.example", "v=DMARC1; p=reject", "v=DMARC1; p=none", "something else")
    zones.publish("_dmarc.shop.example", "v=DMARC1; p=quarantine")
    found = discover("a.shop.example", resolver)
    assert (found.policy_domain, found.policy) == ("shop.example", Policy.QUARANTINE)
    assert check(zones, resolver, "a.shop.example").result == CheckResult.WRONG


@pytest.mark.parametrize(
    ("record", "mail_from", "dkim", "spf", "passes"),
    [
        ("v=DMARC1; p=none", "shop.example", [], True, True),
        ("v=DMARC1; p=none", "bounce.shop.example", [], True, True),
        ("v=DMARC1; p=none; aspf=s", "bounce.shop.example", [], False, False),
        ("v=DMARC1; p=none", "hypermail.example", ["mail.shop.example"], False, True),
        ("v=DMARC1; p=none; adkim=s", "hypermail.example", ["mail.shop.example"], False, False),
        ("v=DMARC1; p=none; adkim=s", "hypermail.example", ["other.example", "shop.example"], False, True),
        ("v=DMARC1; p=none", "", [], False, False),
    ],
)
def test_alignment(
    zones: ZoneServer, resolver: DnsResolver, record: str, mail_from: str, dkim: list[str], *, spf: bool, passes: bool
) -> None:
    """C26"""
    zones.publish("_dmarc.shop.example", record)
    aligned = align(discover("shop.example", resolver), mail_from=mail_from, dkim_domains=dkim, resolver=resolver)
    assert (aligned.spf, aligned.passes()) == (spf, passes)


def test_alignment_that_could_not_be_asked_is_not_a_failure(zones: ZoneServer, resolver: DnsResolver) -> None:
    zones.publish("_dmarc.shop.example", "v=DMARC1; p=none")
    zones.failing.add("_dmarc.hypermail.example")
    found = discover("shop.example", resolver)
    aligned = align(found, mail_from="hypermail.example", dkim_domains=[], resolver=resolver)
    assert (aligned.spf, aligned.passes()) == (None, None)


def check(zones: ZoneServer, resolver: DnsResolver, domain: str = "shop.example", **facts: object) -> CheckOutcome:
    """Check a domain whose mail comes back to the installation and whose key is published."""
    zones.publish(f"hm1._domainkey.{domain}", "v=DKIM1; p=MIIB")
    values: dict[str, object] = {"keys": KEYS, "return_name": "bounce.hypermail.example"} | facts
    return check_dmarc_domain(CheckSubject(domain, **values), resolver)


def test_a_domain_without_a_record_is_told_which_to_set(zones: ZoneServer, resolver: DnsResolver) -> None:
    """E6"""
    outcome = check(zones, resolver, report_address="reports@hypermail.example")
    assert outcome.result == CheckResult.MISSING
    assert outcome.expected == "v=DMARC1; p=none; rua=mailto:reports@hypermail.example"
    assert check(zones, resolver).expected == "v=DMARC1; p=none; rua=mailto:dmarc@shop.example"


def test_a_parents_record_is_enough(zones: ZoneServer, resolver: DnsResolver) -> None:
    """E6"""
    zones.publish("_dmarc.shop.example", "v=DMARC1; p=none; rua=mailto:dmarc@shop.example")
    outcome = check(zones, resolver, "news.shop.example")
    assert (outcome.result, outcome.expected) == (CheckResult.OK, "")
    assert any("shop.example の DMARC レコードが" in line.text for line in outcome.lines)


@pytest.mark.parametrize(
    ("texts", "word"),
    [
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "2つ以上"),
        (["v=DMARC1; p=block"], "正しくない"),
        (["v=dmarc1; p=none"], "先頭が"),
        (['"v=DMARC1; p=none"'], "先頭が"),
    ],
)
def test_what_is_wrong_is_said(zones: ZoneServer, resolver: DnsResolver, texts: list[str], word: str) -> None:
    zones.publish("_dmarc.shop.example", *texts)
    outcome = check(zones, resolver)
    assert outcome.result == CheckResult.WRONG
    assert word in outcome.advice


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("v=DMARC1; rua=mailto:dmarc@shop.example", "「p=」がありません"),
        ("v=DMARC1; p=none; rua=mailto:dmarc@shop.example; nonsense", "「nonsense」"),
        ("v=DMARC1; p=rejct; rua=mailto:dmarc@shop.example", "「p=rejct」 の値が正しくない"),
        ("v=DMARC1; p=reject; sp=bogus; rua=mailto:dmarc@shop.example", "レコード全体が「p=none」"),
        ("v=DMARC1; p=reject; p=none; rua=mailto:dmarc@shop.example", "「p」 が2回"),
        ("v=DMARC1; p=reject; t=y; rua=mailto:dmarc@shop.example", "t=y"),
        ("v=DMARC1; p=none", "rua=mailto:"),
        ("v=DMARC1; p=none; rua=mailto:dmarc@shop.example", ""),
    ],
)
def test_what_works_may_have_an_advice(zones: ZoneServer, resolver: DnsResolver, text: str, word: str) -> None:
    zones.publish("_dmarc.shop.example", text)
    outcome = check(zones, resolver)
    assert outcome.result == CheckResult.OK
    assert (word in outcome.advice) if word else not outcome.advice


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["v=DMARC1; rua=mailto:a@shop.example"], "v=DMARC1; p=none; rua=mailto:a@shop.example"),
        (["v=DMARC1; p=rejct; rua=mailto:a@shop.example"], "v=DMARC1; p=reject; rua=mailto:a@shop.example"),
        (["v=DMARC1; p=reject; sp=bogus; rua=mailto:a@x.example"], "v=DMARC1; p=reject; rua=mailto:a@x.example"),
        (["v=DMARC1; p=block"], "v=DMARC1; p=none"),
        (["v=dmarc1; p=reject; rua=mailto:a@shop.example"], "v=DMARC1; p=reject; rua=mailto:a@shop.example"),
        (['"v=DMARC1; p=reject"'], "v=DMARC1; p=reject"),
        (["v=DMARC1 p=quarantine"], "v=DMARC1; p=quarantine"),
        (["v=DMARC1; p=reject; p=none"], "v=DMARC1; p=reject"),
        (["v=DMARC1; p=reject", "v=DMARC1; p=none; rua=mailto:a@shop.example"], "v=DMARC1; p=none; rua=mailto:a@shop.example"),
        (["v=DMARC1;p=reject;fo=1"], "v=DMARC1;p=reject;fo=1"),
    ],
)  # fmt: skip
def test_the_record_to_set_keeps_what_is_known(
    zones: ZoneServer, resolver: DnsResolver, texts: list[str], expected: str
) -> None:
    """E6"""
    zones.publish("_dmarc.shop.example", *texts)
    assert check(zones, resolver).expected == expected


def test_before_the_key_is_published_nobody_is_calmed(zones: ZoneServer, resolver: DnsResolver) -> None:
    """C26"""
    zones.publish("_dmarc.shop.example", "v=DMARC1; p=reject; rua=mailto:dmarc@shop.example")
    outcome = check(zones, resolver, keys=(KeyFacts("hm2", "rsa", "MIIB"),))
    assert "届きません" in outcome.advice
    (line,) = [line for line in outcome.lines if line.label == "DKIM の整合"]
    assert line.tone == Tone.WARNING
    assert check(zones, resolver).advice == ""


def test_without_a_key_nothing_aligns(zones: ZoneServer, resolver: DnsResolver) -> None:
    """C26"""
    zones.publish("_dmarc.shop.example", "v=DMARC1; p=none")
    assert check(zones, resolver, keys=()).result == CheckResult.WRONG
    assert check(zones, resolver, keys=(), return_name="bounce.shop.example").result == CheckResult.OK


def test_an_outage_is_no_verdict(zones: ZoneServer, resolver: DnsResolver) -> None:
    zones.failing.add("_dmarc.shop.example")
    outcome = check(zones, resolver)
    # A record to set would take the place of one that nobody saw.
    assert (outcome.result, outcome.expected) == (CheckResult.UNKNOWN, "")


def test_an_outage_above_proposes_nothing(zones: ZoneServer, resolver: DnsResolver) -> None:
    """E6"""
    zones.failing.add("_dmarc.shop.example")
    outcome = check(zones, resolver, "news.shop.example")
    assert (outcome.result, outcome.expected) == (CheckResult.UNKNOWN, "")


def test_a_wildcard_of_another_purpose_is_no_record(zones: ZoneServer, resolver: DnsResolver) -> None:
    zones.publish("*.shop.example", "v=spf1 -all")
    outcome = check(zones, resolver)
    assert outcome.result == CheckResult.MISSING
    assert "別の用途" in outcome.advice


@pytest.mark.parametrize(
    ("rua", "permission", "tone"),
    [
        ("mailto:dmarc@shop.example", None, Tone.OK),
        ("mailto:dmarc@mail.shop.example", None, Tone.OK),
        ("mailto:reports@collector.example!5m", "v=DMARC1", Tone.OK),
        ("mailto:reports@collector.example", "v=spf1 -all", Tone.WARNING),
        ("mailto:reports@collector.example", None, Tone.WARNING),
        ("mailto:reports", None, Tone.WARNING),
    ],
)
def test_reports_go_only_where_they_are_taken(
    zones: ZoneServer, resolver: DnsResolver, rua: str, permission: str | None, tone: Tone
) -> None:
    zones.publish("_dmarc.shop.example", f"v=DMARC1; p=none; rua={rua}")
    if permission:
        zones.publish("shop.example._report._dmarc.collector.example", permission)
    (line,) = [line for line in check(zones, resolver).lines if line.label == "レポートの送り先"]
    assert line.tone == tone


def test_a_permission_that_could_not_be_asked(zones: ZoneServer, resolver: DnsResolver) -> None:
    zones.publish("_dmarc.shop.example", "v=DMARC1; p=none; rua=mailto:reports@collector.example")
    zones.failing.add("shop.example._report._dmarc.collector.example")
    (line,) = [line for line in check(zones, resolver).lines if line.label == "レポートの送り先"]
    assert line.tone == Tone.NOTE


def test_a_host_of_perhaps_the_same_organisation(zones: ZoneServer, resolver: DnsResolver) -> None:
    zones.publish("_dmarc.mail.shop.example", "v=DMARC1; p=none; rua=mailto:reports@shop.example")
    zones.failing.add("_dmarc.shop.example")
    (line,) = [line for line in check(zones, resolver, "mail.shop.example").lines if line.label == "レポートの送り先"]
    assert line.tone == Tone.NOTE


def test_few_places_for_reports_are_asked_about(zones: ZoneServer, resolver: DnsResolver) -> None:
    places = ",".join(f"mailto:a@x{number}.example" for number in range(50))
    zones.publish("_dmarc.shop.example", f"v=DMARC1; p=none; rua={places}")
    assert len([line for line in check(zones, resolver).lines if line.label == "レポートの送り先"]) == 5

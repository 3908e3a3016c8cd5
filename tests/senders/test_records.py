"""The records that a domain is asked to set (D1, E6, E9)."""

import pytest
from django.utils import timezone
from pytest_django import Settings

from senders.dkim_keys import generate_key, public_record
from senders.models import CheckKind, CheckResult, DnsCheck, KeyAlgorithm, SenderDomain
from senders.records import expected_records
from tests.factories import make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def include(settings: Settings) -> None:
    settings.SPF_INCLUDE = "_spf.hypermail.example"


def make_domain(name: str = "shop.example") -> SenderDomain:
    return SenderDomain.objects.create(workspace=make_workspace(), name=name)


def check(domain: SenderDomain, kind: CheckKind, result: CheckResult, found: str, expected: str) -> None:
    """Store what a check of the domain found and proposed."""
    DnsCheck.objects.create(
        domain=domain, kind=kind, result=result, found=found, expected=expected, checked_at=timezone.now()
    )


FIRST_SPF = "v=spf1 a mx include:_spf.hypermail.example ~all"
FIRST_DMARC = "v=DMARC1; p=none; rua=mailto:dmarc@shop.example"


def find_nothing(domain: SenderDomain) -> None:
    """Store the checks of a domain without SPF and DMARC."""
    check(domain, CheckKind.SPF, CheckResult.MISSING, "", FIRST_SPF)
    check(domain, CheckKind.DMARC, CheckResult.MISSING, "", FIRST_DMARC)


def test_a_new_domain_gets_three_records() -> None:
    domain = make_domain()
    key = generate_key(domain)
    find_nothing(domain)
    spf, dkim, dmarc = expected_records(domain)
    assert (spf.kind, spf.type, spf.host, spf.name) == (CheckKind.SPF, "TXT", "@", "shop.example")
    assert (spf.value, spf.note) == (FIRST_SPF, "")
    assert dkim.host == f"{key.selector}._domainkey"
    assert dkim.name == f"{key.selector}._domainkey.shop.example"
    assert dkim.value == public_record(key)
    assert len(dkim.strings()) == 2
    assert (dmarc.host, dmarc.name) == ("_dmarc", "_dmarc.shop.example")
    assert dmarc.value == FIRST_DMARC
    assert "受け取れるアドレス" in dmarc.note


def test_an_ed25519_key_has_a_record_of_its_own() -> None:
    domain = make_domain()
    generate_key(domain)
    key = generate_key(domain, KeyAlgorithm.ED25519)
    dkim, ed25519 = expected_records(domain)
    assert (dkim.kind, ed25519.kind) == (CheckKind.DKIM, CheckKind.ED25519)
    assert ed25519.name == f"{key.selector}._domainkey.shop.example"
    assert ed25519.value == f"v=DKIM1; k=ed25519; p={key.public_key}"
    assert ed25519.strings() == [ed25519.value]


def test_hosts_are_relative_to_the_registered_domain() -> None:
    domain = make_domain("news.shop.co.jp")
    key = generate_key(domain)
    find_nothing(domain)
    assert [record.host for record in expected_records(domain)] == [
        "news",
        f"{key.selector}._domainkey.news",
        "_dmarc.news",
    ]


def test_d1_what_the_check_proposes_takes_the_place_of_the_present_record() -> None:
    """D1"""
    domain = make_domain()
    merged = "v=spf1 include:_spf.google.com include:_spf.hypermail.example -all"
    check(domain, CheckKind.SPF, CheckResult.WRONG, "v=spf1 include:_spf.google.com -all", merged)
    spf = expected_records(domain)[0]
    assert spf.value == merged
    assert "書き換えて" in spf.note


def test_without_an_include_the_page_says_whom_to_ask(settings: Settings) -> None:
    settings.SPF_INCLUDE = ""
    domain = make_domain()
    check(domain, CheckKind.SPF, CheckResult.MISSING, "", "v=spf1 a mx ~all")
    spf = expected_records(domain)[0]
    assert spf.value == "v=spf1 a mx ~all"
    assert "システム管理者" in spf.note


@pytest.mark.parametrize("is_outage", [False, True])
def test_d1_e6_before_a_finished_check_nobody_knows_what_is_there(*, is_outage: bool) -> None:
    """D1 E6"""
    domain = make_domain()
    generate_key(domain)
    if is_outage:
        check(domain, CheckKind.SPF, CheckResult.UNKNOWN, "", "")
        check(domain, CheckKind.DMARC, CheckResult.UNKNOWN, "", "")
    assert [record.kind for record in expected_records(domain)] == [CheckKind.DKIM]


def test_d1_what_the_check_left_out_of_a_first_record_stays_out() -> None:
    """D1"""
    domain = make_domain("news.shop.example")
    value = "v=spf1 include:_spf.hypermail.example ~all"
    check(domain, CheckKind.SPF, CheckResult.MISSING, "", value)
    assert expected_records(domain)[0].value == value


def test_d1_what_cannot_be_mended_by_adding_gets_no_proposal() -> None:
    """D1"""
    domain = make_domain()
    check(domain, CheckKind.SPF, CheckResult.WRONG, "v=spf1 mx -all", "")
    assert expected_records(domain) == []


def test_an_existing_dmarc_record_is_kept() -> None:
    domain = make_domain()
    record = "v=DMARC1; p=reject; rua=mailto:a@shop.example"
    check(domain, CheckKind.DMARC, CheckResult.OK, record, record)
    dmarc = expected_records(domain)[-1]
    assert dmarc.value == record
    assert "書き換えて" in dmarc.note


def test_where_a_parents_dmarc_record_holds_none_is_proposed() -> None:
    """E6"""
    domain = make_domain("news.shop.example")
    check(domain, CheckKind.DMARC, CheckResult.OK, "v=DMARC1; p=none", "")
    assert expected_records(domain) == []
    DnsCheck.objects.update(result=CheckResult.UNKNOWN)
    assert expected_records(SenderDomain.objects.get()) == []


def test_reports_go_where_the_installation_wants_them(settings: Settings) -> None:
    """E6"""
    settings.DMARC_REPORT_ADDRESS = "dmarc@hypermail.example"
    domain = make_domain()
    check(domain, CheckKind.DMARC, CheckResult.MISSING, "", "")
    (dmarc,) = expected_records(domain)
    assert (dmarc.value, dmarc.note) == ("v=DMARC1; p=none; rua=mailto:dmarc@hypermail.example", "")


def test_a_domain_without_a_key_has_no_dkim_record() -> None:
    domain = make_domain()
    find_nothing(domain)
    assert [record.kind for record in expected_records(domain)] == [CheckKind.SPF, CheckKind.DMARC]

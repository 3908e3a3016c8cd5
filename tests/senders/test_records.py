"""The records that a domain is asked to set (D1, E6, E9)."""

import pytest
from django.utils import timezone
from pytest_django import Settings

from senders.dkim_keys import generate_key, public_record
from senders.models import CheckKind, CheckResult, DnsCheck, KeyAlgorithm, SenderDomain
from senders.records import dmarc_names, expected_records
from tests.factories import make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def include(settings: Settings) -> None:
    settings.SPF_INCLUDE = "_spf.hypermail.example"


def make_domain(name: str = "shop.example", **found: str) -> SenderDomain:
    domain = SenderDomain.objects.create(workspace=make_workspace(), name=name)
    for kind, text in found.items():
        DnsCheck.objects.create(
            domain=domain, kind=kind, result=CheckResult.WRONG, found=text, checked_at=timezone.now()
        )
    return domain


def test_a_new_domain_gets_three_records() -> None:
    domain = make_domain()
    key = generate_key(domain)
    spf, dkim, dmarc = expected_records(domain)
    assert (spf.kind, spf.type, spf.host, spf.name) == (CheckKind.SPF, "TXT", "@", "shop.example")
    assert spf.value == "v=spf1 a mx include:_spf.hypermail.example ~all"
    assert dkim.host == f"{key.selector}._domainkey"
    assert dkim.name == f"{key.selector}._domainkey.shop.example"
    assert dkim.value == public_record(key)
    assert len(dkim.strings()) == 2
    assert (dmarc.host, dmarc.name) == ("_dmarc", "_dmarc.shop.example")
    assert dmarc.value == "v=DMARC1; p=none; rua=mailto:dmarc@shop.example"


def test_an_ed25519_key_has_a_record_of_its_own() -> None:
    domain = make_domain()
    generate_key(domain)
    key = generate_key(domain, KeyAlgorithm.ED25519)
    _spf, dkim, ed25519, _dmarc = expected_records(domain)
    assert (dkim.kind, ed25519.kind) == (CheckKind.DKIM, CheckKind.ED25519)
    assert ed25519.name == f"{key.selector}._domainkey.shop.example"
    assert ed25519.value == f"v=DKIM1; k=ed25519; p={key.public_key}"
    assert ed25519.strings() == [ed25519.value]


def test_hosts_are_relative_to_the_registered_domain() -> None:
    domain = make_domain("news.shop.co.jp")
    key = generate_key(domain)
    assert [record.host for record in expected_records(domain)] == [
        "news",
        f"{key.selector}._domainkey.news",
        "_dmarc.news",
    ]


def test_d1_spf_is_merged_with_what_the_domain_has() -> None:
    """D1"""
    domain = make_domain(spf="v=spf1 include:_spf.google.com -all")
    spf = expected_records(domain)[0]
    assert spf.value == "v=spf1 include:_spf.google.com include:_spf.hypermail.example -all"
    assert "書き換えて" in spf.note


def test_d1_two_spf_records_and_pasted_quotes_become_one_record() -> None:
    """D1"""
    domain = make_domain(spf='v=spf1 mx ~all\n"v=spf1 include:_spf.google.com ~all"\nother')
    assert expected_records(domain)[0].value == "v=spf1 mx include:_spf.google.com include:_spf.hypermail.example ~all"


def test_without_an_include_the_page_says_whom_to_ask(settings: Settings) -> None:
    settings.SPF_INCLUDE = ""
    spf = expected_records(make_domain())[0]
    assert spf.value == "v=spf1 a mx ~all"
    assert "システム管理者" in spf.note


def test_an_existing_dmarc_record_is_kept() -> None:
    domain = make_domain(dmarc="v=DMARC1; p=reject; rua=mailto:a@shop.example")
    dmarc = expected_records(domain)[-1]
    assert dmarc.value == "v=DMARC1; p=reject; rua=mailto:a@shop.example"
    assert dmarc.note == ""


def test_a_domain_without_a_key_has_no_dkim_record() -> None:
    assert [record.kind for record in expected_records(make_domain())] == [CheckKind.SPF, CheckKind.DMARC]


@pytest.mark.parametrize(
    ("domain", "names"),
    [
        ("shop.co.jp", ["_dmarc.shop.co.jp"]),
        ("a.b.shop.co.jp", ["_dmarc.a.b.shop.co.jp", "_dmarc.b.shop.co.jp", "_dmarc.shop.co.jp"]),
        ("mail.shop.com", ["_dmarc.mail.shop.com", "_dmarc.shop.com"]),
    ],
)
def test_dmarc_is_looked_for_up_to_the_registered_domain(domain: str, names: list[str]) -> None:
    assert dmarc_names(domain) == names

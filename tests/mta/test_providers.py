"""Which provider an address belongs to, and how it is sent to."""

from dataclasses import fields

import pytest

from mta.provider_policies import OUR_CAUTION, POLICIES, RETRY
from mta.providers import ALL, OTHER, PROVIDER_LABELS, PROVIDERS, policy_of, provider_of, provider_of_mx


@pytest.mark.parametrize(
    ("address", "provider"),
    [
        ("a..b@docomo.ne.jp", "docomo"),
        ("a@ezweb.ne.jp", "au"),
        ("a@au.com", "au"),
        ("a@ne.ezweb.ne.jp", "au"),
        ("a@softbank.ne.jp", "softbank"),
        ("a@i.softbank.jp", "softbank"),
        ("a@d.vodafone.ne.jp", "softbank"),
        ("a@wm.pdx.ne.jp", "softbank"),
        ("a@yahoo.co.jp", "yahoo_jp"),
        ("a@GMAIL.com", "gmail"),
        ("a@gmail.com.", "gmail"),
        ("a@me.com", "icloud"),
        ("a@rakumail.jp", "rakuten"),
        ("a@yahoo.com", "yahoo"),
        ("a@sub.ocn.ne.jp", "ocn"),
        ("a@jcom.home.ne.jp", "jcom"),
        ("a@outlook.jp", "microsoft"),
        ("gmail.com", "gmail"),
        ('"a@gmail.com"@example.jp', "other"),
        ("a@notgmail.com", "other"),
        ("a@gmail.com.example.jp", "other"),
        ("a@example.jp", "other"),
        ("", "other"),
    ],
)
def test_knows_the_provider(address: str, provider: str) -> None:
    assert provider_of(address) == provider


def test_every_provider_has_a_label() -> None:
    assert set(PROVIDER_LABELS) == set(PROVIDERS) | {"other"}
    domains = [domain for domains in PROVIDERS.values() for domain in domains]
    assert len(domains) == len(set(domains))
    # As wide as the columns that hold it.
    assert all(len(name) <= 20 for name in PROVIDER_LABELS)


@pytest.mark.parametrize(
    ("hosts", "provider"),
    [
        (["aspmx.l.google.com", "alt1.aspmx.l.google.com"], "gmail"),
        (["ASPMX2.GOOGLEMAIL.COM."], "gmail"),
        (["example-com.mail.protection.outlook.com"], "microsoft"),
        (["example-com.a-v1.mx.microsoft"], "microsoft"),
        (["mx01.mail.icloud.com", "mx02.mail.icloud.com"], "icloud"),
        (["mta5.am0.yahoodns.net"], "yahoo"),
        (["mx1.mail.yahoo.co.jp"], "yahoo_jp"),
        (["mx1.securemx.jp"], "iij"),
        (["mx.example.jp", "aspmx.l.google.com"], "other"),
        (["notgoogle.com"], "other"),
        ([], "other"),
    ],
)
def test_knows_the_provider_by_its_mail_servers(hosts: list[str], provider: str) -> None:
    assert provider_of_mx(hosts) == provider


def test_every_provider_has_a_policy() -> None:
    """C22: the figures are data."""
    assert set(POLICIES) == {provider.name for provider in ALL} | {OTHER}
    assert policy_of("no such provider") is POLICIES[OTHER]


@pytest.mark.parametrize("provider", POLICIES)
def test_every_figure_says_where_it_is_from(provider: str) -> None:
    """C22: a provider's own page, another mail server's figure, or the word that it is our own caution."""
    policy = policy_of(provider)
    assert set(policy.sources) == {field.name for field in fields(policy)} - {"sources"}
    assert all(
        OUR_CAUTION in source or "https://" in source or "RFC" in source or "C23" in source
        for source in policy.sources.values()
    )
    assert policy.connections >= 1
    assert policy.messages_per_connection >= 1
    assert policy.per_minute is None or policy.per_minute >= 1
    assert list(policy.retry) == sorted(policy.retry)


def test_carriers_have_a_pattern_of_their_own() -> None:
    """C22: few connections, a rate, and longer waits than others."""
    for carrier in ("docomo", "au", "softbank", "rakuten"):
        policy = policy_of(carrier)
        assert policy.connections <= 4
        assert policy.per_minute is not None
        assert policy.retry > RETRY

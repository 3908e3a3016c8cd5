"""Which provider an address belongs to."""

import pytest

from mta.providers import PROVIDER_LABELS, PROVIDERS, provider_of


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

"""Free-mail and carrier domains are refused (A3); the list is data."""

import pytest

from mta.providers import PROVIDERS
from senders.domain_names import clean_domain
from senders.freemail import freemail_domains, is_freemail


@pytest.mark.parametrize(
    "domain",
    [
        "gmail.com",
        "googlemail.com",
        "yahoo.co.jp",
        "icloud.com",
        "me.com",
        "outlook.com",
        "outlook.jp",
        "hotmail.com",
        "hotmail.co.jp",
        "live.jp",
        "docomo.ne.jp",
        "ezweb.ne.jp",
        "au.com",
        "uqmobile.jp",
        "softbank.ne.jp",
        "i.softbank.jp",
        "ymobile.ne.jp",
        "rakumail.jp",
        "mineo.jp",
        "nifty.com",
        "ocn.ne.jp",
        "xxx.ocn.ne.jp",
        "t.vodafone.ne.jp",
        "yahoo.com",
        "aol.com",
        "proton.me",
        "qq.com",
        "naver.com",
    ],
)
def test_a3_providers_and_carriers(domain: str) -> None:
    """A3"""
    assert is_freemail(domain)


@pytest.mark.parametrize(
    "domain", ["example.co.jp", "notgmail.com", "gmail.com.example.jp", "docomo-shop.co.jp", "co.jp", "ne.jp"]
)
def test_own_domains_are_not_freemail(domain: str) -> None:
    assert not is_freemail(domain)


def test_data_is_in_the_form_it_is_compared_in() -> None:
    for name in freemail_domains():
        assert clean_domain(name) == name


def test_every_provider_with_a_lane_of_its_own_is_covered() -> None:
    assert [name for names in PROVIDERS.values() for name in names if not is_freemail(name)] == []

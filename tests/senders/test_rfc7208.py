"""The evaluation of SPF against the test suite of RFC 7208 (A6)."""

from ipaddress import ip_address

import pytest

from senders.spf_evaluation import check_host
from tests.senders.rfc7208 import SUITE, SuiteCase, read_suite

# It has nothing to do with the database.
pytestmark = [
    pytest.mark.skipif(not SUITE.exists(), reason="Debian's golang-blitiri-go-spf-dev is not installed"),
]

CASES = list(read_suite()) if SUITE.exists() else []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_suite(case: SuiteCase) -> None:
    # A MAIL FROM that is empty stands for the postmaster of the name in HELO (RFC 7208 section 2.4).
    sender = case.mailfrom or f"postmaster@{case.helo}"
    domain = sender.rpartition("@")[2]
    report = check_host(ip_address(case.host), domain, sender, helo=case.helo, resolver=case.zone, explains=True)
    assert report.result in case.results, report
    if case.explanation is not None:
        # "DEFAULT" is what a receiver says where the domain says nothing.
        assert (report.explanation or "DEFAULT").lower() == case.explanation.lower()


def test_suite_is_whole() -> None:
    assert len(CASES) > 200

"""What is remarkable about addresses that can be sent to (F1)."""

import pytest

from lists.address import clean_address
from lists.address_hints import Hint, disposable_domains, hints_of, is_disposable, role_names


@pytest.mark.parametrize(
    ("address", "hints"),
    [
        ("taro@example.jp", Hint(0)),
        ("a..b@docomo.ne.jp", Hint.CARRIER_DOTS),
        ("a.@ezweb.ne.jp", Hint.CARRIER_DOTS),
        (".a@softbank.ne.jp", Hint.CARRIER_DOTS),
        ("Info@example.jp", Hint.ROLE),
        ("info+news@example.jp", Hint.ROLE),
        ("postmaster@example.co.jp", Hint.ROLE),
        ("infotaro@example.jp", Hint(0)),
        ("taro@mailinator.com", Hint.DISPOSABLE),
        ("taro@any.yopmail.com", Hint.DISPOSABLE),
        ("taro@notyopmail.com", Hint(0)),
        ("info@sute.jp", Hint.ROLE | Hint.DISPOSABLE),
    ],
)
def test_hints_f1(address: str, hints: Hint) -> None:
    """F1: dots of old carrier addresses are flagged."""
    assert hints_of(clean_address(address)) == hints


def test_the_lists_hold_what_they_say() -> None:
    for domain in disposable_domains():
        assert clean_address(f"a@{domain}").domain == domain
    for local in role_names():
        assert clean_address(f"{local}@example.jp").key == f"{local}@example.jp"
    # Nobody's real mail provider.
    assert not any(map(is_disposable, ["gmail.com", "yahoo.co.jp", "docomo.ne.jp", "icloud.com", "co.jp", "jp", ""]))

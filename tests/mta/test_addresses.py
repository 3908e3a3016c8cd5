"""Addresses as SMTP and headers want them."""

from email.headerregistry import Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mta.addresses import AddressError, ascii_domain, quote_address


@pytest.mark.parametrize(
    ("address", "quoted"),
    [
        ("a@example.jp", "a@example.jp"),
        ("a+b_c=d@example.jp", "a+b_c=d@example.jp"),
        ("a..b@docomo.ne.jp", '"a..b"@docomo.ne.jp'),
        ("a.@ezweb.ne.jp", '"a."@ezweb.ne.jp'),
        (".a@ezweb.ne.jp", '".a"@ezweb.ne.jp'),
        ('"a..b"@docomo.ne.jp', '"a..b"@docomo.ne.jp'),
        ('"a.b"@example.jp', "a.b@example.jp"),
        ('"a b\\"c"@example.jp', '"a b\\"c"@example.jp'),
        ("a@b@example.jp", '"a@b"@example.jp'),
        ("a[b@docomo.ne.jp", '"a[b"@docomo.ne.jp'),
        ("a@日本語.JP", "a@xn--wgv71a119e.jp"),
        ("a@faß.de", "a@xn--fa-hia.de"),
        ("a@❤.ws", "a@xn--qei.ws"),
        ("a@localhost", "a@localhost"),
    ],
)
def test_quotes_where_needed(address: str, quoted: str) -> None:
    """F1: the old carrier addresses keep their dots."""
    assert quote_address(address) == quoted
    assert quote_address(quoted) == quoted


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "@example.jp",
        "a@",
        "a@-",
        "a@.jp",
        "a@example..jp",
        "a@example.jp.",
        "a@exa mple.jp",
        "山田@example.jp",
        "a\r\n@example.jp",
        "a\x00@example.jp",
        "a@example.jp\r\nRCPT TO:<x@y.example>",
        "a@example.jp> SIZE=1",
        "a@[127.0.0.1]",
        "a@" + "x" * 64 + ".jp",
        "a@" + "あ" * 64 + ".jp",
        "a@" + "x." * 200 + "jp",
        "a" * 400 + "@example.jp",
        "a@\udcff.jp",
    ],
)
def test_refuses_what_no_server_can_take(address: str) -> None:
    with pytest.raises(AddressError) as raised:
        quote_address(address)
    assert raised.value.sentence


@given(local=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=60))
def test_quoted_local_part_is_read_back(local: str) -> None:
    quoted = quote_address(f"{local}@example.jp")
    if not (len(local) > 2 and local[0] == local[-1] == '"'):
        assert Address(addr_spec=quoted).username == local
    assert quote_address(quoted) == quoted


@given(address=st.text(max_size=80))
def test_result_is_always_one_ascii_line(address: str) -> None:
    try:
        quoted = quote_address(address)
    except AddressError:
        return
    assert quoted.isascii()
    assert quoted.isprintable()
    assert len(quoted) < 500


def test_domain_in_unicode_becomes_ascii() -> None:
    assert ascii_domain("みほん。example") == "xn--79jh5d.example"

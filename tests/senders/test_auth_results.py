"""The Authentication-Results field, read back by another implementation (authres)."""

import authres
from hypothesis import given
from hypothesis import strategies as st

from senders.auth_results import AuthResult, authentication_results

# It has nothing to do with the database.


def read(field: str) -> list[tuple[str, str, dict[str, str]]]:
    """Return what authres reads in a field."""
    parsed = authres.AuthenticationResultsHeader.parse(field)
    assert parsed.authserv_id == "mx.example.net"
    return [
        (one.method, one.result, {f"{each.type}.{each.name}": each.value for each in one.properties})
        for one in parsed.results
    ]


def test_all_methods() -> None:
    field = authentication_results(
        "mx.example.net",
        iprev=AuthResult("pass", (("policy.iprev", "192.0.2.10"),), "mta.hypermail.example"),
        spf=AuthResult("pass", (("smtp.mailfrom", "b-1-abc@bounce.hypermail.example"),)),
        dkim=[
            AuthResult("pass", (("header.d", "shop.example"), ("header.s", "hm202611"), ("header.a", "rsa-sha256"))),
            AuthResult(
                "permerror", (("header.d", "shop.example"), ("header.s", "hm2"), ("header.a", "ed25519-sha256"))
            ),
        ],
        dmarc=AuthResult("pass", (("header.from", "shop.example"),), "p=none"),
    )
    assert read(field) == [
        ("iprev", "pass", {"policy.iprev": "192.0.2.10"}),
        ("spf", "pass", {"smtp.mailfrom": "b-1-abc@bounce.hypermail.example"}),
        ("dkim", "pass", {"header.d": "shop.example", "header.s": "hm202611", "header.a": "rsa-sha256"}),
        ("dkim", "permerror", {"header.d": "shop.example", "header.s": "hm2", "header.a": "ed25519-sha256"}),
        ("dmarc", "pass", {"header.from": "shop.example"}),
    ]
    assert "dmarc=pass (p=none)" in field
    assert all(line.startswith(" ") for line in field.split("\r\n")[1:])
    assert all(len(line) <= 78 for line in field.split("\r\n"))


def test_nothing_was_looked_at() -> None:
    field = authentication_results("mx.example.net")
    assert field == "Authentication-Results: mx.example.net; none"
    assert read(field) == []


def test_an_ip6_address_is_quoted() -> None:
    field = authentication_results("mx.example.net", iprev=AuthResult("fail", (("policy.iprev", "2001:db8::10"),)))
    assert 'policy.iprev="2001:db8::10"' in field


@given(st.text(), st.text())
def test_no_value_breaks_out(value: str, comment: str) -> None:
    """What others chose stays inside its place: no line of its own, no second result."""
    spf = AuthResult("fail", (("smtp.mailfrom", value),), comment)
    field = authentication_results("mx.example.net", spf=spf, iprev=AuthResult("pass"))
    assert [(method, result) for method, result, _properties in read(field)] == [("iprev", "pass"), ("spf", "fail")]
    assert field.count("\r\n") == 3
    assert field.replace("\r\n", "").isprintable()

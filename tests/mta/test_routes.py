"""Routes, read from URLs."""

import pytest

from mta.routes import Route, RouteError, parse_route


@pytest.mark.parametrize(
    ("url", "route"),
    [
        ("smtp://127.0.0.1:2525", Route("relay", "127.0.0.1", 2525, "none", "", "", "c.example")),
        (" smtp://relay.example/ ", Route("relay", "relay.example", 25, "none", "", "", "c.example")),
        ("smtp+starttls://relay.example", Route("relay", "relay.example", 587, "starttls", "", "", "c.example")),
        (
            "smtps://us%40er:p%2Fa%3Ass@relay.example",
            Route("relay", "relay.example", 465, "tls", "us@er", "p/a:ss", "c.example"),
        ),
        ("smtp://u:p@localhost", Route("relay", "localhost", 25, "none", "u", "p", "c.example")),
        ("smtp://u:p@[::1]:26", Route("relay", "::1", 26, "none", "u", "p", "c.example")),
        ("smtps://日本.jp", Route("relay", "xn--wgv71a.jp", 465, "tls", "", "", "c.example")),
        ("smtps://r.example?verify=no", Route("relay", "r.example", 465, "tls", "", "", "c.example", verify=False)),
        ("smtps://r.example?verify=yes", Route("relay", "r.example", 465, "tls", "", "", "c.example")),
    ],
)
def test_reads_a_route(url: str, route: Route) -> None:
    assert parse_route(url, ehlo_name="c.example") == route


@pytest.mark.parametrize(
    "url",
    [
        "",
        "relay.example:25",
        "http://relay.example",
        "smtp://",
        "smtp://:25",
        "smtp://relay.example:99999",
        "smtp://relay.example:abc",
        "smtp://relay.example/path",
        "smtp://relay.example#part",
        "smtp://[::1",
        "smtp://re lay.example",
        "smtp://-.example",
        "smtps://relay.example?verify=maybe",
        "smtps://relay.example?timeout=5",
        "smtp://user:secret@relay.example",
    ],
)
def test_refuses_what_is_no_route(url: str) -> None:
    with pytest.raises(RouteError) as raised:
        parse_route(url, ehlo_name="c.example")
    assert raised.value.sentence
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("name", ["c.example", "localhost", "[192.0.2.1]", "[IPv6:2001:db8::1]"])
def test_takes_names_and_literals_for_ehlo(name: str) -> None:
    assert parse_route("smtp://r.example", ehlo_name=name).ehlo_name == name


@pytest.mark.parametrize("name", ["", "a b", "x\r\nMAIL FROM:<>", "[not an address]"])
def test_refuses_what_would_break_ehlo(name: str) -> None:
    with pytest.raises(RouteError):
        parse_route("smtp://r.example", ehlo_name=name)


def test_password_is_not_shown() -> None:
    assert "secret" not in repr(parse_route("smtps://user:secret@relay.example", ehlo_name="c.example"))

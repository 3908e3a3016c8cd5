"""Routes (配信経路): where mail is handed over, read from a URL."""

import ipaddress
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.utils.translation import gettext as _

from mta.addresses import AddressError, ascii_domain
from mta.errors import MtaError

Kind = Literal["relay", "direct"]
Security = Literal["none", "opportunistic", "starttls", "tls"]

# The name of the route to the relay of the settings.
RELAY: Final = "relay"

_SCHEMES: Final[dict[str, tuple[Security, int]]] = {
    "smtp": ("none", 25),
    "smtp+starttls": ("starttls", 587),
    "smtps": ("tls", 465),
}


class RouteError(MtaError):
    """A route's URL cannot be used."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where mail is handed over and how: a relay, or directly each receiver's own servers, where `host` is empty.

    `verify` asks for a certificate that names the host. `connections` are those of one process; None = no limit.
    """

    name: str
    host: str
    port: int
    security: Security
    username: str
    password: str = field(repr=False)
    ehlo_name: str
    verify: bool = True
    kind: Kind = "relay"
    source_address: str = ""
    connections: int | None = None
    messages_per_connection: int | None = None
    per_minute: int | None = None
    # Whether the figures of each provider are kept (mta/providers.py).
    is_paced: bool = False


def parse_route(url: str, *, ehlo_name: str, name: str = RELAY) -> Route:
    """Read `smtp://`, `smtp+starttls://` or `smtps://` with `[user:password@]host[:port]`.

    User and password are percent-encoded. `?verify=no` accepts any certificate, for a relay in the same
    house that signs its own. Raises RouteError, whose text never shows the URL since it may hold a password.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise RouteError(
            _("配信経路のURLを読み取れません。smtp://ホスト名:ポート番号 の形で書いてください。")
        ) from error
    if parts.scheme not in _SCHEMES:
        raise RouteError(
            _("配信経路のURLは smtp://、smtp+starttls://、smtps:// のいずれかで始めてください。"), parts.scheme
        )
    if not parts.hostname or parts.path not in ("", "/") or parts.fragment:
        raise RouteError(_("配信経路のURLにはホスト名とポート番号だけを書いてください。"))
    security, default_port = _SCHEMES[parts.scheme]
    route = Route(
        name=name,
        host=read_host(parts.hostname),
        port=default_port if port is None else port,
        security=security,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        ehlo_name=read_host(ehlo_name),
        verify=_read_verify(parts),
    )
    require_safe_password(route)
    return route


def require_safe_password(route: Route) -> None:
    """Raise RouteError where a password would cross a network in clear (RFC 8314 section 3)."""
    if route.username and route.security == "none" and not is_this_machine(route.host):
        raise RouteError(
            _("パスワードを暗号化せずに送ることはできません。smtp+starttls:// か smtps:// を使ってください。"),
            route.host,
        )


def read_host(host: str) -> str:
    """Return a host name in ASCII, or an address as it is (in EHLO a literal in brackets). Raises RouteError."""
    if is_address(host.removeprefix("[").removesuffix("]").removeprefix("IPv6:")):
        return host
    try:
        return ascii_domain(host)
    except AddressError as error:
        raise RouteError(
            _("配信経路のホスト名とEHLO名は、ドメイン名かIPアドレスで書いてください。"), repr(host)
        ) from error


def is_address(host: str) -> bool:
    """Say whether a host is an IPv4 or IPv6 address, without brackets."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _read_verify(parts: SplitResult) -> bool:
    options = parse_qsl(parts.query, keep_blank_values=True)
    if options in ([], [("verify", "yes")]):
        return True
    if options == [("verify", "no")]:
        return False
    raise RouteError(_("配信経路のURLで指定できる項目は verify=yes と verify=no だけです。"))


def is_this_machine(host: str) -> bool:
    """Say whether a host (a name in ASCII or an address) is where we run ourselves."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)

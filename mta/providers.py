"""Which provider an address belongs to: groups of destination domains and mail servers under one policy."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from django.utils.translation import gettext_noop

from mta.provider_policies import POLICIES, Policy

OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider: its label, its domains, and the mail servers (MX) of customers' own domains that it serves.

    Each domain stands for itself and everything below it. The hosts below a provider's domains are its servers too.
    """

    name: str
    label: str
    domains: tuple[str, ...]
    servers: tuple[str, ...] = ()


# Address domains as in senders/data/freemail_domains.txt, which names their sources.
ALL: Final[tuple[Provider, ...]] = (
    Provider("docomo", gettext_noop("ドコモ"), ("docomo.ne.jp", "docomo-camera.ne.jp", "mopera.net", "dwmail.jp")),
    Provider("au", gettext_noop("au・UQモバイル"), ("ezweb.ne.jp", "au.com", "uqmobile.jp", "ido.ne.jp")),
    Provider(
        "softbank",
        gettext_noop("ソフトバンク・ワイモバイル"),
        (
            "softbank.ne.jp",
            "i.softbank.jp",
            "vodafone.ne.jp",
            "jp-d.ne.jp",
            "jp-h.ne.jp",
            "jp-t.ne.jp",
            "jp-c.ne.jp",
            "jp-r.ne.jp",
            "jp-k.ne.jp",
            "jp-n.ne.jp",
            "jp-s.ne.jp",
            "jp-q.ne.jp",
            "disney.ne.jp",
            "ymobile.ne.jp",
            "ymobile1.ne.jp",
            "y-mobile.ne.jp",
            "emobile.ne.jp",
            "emobile-s.ne.jp",
            "wcm.ne.jp",
            "emnet.ne.jp",
            "willcom.com",
            "pdx.ne.jp",
        ),
    ),
    Provider("rakuten", gettext_noop("楽天モバイル"), ("rakumail.jp", "rakuten.jp")),
    Provider("yahoo_jp", gettext_noop("Yahoo!メール"), ("yahoo.co.jp", "ybb.ne.jp", "ymail.ne.jp")),
    # Google Workspace is served by the same hosts.
    Provider("gmail", gettext_noop("Gmail"), ("gmail.com", "googlemail.com"), ("google.com",)),
    Provider("icloud", gettext_noop("iCloudメール"), ("icloud.com", "me.com", "mac.com", "privaterelay.appleid.com")),
    # Microsoft 365: *.mail.protection.outlook.com, with DANE *.mx.microsoft.
    Provider(
        "microsoft",
        gettext_noop("Outlook.com・Hotmail"),
        (
            "outlook.com",
            "outlook.jp",
            "outlook.co.jp",
            "outlook.kr",
            "outlook.de",
            "outlook.fr",
            "outlook.es",
            "outlook.it",
            "outlook.com.au",
            "outlook.com.br",
            "outlook.co.id",
            "outlook.co.th",
            "outlook.in",
            "outlook.sg",
            "hotmail.com",
            "hotmail.co.jp",
            "hotmail.jp",
            "hotmail.co.uk",
            "hotmail.co.kr",
            "hotmail.co.th",
            "hotmail.com.au",
            "hotmail.com.br",
            "hotmail.com.tw",
            "hotmail.de",
            "hotmail.es",
            "hotmail.fr",
            "hotmail.it",
            "live.com",
            "live.jp",
            "live.cn",
            "live.co.kr",
            "live.co.uk",
            "live.com.au",
            "live.de",
            "live.fr",
            "live.hk",
            "live.it",
            "live.nl",
            "msn.com",
            "passport.com",
            "windowslive.com",
        ),
        ("mx.microsoft",),
    ),
    Provider(
        "yahoo",
        gettext_noop("Yahoo.com・AOL"),
        (
            "yahoo.com",
            "yahoo.ca",
            "yahoo.cn",
            "yahoo.com.ar",
            "yahoo.com.au",
            "yahoo.com.br",
            "yahoo.com.cn",
            "yahoo.com.hk",
            "yahoo.com.mx",
            "yahoo.com.my",
            "yahoo.com.ph",
            "yahoo.com.sg",
            "yahoo.com.tw",
            "yahoo.com.vn",
            "yahoo.co.id",
            "yahoo.co.in",
            "yahoo.co.kr",
            "yahoo.co.nz",
            "yahoo.co.th",
            "yahoo.co.uk",
            "yahoo.de",
            "yahoo.es",
            "yahoo.fr",
            "yahoo.in",
            "yahoo.it",
            "ymail.com",
            "rocketmail.com",
            "myyahoo.com",
            "aol.com",
            "aol.jp",
            "aol.co.uk",
            "aol.de",
            "aol.fr",
            "aim.com",
            "netscape.net",
        ),
        ("yahoodns.net",),
    ),
    Provider("biglobe", gettext_noop("BIGLOBE"), ("biglobe.ne.jp", "mesh.ne.jp")),
    Provider("ocn", gettext_noop("OCN"), ("ocn.ne.jp",), ("ocn.ad.jp",)),
    Provider("nifty", gettext_noop("@nifty"), ("nifty.com", "nifty.ne.jp", "infoweb.ne.jp")),
    Provider("so_net", gettext_noop("So-net"), ("so-net.ne.jp", "so-net.jp")),
    Provider("plala", gettext_noop("ぷらら"), ("plala.or.jp",)),
    Provider("asahi_net", gettext_noop("ASAHIネット"), ("asahi-net.or.jp",), ("asahi-net.jp",)),
    Provider("au_one_net", gettext_noop("au one net"), ("dion.ne.jp", "auone-net.jp")),
    Provider("jcom", gettext_noop("J:COM"), ("jcom.home.ne.jp", "zaq.ne.jp"), ("zaq.jp",)),
    Provider("eonet", gettext_noop("eo光"), ("eonet.ne.jp",)),
    Provider("commufa", gettext_noop("コミュファ光"), ("commufa.jp", "commufa.ne.jp")),
    Provider("odn", gettext_noop("ODN"), ("odn.ne.jp", "odn.ad.jp")),
    Provider("dti", gettext_noop("DTI"), ("dti.ne.jp",), ("dti.ad.jp",)),
    Provider("hi_ho", gettext_noop("hi-ho"), ("hi-ho.ne.jp",)),
    Provider("wakwak", gettext_noop("WAKWAK"), ("wakwak.com",)),
    Provider("megaegg", gettext_noop("メガ・エッグ"), ("megaegg.ne.jp",)),
    Provider("pikara", gettext_noop("ピカラ"), ("pikara.ne.jp",)),
    Provider("bbiq", gettext_noop("BBIQ"), ("bbiq.jp", "qtnet.ne.jp")),
    Provider("tokai", gettext_noop("TOKAI(@T COM・TNC)"), ("t-com.ne.jp", "tnc.ne.jp", "thn.ne.jp")),
    # SecureMX takes in the mail of many companies.
    Provider("iij", gettext_noop("IIJ"), (), ("iij.ad.jp", "securemx.jp")),
)

PROVIDER_LABELS: Final[dict[str, str]] = {
    **{provider.name: provider.label for provider in ALL},
    OTHER: gettext_noop("その他"),
}
PROVIDERS: Final[dict[str, tuple[str, ...]]] = {provider.name: provider.domains for provider in ALL}

_BY_DOMAIN: Final = {domain: provider.name for provider in ALL for domain in provider.domains}
_BY_SERVER: Final = _BY_DOMAIN | {server: provider.name for provider in ALL for server in provider.servers}


def provider_of(address: str) -> str:
    """Return the provider's name (a key of PROVIDER_LABELS) of an address or a bare domain."""
    return _provider_of_domain(address.rpartition("@")[2])


# A list of a million has few domains.
@lru_cache(maxsize=16384)
def _provider_of_domain(domain: str) -> str:
    return _look_up(domain, _BY_DOMAIN)


def provider_of_mx(hosts: Iterable[str]) -> str:
    """Return the provider's name of a domain by its mail servers, the most preferred first.

    A less preferred server of somebody else, such as a backup, decides nothing.
    """
    return _look_up(next(iter(hosts), ""), _BY_SERVER)


def _look_up(name: str, names: dict[str, str]) -> str:
    """Return the provider of the longest end of a name that is known."""
    rest = name.strip().rstrip(".").lower()
    while rest:
        if provider := names.get(rest):
            return provider
        rest = rest.partition(".")[2]
    return OTHER


def policy_of(provider: str) -> Policy:
    """Return how a provider is sent to; one that is unknown like every other server."""
    return POLICIES.get(provider) or POLICIES[OTHER]

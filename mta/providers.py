"""Which provider an address belongs to: groups of destination domains under one policy."""

from typing import Final

from django.utils.translation import gettext_noop

OTHER: Final = "other"

PROVIDER_LABELS: Final[dict[str, str]] = {
    "docomo": gettext_noop("ドコモ"),
    "au": gettext_noop("au・UQモバイル"),
    "softbank": gettext_noop("ソフトバンク・ワイモバイル"),
    "yahoo_jp": gettext_noop("Yahoo!メール"),
    "gmail": gettext_noop("Gmail"),
    "icloud": gettext_noop("iCloudメール"),
    "microsoft": gettext_noop("Outlook.com・Hotmail"),
    OTHER: gettext_noop("その他"),
}

# Each domain stands for itself and everything below it.
PROVIDERS: Final[dict[str, tuple[str, ...]]] = {
    "docomo": ("docomo.ne.jp", "docomo-camera.ne.jp", "mopera.net"),
    "au": ("ezweb.ne.jp", "au.com", "uqmobile.jp", "ido.ne.jp"),
    "softbank": (
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
        "emnet.ne.jp",
        "willcom.com",
        "pdx.ne.jp",
    ),
    "yahoo_jp": ("yahoo.co.jp", "ybb.ne.jp", "ymail.ne.jp"),
    "gmail": ("gmail.com", "googlemail.com"),
    "icloud": ("icloud.com", "me.com", "mac.com"),
    "microsoft": (
        "outlook.com",
        "outlook.jp",
        "hotmail.com",
        "hotmail.co.jp",
        "hotmail.co.uk",
        "live.jp",
        "live.com",
        "msn.com",
    ),
}

_PROVIDER_BY_DOMAIN = {domain: provider for provider, domains in PROVIDERS.items() for domain in domains}


def provider_of(address: str) -> str:
    """Return the provider's name (a key of PROVIDER_LABELS) of an address or a bare domain."""
    domain = address.rpartition("@")[2].strip().rstrip(".").lower()
    while domain:
        if provider := _PROVIDER_BY_DOMAIN.get(domain):
            return provider
        domain = domain.partition(".")[2]
    return OTHER

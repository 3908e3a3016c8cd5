"""What the programs that load pictures and follow links say of themselves, and which of them are no people.

Addresses of networks are not looked at: they change, and what is not read cannot leak.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from tracking.models import OPEN, HitSource

# Relays of mail providers that load pictures for their users, by a part of the User-Agent in small letters.
# Gmail: https://support.google.com/mail/answer/145919 and https://developers.google.com/gmail/design/css#image_proxy
# Yahoo: https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html
PROXIES: Final = ("googleimageproxy", "yahoomailproxy")
# Apple's Mail Privacy Protection loads all pictures when a mail comes, read or not, and says this and no more:
# https://support.apple.com/guide/iphone/iphf084865c7/ios, https://wordtothewise.com/2021/09/apple-mpp/
APPLE: Final = "mozilla/5.0"
# Security gateways that name themselves: https://check.live-direct-marketing.online/blog/bot-clicks-security-scanners-detect
# Previews of chats, crawlers, and libraries that no person reads with:
# https://suped.com/learn/email-deliverability/how-can-i-identify-bot-user-agents-in-my-email-click-data
MACHINES: Final = (
    *("barracuda", "proofpoint", "mimecast", "ciscosecureemail", "ironport", "trendmicro", "fortimail"),
    *("fortinet", "sophos", "symantec", "messagelabs", "trustwave", "google-safety"),
    *("crawler", "spider", "slurp", "facebookexternal", "whatsapp", "linkexpanding", "url preview", "uripreview"),
    *("bingpreview", "headlesschrome", "phantomjs", "puppeteer", "selenium", "google-pagerenderer", "feedfetcher"),
    *("curl/", "wget", "python-", "aiohttp", "httpx", "go-http-client", "java/", "apache-httpclient", "jetty"),
    *("libwww-perl", "lua-resty-http", "ruby", "php/", "guzzle", "node-fetch", "axios", "scrapy", "powershell"),
)
# Not the telephones of Cubot; TMES is Trend Micro Email Security, and no part of "TextMessenger".
BOT: Final = re.compile(r"(?<!cu)bot(?![a-z])|\btmes\b")

LONGEST_AGENT: Final = 500
PREFETCH: Final = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_MOZ")


def read_source(number: int, meta: Mapping[str, str]) -> HitSource:
    """Return what a request (its META) says of who made it, for the picture (number 0) or a link."""
    if is_prefetch(meta):
        return HitSource.MACHINE
    source = read_agent(meta.get("HTTP_USER_AGENT", "")[:LONGEST_AGENT])
    # Relays load pictures for people; none of them follows a link for anybody.
    return HitSource.MACHINE if source == HitSource.PROXY and number != OPEN else source


# The same few thousand come again and again.
@lru_cache(maxsize=2000)
def read_agent(agent: str) -> HitSource:
    """Return what a User-Agent says of who uses it."""
    small = agent.strip().lower()
    if not small or BOT.search(small) or any(word in small for word in MACHINES):
        return HitSource.MACHINE
    if small == APPLE or any(word in small for word in PROXIES):
        return HitSource.PROXY
    return HitSource.HUMAN


def is_prefetch(meta: Mapping[str, str]) -> bool:
    """Say whether a browser asks ahead of its user (Sec-Purpose: https://fetch.spec.whatwg.org/#sec-purpose-header)."""
    return any("prefetch" in meta.get(name, "").lower() for name in PREFETCH)

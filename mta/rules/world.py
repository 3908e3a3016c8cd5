"""Replies of the other large providers abroad, as their postmaster pages list them."""

from typing import Final

from mta.rules.rule import Rule
from mta.verdicts import Reason

# Where the meanings are told.
_YAHOO_PAGE = "Yahoo sender hub, https://senders.yahooinc.com/smtp-error-codes/"
_APPLE_PAGE = "Apple postmaster, https://support.apple.com/HT204137"
_FACEBOOK_PAGE = "Facebook postmaster, http://postmaster.facebook.com/response_codes"
_GODADDY_PAGE = "GoDaddy, https://www.godaddy.com/help/fix-rejected-email-with-a-bounce-error-40685"
_COX_PAGE = "Cox, http://postmaster.cox.net/confluence/display/postmaster/Error+Codes"
_QQ_PAGE = "QQ Mail, https://service.mail.qq.com/"
_ORANGE_PAGE = "Orange postmaster, https://postmaster.orange.fr/"

ICLOUD = ("icloud.com", "apple.com", "me.com", "mac.com")

YAHOO: Final = (
    Rule(
        "yahoo-rate",
        Reason.RATE_LIMITED,
        f"{_YAHOO_PAGE}: TSS",
        says=("unexpected volume or user complaints",),
        patterns=(
            r"\[tss?\d\d\]",
            r"\btss\d\d\b",
            # AOL and Verizon, on the servers of Yahoo.
            r"\[ipts\d\d\]",
        ),
        codes=(421, 451),
    ),
    Rule(
        "yahoo-reputation",
        Reason.REPUTATION,
        f"{_YAHOO_PAGE}: TSS, BL",
        says=("unexpected volume or user complaints",),
        patterns=(
            r"\[(?:ip)?tss?\d\d\]",
            r"\[bl\d\d\]",
        ),
    ),
    Rule(
        "yahoo-policy",
        Reason.POLICY,
        f"{_YAHOO_PAGE}: 5.7.9",
        says=("not accepted for policy reasons",),
    ),
    Rule(
        "yahoo-no-account",
        Reason.USER_UNKNOWN,
        "Yahoo: SMTP error dd",
        patterns=(r"user doesn'?t have an? \S+ account",),
    ),
    Rule(
        "yahoo-suspended",
        Reason.SUSPENDED,
        "Yahoo: SMTP error dd",
        patterns=("this (?:account|mailbox) (?:has been|is) (?:disabled|discontinued)",),
    ),
)

APPLE: Final = (
    Rule(
        "icloud-rate",
        Reason.RATE_LIMITED,
        _APPLE_PAGE,
        says=("too many messages received from",),
        hosts=ICLOUD,
    ),
    Rule(
        "icloud-reputation",
        Reason.REPUTATION,
        f"{_APPLE_PAGE}: CS01, HM08",
        patterns=(r"\[(?:cs0\d|hm0\d|pm0\d)\]",),
    ),
    Rule(
        "icloud-unknown",
        Reason.USER_UNKNOWN,
        "Messaging Server: MTA options",
        says=("unknown or illegal alias",),
    ),
)

_AOL_PAGE = "AOL postmaster: error messages, http://postmaster.aol.com/errors/"
AOL: Final = (
    Rule(
        "aol-content",
        Reason.SPAM_CONTENT,
        _AOL_PAGE,
        patterns=(r"\bhvu:[a-z]\w\b",),
    ),
    Rule(
        "aol-reputation",
        Reason.REPUTATION,
        _AOL_PAGE,
        patterns=(r"\b(?:rtr|rly|dyn|con|dns|isp):[a-z][a-z\d]\b",),
    ),
)

_NETEASE_PAGE = "NetEase (163, 126, yeah): 退信代码说明"
NETEASE: Final = (
    Rule(
        "netease-rate",
        Reason.RATE_LIMITED,
        _NETEASE_PAGE,
        patterns=(r"\b(?:hl:i[a-z]c|mi:(?:cel|dmc|ccl|sfq|stc)|rp:(?:drc|ccl|cel|qrc|trc))\b",),
    ),
    Rule(
        "netease-reputation",
        Reason.REPUTATION,
        _NETEASE_PAGE,
        patterns=(r"\b(?:hl:(?:rep|mep|ipb)|dt:rbl|wm:bl[iu])\b",),
    ),
    Rule(
        "netease-spam",
        Reason.SPAM_CONTENT,
        _NETEASE_PAGE,
        patterns=(r"\b(?:dt:s[pu]m|mi:spb)\b",),
    ),
    Rule(
        "netease-auth",
        Reason.AUTH,
        _NETEASE_PAGE,
        patterns=(r"\bmi:(?:spf|dkim)\b",),
    ),
)

_GMX_PAGE = "GMX, WEB.DE and 1&1 postmaster: error messages, https://postmaster.gmx.net/en/error-messages"
GMX: Final = (
    Rule(
        "gmx-policy",
        Reason.POLICY,
        _GMX_PAGE,
        says=(
            "reject due to policy restrictions",
            "invalid dns mx or a",
        ),
    ),
    Rule(
        "gmx-full",
        Reason.MAILBOX_FULL,
        _GMX_PAGE,
        says=("too many messages on the server",),
    ),
)

_COMCAST_PAGE = "Comcast postmaster: SMTP error codes, http://postmaster.comcast.net/smtp-error-codes.php"
COMCAST: Final = (
    Rule(
        "comcast-rate",
        Reason.RATE_LIMITED,
        _COMCAST_PAGE,
        patterns=(r"\brl0\d{5}\b",),
    ),
    Rule(
        "comcast-reputation",
        Reason.REPUTATION,
        _COMCAST_PAGE,
        says=("comcast block for spam",),
        patterns=(r"\b(?:bl|es|dm)0\d{5}\b",),
    ),
    Rule(
        "comcast-suspended",
        Reason.SUSPENDED,
        _COMCAST_PAGE,
        says=("not able to receive mail at this time",),
    ),
)

OTHERS: Final = (
    Rule(
        "facebook-unknown",
        Reason.USER_UNKNOWN,
        f"{_FACEBOOK_PAGE}: RCP-P1",
        patterns=(r"\brcp-p1\b",),
    ),
    Rule(
        "facebook-refused",
        Reason.REFUSED,
        f"{_FACEBOOK_PAGE}: RCP-P2, RCP-P3",
        says=("refused due to recipient preferences",),
        patterns=(r"\brcp-p[2-9]\b",),
    ),
    Rule(
        "facebook-rate",
        Reason.RATE_LIMITED,
        f"{_FACEBOOK_PAGE}: RCP-T, CON-T",
        patterns=(r"\b(?:rcp|con)-t\d\b",),
    ),
    Rule(
        "facebook-sender",
        Reason.REPUTATION,
        f"{_FACEBOOK_PAGE}: POL-P, DNS-P",
        patterns=(r"\b(?:pol|dns|con)-[pt]\d\b",),
    ),
    Rule(
        "facebook-message",
        Reason.POLICY,
        f"{_FACEBOOK_PAGE}: INT-P, MSG-P",
        patterns=(r"\b(?:int|msg)-p\d\b",),
    ),
    Rule(
        "godaddy-virus",
        Reason.SPAM_CONTENT,
        f"{_GODADDY_PAGE}: IB2xx, IB7xx",
        patterns=(r"\bib(?:2|70)\d{1,2}\b",),
    ),
    Rule(
        "godaddy-auth",
        Reason.AUTH,
        f"{_GODADDY_PAGE}: IB4xx",
        patterns=(r"\bib40[1-7]\b",),
    ),
    Rule(
        "godaddy-rate",
        Reason.RATE_LIMITED,
        f"{_GODADDY_PAGE}: IB5xx, IB607",
        patterns=(r"\bib(?:5\d\d|607[a-c]?)\b",),
    ),
    Rule(
        "godaddy-reputation",
        Reason.REPUTATION,
        f"{_GODADDY_PAGE}: IB0xx, IB1xx",
        patterns=(r"\bib[016]\d\d[a-c]?\b",),
    ),
    Rule(
        "cox-rate",
        Reason.RATE_LIMITED,
        _COX_PAGE,
        patterns=(
            r"\bcx(?:thrt|cnct|mxrt|smtp)\b",
            r"aup#(?:lmt|cxthrt|cnct|cxcnct)\b",
        ),
    ),
    Rule(
        "cox-sender",
        Reason.REPUTATION,
        _COX_PAGE,
        says=("aup#",),
        patterns=(
            r"\bcx(?:bl|dns|sndr|spf)\b",
            r"\bipbl\d",
            r"\bcdrbl\b",
        ),
    ),
    Rule(
        "cox-content",
        Reason.SPAM_CONTENT,
        _COX_PAGE,
        patterns=(r"\burlbl\d",),
    ),
    Rule(
        "qq-rate",
        Reason.RATE_LIMITED,
        _QQ_PAGE,
        patterns=(r"\b(?:ip|domain|sender|connection|user) frequency (?:is )?limited",),
    ),
    Rule(
        "qq-refused",
        Reason.REFUSED,
        _QQ_PAGE,
        says=("mail is rejected by recipients",),
    ),
    Rule(
        "qq-reputation",
        Reason.REPUTATION,
        _QQ_PAGE,
        patterns=("suspected (?:spam ip|bounce attack)",),
    ),
    Rule(
        "qq-sender",
        Reason.POLICY,
        _QQ_PAGE,
        says=(
            "mail from address must be same as authorization user",
            "domain may not exist or dns check failed",
        ),
    ),
    Rule(
        "qq-unavailable",
        Reason.USER_UNKNOWN,
        _QQ_PAGE,
        says=("mailbox unavailable or access denied",),
    ),
    Rule(
        "orange-blocked",
        Reason.REPUTATION,
        f"{_ORANGE_PAGE}: OFR, LPN 10x",
        says=("adresse ip",),
        patterns=(
            "service refus[eé]",
            "bloqu[eé]e? pour",
        ),
    ),
    Rule(
        "orange-rate",
        Reason.RATE_LIMITED,
        f"{_ORANGE_PAGE}: OFR, LPN 104",
        says=("veuillez ralentir",),
        patterns=(
            "trop de (?:connexions|destinataires|messages)",
            r"_10[45]\b",
        ),
    ),
    Rule(
        "orange-content",
        Reason.SPAM_CONTENT,
        f"{_ORANGE_PAGE}: OFR 506",
        says=(
            "mail rejete",
            "mail rejeté",
        ),
    ),
    Rule(
        "orange-archived",
        Reason.SUSPENDED,
        _ORANGE_PAGE,
        says=(
            "archived recipient",
            "boite du destinataire archiv",
        ),
    ),
    Rule(
        "t-online",
        Reason.REPUTATION,
        "T-Online postmaster, https://postmaster.t-online.de/",
        says=("a problem occurred. (ask your postmaster",),
    ),
)

RULES: Final = (*YAHOO, *APPLE, *AOL, *NETEASE, *GMX, *COMCAST, *OTHERS)

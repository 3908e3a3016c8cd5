"""Replies of the other large providers and mail gateways, as their postmaster pages list them."""

from typing import Final

from mta.rules.rule import Rule
from mta.verdicts import Reason

ICLOUD = ("icloud.com", "apple.com", "me.com", "mac.com")

YAHOO: Final = (
    Rule(
        "yahoo-rate",
        Reason.RATE_LIMITED,
        "Yahoo sender hub: TSS",
        says=("unexpected volume or user complaints",),
        patterns=(
            r"\[tss?\d\d\]",
            r"\btss\d\d\b",
        ),
        codes=(421, 451),
    ),
    Rule(
        "yahoo-reputation",
        Reason.REPUTATION,
        "Yahoo sender hub: TSS, BL",
        says=("unexpected volume or user complaints",),
        patterns=(
            r"\[tss?\d\d\]",
            r"\[bl\d\d\]",
        ),
    ),
    Rule(
        "yahoo-policy",
        Reason.POLICY,
        "Yahoo sender hub: 5.7.9",
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
        "Apple postmaster",
        says=("too many messages received from",),
        hosts=ICLOUD,
    ),
    Rule(
        "icloud-reputation",
        Reason.REPUTATION,
        "Apple postmaster: CS01, HM08",
        patterns=(r"\[(?:cs0\d|hm0\d|pm0\d)\]",),
    ),
    Rule(
        "icloud-unknown",
        Reason.USER_UNKNOWN,
        "Messaging Server: MTA options",
        says=("unknown or illegal alias",),
    ),
)

_AOL_WORDS = "AOL postmaster: error messages, http://postmaster.aol.com/errors/"
AOL: Final = (
    Rule(
        "aol-content",
        Reason.SPAM_CONTENT,
        _AOL_WORDS,
        patterns=(r"\bhvu:[a-z]\w\b",),
    ),
    Rule(
        "aol-reputation",
        Reason.REPUTATION,
        _AOL_WORDS,
        patterns=(r"\b(?:rtr|rly|dyn|con|dns|isp):[a-z][a-z\d]\b",),
    ),
)

_NETEASE_WORDS = "NetEase (163, 126, yeah): 退信代码说明"
NETEASE: Final = (
    Rule(
        "netease-rate",
        Reason.RATE_LIMITED,
        _NETEASE_WORDS,
        patterns=(r"\b(?:hl:i[a-z]c|mi:(?:cel|dmc|ccl|sfq|stc)|rp:(?:drc|ccl|cel|qrc|trc))\b",),
    ),
    Rule(
        "netease-reputation",
        Reason.REPUTATION,
        _NETEASE_WORDS,
        patterns=(r"\b(?:hl:(?:rep|mep|ipb)|dt:rbl|wm:bl[iu])\b",),
    ),
    Rule(
        "netease-spam",
        Reason.SPAM_CONTENT,
        _NETEASE_WORDS,
        patterns=(r"\b(?:dt:s[pu]m|mi:spb)\b",),
    ),
    Rule(
        "netease-auth",
        Reason.AUTH,
        _NETEASE_WORDS,
        patterns=(r"\bmi:(?:spf|dkim)\b",),
    ),
)

_GMX_WORDS = "GMX, WEB.DE and 1&1 postmaster: error messages, https://postmaster.gmx.net/en/error-messages"
GMX: Final = (
    Rule(
        "gmx-policy",
        Reason.POLICY,
        _GMX_WORDS,
        says=(
            "reject due to policy restrictions",
            "invalid dns mx or a",
        ),
    ),
    Rule(
        "gmx-full",
        Reason.MAILBOX_FULL,
        _GMX_WORDS,
        says=("too many messages on the server",),
    ),
)

_COREMAIL_WORDS = "Coremail: 退信, https://www.icoremail.vip/support/"
COREMAIL: Final = (
    Rule(
        "coremail-server",
        Reason.REPUTATION,
        _COREMAIL_WORDS,
        patterns=(r"\bip is (?:hangup|rejected)|not taken: (?:invalid ip|no smtp mx only)",),
    ),
    Rule(
        "coremail-local",
        Reason.POLICY,
        _COREMAIL_WORDS,
        says=("not taken: local user only",),
    ),
)

_COMCAST_WORDS = "Comcast postmaster: SMTP error codes, http://postmaster.comcast.net/smtp-error-codes.php"
COMCAST: Final = (
    Rule(
        "comcast-rate",
        Reason.RATE_LIMITED,
        _COMCAST_WORDS,
        patterns=(r"\brl0\d{5}\b",),
    ),
    Rule(
        "comcast-reputation",
        Reason.REPUTATION,
        _COMCAST_WORDS,
        says=("comcast block for spam",),
        patterns=(r"\b(?:bl|es|dm)0\d{5}\b",),
    ),
    Rule(
        "comcast-suspended",
        Reason.SUSPENDED,
        _COMCAST_WORDS,
        says=("not able to receive mail at this time",),
    ),
)

BARRACUDA: Final = (
    Rule(
        "barracuda-blocked",
        Reason.POLICY,
        "Barracuda Email Gateway Defense: the next server refused",
        says=("permanent failure for one or more recipients (<>:blocked",),
    ),
)

OTHERS: Final = (
    Rule(
        "facebook-unknown",
        Reason.USER_UNKNOWN,
        "Facebook postmaster: RCP-P1",
        patterns=(r"\brcp-p1\b",),
    ),
    Rule(
        "facebook-refused",
        Reason.REFUSED,
        "Facebook postmaster: RCP-P2, RCP-P3",
        says=("refused due to recipient preferences",),
        patterns=(r"\brcp-p[2-9]\b",),
    ),
    Rule(
        "facebook-rate",
        Reason.RATE_LIMITED,
        "Facebook postmaster: RCP-T, CON-T",
        patterns=(r"\b(?:rcp|con)-t\d\b",),
    ),
    Rule(
        "facebook-sender",
        Reason.REPUTATION,
        "Facebook postmaster: POL-P, DNS-P",
        patterns=(r"\b(?:pol|dns|con)-[pt]\d\b",),
    ),
    Rule(
        "facebook-message",
        Reason.POLICY,
        "Facebook postmaster: INT-P, MSG-P",
        patterns=(r"\b(?:int|msg)-p\d\b",),
    ),
    Rule(
        "godaddy-virus",
        Reason.SPAM_CONTENT,
        "GoDaddy: email bounce codes IB2xx, IB7xx",
        patterns=(r"\bib(?:2|70)\d{1,2}\b",),
    ),
    Rule(
        "godaddy-auth",
        Reason.AUTH,
        "GoDaddy: email bounce codes IB4xx",
        patterns=(r"\bib40[1-7]\b",),
    ),
    Rule(
        "godaddy-rate",
        Reason.RATE_LIMITED,
        "GoDaddy: email bounce codes IB5xx, IB607",
        patterns=(r"\bib(?:5\d\d|607[a-c]?)\b",),
    ),
    Rule(
        "godaddy-reputation",
        Reason.REPUTATION,
        "GoDaddy: email bounce codes IB0xx, IB1xx",
        patterns=(r"\bib[016]\d\d[a-c]?\b",),
    ),
    Rule(
        "cox-rate",
        Reason.RATE_LIMITED,
        "Cox: email error codes",
        patterns=(
            r"\bcx(?:thrt|cnct|mxrt|smtp)\b",
            r"aup#(?:lmt|cxthrt|cnct|cxcnct)\b",
        ),
    ),
    Rule(
        "cox-sender",
        Reason.REPUTATION,
        "Cox and Spectrum: email error codes",
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
        "Cox: email error codes",
        patterns=(r"\burlbl\d",),
    ),
    Rule(
        "qq-rate",
        Reason.RATE_LIMITED,
        "QQ Mail: bounce messages",
        patterns=(r"\b(?:ip|domain|sender|connection|user) frequency (?:is )?limited",),
    ),
    Rule(
        "qq-refused",
        Reason.REFUSED,
        "QQ Mail: bounce messages",
        says=("mail is rejected by recipients",),
    ),
    Rule(
        "qq-reputation",
        Reason.REPUTATION,
        "QQ Mail: bounce messages",
        patterns=("suspected (?:spam ip|bounce attack)",),
    ),
    Rule(
        "qq-sender",
        Reason.POLICY,
        "QQ Mail: bounce messages",
        says=(
            "mail from address must be same as authorization user",
            "domain may not exist or dns check failed",
        ),
    ),
    Rule(
        "qq-unavailable",
        Reason.USER_UNKNOWN,
        "QQ Mail: bounce messages",
        says=("mailbox unavailable or access denied",),
    ),
    Rule(
        "cloudflare-upstream",
        Reason.TEMPORARY,
        "Cloudflare Email Routing: postmaster",
        says=("upstream error, please check",),
    ),
    Rule(
        "cloudflare-reputation",
        Reason.REPUTATION,
        "Cloudflare Email Routing: postmaster",
        says=(
            "found on one or more rbls",
            "ip/host rejected",
        ),
    ),
    Rule(
        "mimecast-refused",
        Reason.REFUSED,
        "Mimecast: SMTP error codes",
        says=(
            "envelope blocked - user",
            "blocked senders",
            "sender blocked",
        ),
    ),
    Rule(
        "mimecast-auth",
        Reason.AUTH,
        "Mimecast: SMTP error codes",
        says=(
            "anti-spoofing",
            "sender invalid - envelope rejected",
        ),
    ),
    Rule(
        "mimecast-policy",
        Reason.POLICY,
        "Mimecast: SMTP error codes",
        says=(
            "email rejected due to security policies",
            "administrative prohibition",
            "content examination policy",
            "unable to do secure delivery",
        ),
    ),
    Rule(
        "mimecast-unknown",
        Reason.USER_UNKNOWN,
        "Mimecast: SMTP error codes",
        says=("recipient email address is possibly incorrect",),
    ),
    Rule(
        "orange-blocked",
        Reason.REPUTATION,
        "Orange postmaster: OFR, LPN 10x",
        says=("adresse ip",),
        patterns=(
            "service refus[eé]",
            "bloqu[eé]e? pour",
        ),
    ),
    Rule(
        "orange-rate",
        Reason.RATE_LIMITED,
        "Orange postmaster: OFR, LPN 104",
        says=("veuillez ralentir",),
        patterns=(
            "trop de (?:connexions|destinataires|messages)",
            r"_10[45]\b",
        ),
    ),
    Rule(
        "orange-content",
        Reason.SPAM_CONTENT,
        "Orange postmaster: OFR 506",
        says=(
            "mail rejete",
            "mail rejeté",
        ),
    ),
    Rule(
        "orange-archived",
        Reason.SUSPENDED,
        "Orange postmaster",
        says=(
            "archived recipient",
            "boite du destinataire archiv",
        ),
    ),
    Rule(
        "t-online",
        Reason.REPUTATION,
        "T-Online postmaster",
        says=("a problem occurred. (ask your postmaster",),
    ),
    Rule(
        "zoho-rate",
        Reason.RATE_LIMITED,
        "Zoho Mail: SMTP error codes",
        says=("unusual sending activity",),
    ),
    Rule(
        "zoho-refused",
        Reason.POLICY,
        "Zoho Mail: SMTP error codes",
        says=(
            "mail rejected by destination domain",
            "mailpolicy violation",
            "email policy violated",
        ),
    ),
    Rule(
        "ses-suppressed",
        Reason.SUSPENDED,
        "Amazon SES: suppression list",
        says=(
            "suppression list",
            "suppressed sending",
            "suppressed recipient",
            "address is suppressed",
        ),
        patterns=(r"\bsuppressed because\b",),
    ),
)

RULES: Final = (*YAHOO, *APPLE, *AOL, *NETEASE, *GMX, *COREMAIL, *COMCAST, *BARRACUDA, *OTHERS)

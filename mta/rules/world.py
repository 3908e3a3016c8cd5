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
    Rule(
        "comcast-suspended",
        Reason.SUSPENDED,
        "Comcast postmaster",
        says=("not able to receive mail at this time",),
    ),
)

RULES: Final = (*YAHOO, *APPLE, *OTHERS)

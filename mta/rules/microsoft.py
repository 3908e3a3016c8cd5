"""Replies of Outlook.com, Exchange Online and Exchange Server."""

from typing import Final

from mta.rules.rule import Rule
from mta.verdicts import Reason

# Where the meanings are told.
ONLINE = (
    "Exchange Online, https://learn.microsoft.com/troubleshoot/exchange/email-delivery/ndr/"
    "non-delivery-reports-in-exchange-online"
)
OUTLOOK = "Outlook.com postmaster, https://sendersupport.olc.protection.outlook.com/pm/troubleshooting"

RULES: Final = (
    Rule(
        "microsoft-rate",
        Reason.RATE_LIMITED,
        f"{OUTLOOK}: RP-001, S77xxxx",
        patterns=(
            r"\brp-00[123]\b",
            r"\(s775\)",
            r"\(s77719\)",
            "exceeded the (?:rate|connection) limit",
        ),
    ),
    Rule(
        "microsoft-reputation",
        Reason.REPUTATION,
        f"{OUTLOOK}: S3140, S3150, SC-001",
        patterns=(
            r"\bs31[45]0\b",
            r"\bsc-00[1-4]\b",
            r"\bdy-00[12]\b",
            r"\bou-00[12]\b",
            "part of their network is on our block ?list",
        ),
    ),
    # Other servers say the same of an address that a rule forbids, with 5.7.1.
    Rule(
        "microsoft-unknown-at-edge",
        Reason.USER_UNKNOWN,
        f"{ONLINE}: 5.4.1, Directory Based Edge Blocking",
        patterns=("(?<!all )recipient address rejected: access denied",),
        status=r"(?:5\.4\.1|5\.1\.\d{1,2}|5\.0\.0)?",
    ),
    Rule(
        "microsoft-unknown",
        Reason.USER_UNKNOWN,
        f"{ONLINE}: 5.1.10",
        says=(
            "recipnotfound",
            "recipientnotfound",
        ),
        patterns=(
            "recipient ?not ?found by smtp address lookup",
            r"resolver\.adr\.(?:ex)?recip",
        ),
    ),
    Rule(
        "microsoft-restricted",
        Reason.REFUSED,
        f"{ONLINE}: 5.7.129, 5.7.133",
        patterns=(
            r"resolver\.rst\.(?:auth|restricted|notauthorized|senderrestricted)",
            "recipient(?:'s)? mailbox .{0,60}isn'?t set up to receive",
        ),
    ),
    Rule(
        "microsoft-restricted-status",
        Reason.REFUSED,
        f"{ONLINE}: 5.7.124–5.7.137",
        status=r"5\.7\.1(?:2[4-9]|3[0-7])",
    ),
    Rule(
        "microsoft-too-large",
        Reason.TOO_LARGE,
        f"{ONLINE}: 5.2.3",
        patterns=(r"resolver\.rst\.(?:recip|send)sizelimit",),
    ),
    Rule(
        "microsoft-full",
        Reason.MAILBOX_FULL,
        f"{ONLINE}: 5.2.2",
        patterns=(
            "(?:shutoff)?quotaexceeded",
            r"storedrv\.deliver[:;]? ?mailbox full",
        ),
    ),
    Rule(
        "microsoft-disabled",
        Reason.SUSPENDED,
        "Exchange: 5.2.1",
        says=(
            "mapiexceptionmailboxdisabled",
            "accountdisabled",
        ),
        patterns=(r"storedrv\.deliver[:;]? ?(?:disabled mailbox|mailbox disabled)",),
    ),
    Rule(
        "microsoft-store",
        Reason.TEMPORARY,
        "Exchange: the store driver could not deliver",
        says=(
            "storedrv.",
            "mapiexception",
        ),
    ),
    Rule(
        "microsoft-banned-address",
        Reason.REPUTATION,
        f"{ONLINE}: 5.7.606–649, 5.7.511",
        status=r"5\.7\.(?:511|6[0-4]\d)",
    ),
    Rule(
        "microsoft-spam",
        Reason.SPAM_CONTENT,
        f"{ONLINE}: 5.7.501–503, 5.1.8",
        status=r"5\.7\.50[1-3]",
    ),
    Rule(
        "microsoft-dmarc",
        Reason.AUTH,
        f"{ONLINE}: 5.7.509, 5.7.515",
        status=r"[45]\.7\.5(?:09|15)",
    ),
    Rule(
        "microsoft-too-many",
        Reason.RATE_LIMITED,
        f"{ONLINE}: 5.7.705, 5.7.708, 4.7.5xx, 5.2.121",
        status=r"5\.7\.(?:50[78]|70[58])|4\.7\.(?:5\d\d|650)|5\.2\.12[12]|5\.1\.90",
    ),
    Rule(
        "microsoft-own-organization",
        Reason.POLICY,
        f"{ONLINE}: 5.7.520, 5.7.703, 5.7.750",
        status=r"5\.7\.(?:520|703|750)",
    ),
    Rule(
        "microsoft-no-domain",
        Reason.HOST_UNKNOWN,
        f"{ONLINE}: 5.4.310",
        status=r"[45]\.4\.310",
    ),
    Rule(
        "microsoft-expired",
        Reason.TEMPORARY,
        f"{ONLINE}: 4.4.7, 5.4.300, 5.4.312–317",
        status=r"[45]\.4\.3\d\d",
    ),
    Rule(
        "microsoft-group",
        Reason.POLICY,
        f"{ONLINE}: 5.7.193",
        says=("usercontactgroup",),
    ),
    Rule(
        "microsoft-attribution",
        Reason.POLICY,
        f"{ONLINE}: 5.7.64",
        says=("tenantattribution",),
    ),
    Rule(
        "microsoft-remote-unknown",
        Reason.USER_UNKNOWN,
        f"{ONLINE}: 5.1.351",
        says=("remote server returned unknown recipient",),
    ),
)

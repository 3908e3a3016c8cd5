"""Replies of products that stand before other companies' mail servers, as their makers document them."""

from typing import Final

from mta.rules.rule import Rule
from mta.verdicts import Reason

# Where the meanings are told.
_COREMAIL_PAGE = "Coremail: 退信, https://www.icoremail.vip/support/"
_CLOUDFLARE_PAGE = "Cloudflare Email Routing, https://developers.cloudflare.com/email-routing/postmaster/"
_MIMECAST_PAGE = "Mimecast: SMTP error codes, https://community.mimecast.com/"

RULES: Final = (
    Rule(
        "coremail-server",
        Reason.REPUTATION,
        _COREMAIL_PAGE,
        patterns=(r"\bip is (?:hangup|rejected)|not taken: (?:invalid ip|no smtp mx only)",),
    ),
    Rule(
        "coremail-local",
        Reason.POLICY,
        _COREMAIL_PAGE,
        says=("not taken: local user only",),
    ),
    Rule(
        "barracuda-blocked",
        Reason.POLICY,
        "Barracuda Email Gateway Defense: the next server refused",
        says=("permanent failure for one or more recipients (<>:blocked",),
    ),
    Rule(
        "cloudflare-upstream",
        Reason.TEMPORARY,
        _CLOUDFLARE_PAGE,
        says=("upstream error, please check",),
    ),
    Rule(
        "cloudflare-reputation",
        Reason.REPUTATION,
        _CLOUDFLARE_PAGE,
        says=(
            "found on one or more rbls",
            "ip/host rejected",
        ),
    ),
    Rule(
        "mimecast-refused",
        Reason.REFUSED,
        _MIMECAST_PAGE,
        says=(
            "envelope blocked - user",
            "blocked senders",
        ),
    ),
    Rule(
        "mimecast-auth",
        Reason.AUTH,
        _MIMECAST_PAGE,
        says=(
            "anti-spoofing",
            "sender invalid - envelope rejected",
        ),
    ),
    Rule(
        "mimecast-policy",
        Reason.POLICY,
        _MIMECAST_PAGE,
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
        _MIMECAST_PAGE,
        says=("recipient email address is possibly incorrect",),
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
        "Amazon SES, https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html",
        says=(
            "suppression list",
            "suppressed sending",
            "suppressed recipient",
            "address is suppressed",
        ),
        patterns=(r"\bsuppressed because\b",),
    ),
)

"""Replies of Gmail, Google Workspace and Google Groups."""

from typing import Final

from mta.rules.rule import Rule
from mta.verdicts import Reason

# Where the meanings are told.
GMAIL = "Gmail SMTP errors, https://support.google.com/a/answer/3726730"

RULES: Final = (
    Rule(
        "gmail-over-quota",
        Reason.MAILBOX_FULL,
        f"{GMAIL}: 4.2.2, 5.2.2",
        says=(
            "out of storage space",
            "tried to reach is over quota",
        ),
    ),
    Rule(
        "gmail-recipient-rate",
        Reason.RATE_LIMITED,
        f"{GMAIL}: 4.2.1",
        says=(
            "receiving mail at a rate",
            "receiving mail too quickly",
        ),
    ),
    Rule(
        "gmail-sending-limit",
        Reason.RATE_LIMITED,
        f"{GMAIL}: 5.4.5, 5.7.0",
        says=(
            "daily user sending",
            "sending quota exceeded",
            "daily smtp relay",
            "mail relay quota exceeded",
            "smtp relay limit exceeded",
        ),
    ),
    Rule(
        "gmail-disabled",
        Reason.SUSPENDED,
        f"{GMAIL}: 5.2.1",
        patterns=("email account that you tried to reach is (?:disabled|inactive)",),
    ),
    Rule(
        "gmail-no-account",
        Reason.USER_UNKNOWN,
        f"{GMAIL}: 5.1.1",
        says=(
            "email account that you tried to reach does not exist",
            "?p=nosuchuser",
        ),
    ),
    Rule(
        "gmail-no-domain",
        Reason.HOST_UNKNOWN,
        "Gmail: Address not found",
        patterns=(r"because the domain .{0,80}could(?:n't| not) be found",),
    ),
    Rule(
        "gmail-malformed",
        Reason.POLICY,
        f"{GMAIL}: 5.7.1 RfcMessageNonCompliant",
        says=("?p=rfcmessagenoncompliant",),
    ),
    Rule(
        "gmail-unauthenticated",
        Reason.AUTH,
        f"{GMAIL}: 5.7.26, 4.7.27, 4.7.30",
        says=(
            "?p=unauthenticatedemail",
            "?p=dmarcrejection",
            "sender is unauthenticated",
            "requires all senders to authenticate",
        ),
    ),
    Rule(
        "gmail-unsolicited",
        Reason.REPUTATION,
        f"{GMAIL}: 4.7.28, 5.7.1",
        says=("low reputation",),
        patterns=("unusual rate of (?:unsolicited )?(?:e?mail|messages)",),
    ),
    Rule(
        "gmail-likely-spam",
        Reason.SPAM_CONTENT,
        f"{GMAIL}: 5.7.1",
        says=("detected that this message is",),
        patterns=("likely (?:unsolicited mail|suspicious)",),
    ),
    # Which of the two it is, Google does not tell.
    Rule(
        "google-group",
        Reason.POLICY,
        "Google Groups: a group that is missing or takes no mail of this sender",
        says=(
            "groups.google.com/support",
            "topic=25838",
            "posting permissions to the group",
            "group you tried to contact",
        ),
    ),
    Rule(
        "gmail-send-as",
        Reason.POLICY,
        "Gmail: Send mail as",
        says=(
            "send mail as",
            "?p=customfromdenied",
        ),
    ),
)

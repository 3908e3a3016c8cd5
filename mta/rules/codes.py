"""What the codes mean by themselves, where the words told nothing."""

from typing import Final

from mta.rules.rule import AFTER_RCPT, TEMPORARY_CODES, Rule
from mta.verdicts import Phase, Reason

SUCCESS: Final = (
    Rule("delivered", Reason.DELIVERED, "RFC 3463 section 2", status=r"2\.\d{1,3}\.\d{1,3}"),
    Rule("accepted", Reason.DELIVERED, "RFC 5321 section 4.2.1", codes=tuple(range(200, 300))),
)

# What PowerMTA adds to its notices (X-PowerMTA-BounceCategory); read where the server's own words said nothing.
POWERMTA: Final = tuple(
    Rule(
        f"powermta-{category}",
        reason,
        "PowerMTA User's Guide: bounce categories",
        says=(f"powermta: {category.replace('-', '_')}",),
    )
    for category, reason in (
        ("bad-mailbox", Reason.USER_UNKNOWN),
        ("bad-domain", Reason.HOST_UNKNOWN),
        ("inactive-mailbox", Reason.SUSPENDED),
        ("quota-issues", Reason.MAILBOX_FULL),
        ("message-expired", Reason.TEMPORARY),
        ("no-answer-from-host", Reason.TEMPORARY),
        ("bad-connection", Reason.TEMPORARY),
        ("bad-configuration", Reason.TEMPORARY),
        ("routing-errors", Reason.TEMPORARY),
        ("spam-related", Reason.SPAM_CONTENT),
        ("content-related", Reason.SPAM_CONTENT),
        ("virus-related", Reason.SPAM_CONTENT),
        ("policy-related", Reason.POLICY),
        ("relaying-issues", Reason.POLICY),
        ("invalid-sender", Reason.POLICY),
        ("protocol-errors", Reason.POLICY),
    )
)

# RFC 3463 sections 3.2–3.8 and the IANA registry "SMTP Enhanced Status Codes".
STATUSES: Final = (
    Rule("status-host", Reason.HOST_UNKNOWN, "RFC 3463 3.2, RFC 7505, RFC 7293", status=r"[45]\.(?:1\.2|1\.10|7\.18)"),
    Rule("status-sender", Reason.POLICY, "RFC 3463 section 3.2", status=r"[45]\.1\.[78]"),
    Rule("status-passing-address", Reason.TEMPORARY, "RFC 3463 section 3.2", status=r"4\.1\.9"),
    Rule("status-user", Reason.USER_UNKNOWN, "RFC 3463 section 3.2, RFC 7293", status=r"[45]\.(?:1\.[1346]|7\.17)"),
    Rule("status-other-address", Reason.USER_UNKNOWN, "RFC 3463 section 3.2", status=r"[45]\.1\.0", phases=(Phase.RCPT,)),
    Rule("status-disabled", Reason.SUSPENDED, "RFC 3463 section 3.3, RFC 5248", status=r"[45]\.(?:2\.1|7\.13)"),
    Rule("status-full", Reason.MAILBOX_FULL, "RFC 3463 section 3.3", status=r"[45]\.2\.2"),
    Rule("status-large", Reason.TOO_LARGE, "RFC 3463 sections 3.3 and 3.4", status=r"[45]\.(?:2\.3|3\.4)"),
    # The exit code of a local program (sysexits.h); EX_NOUSER and EX_NOHOST say more than the rest.
    Rule("program-no-user", Reason.USER_UNKNOWN, "sysexits.h: EX_NOUSER", patterns=(r"^x-unix; 67\b",)),
    Rule("program", Reason.TEMPORARY, "RFC 3464 section 2.3.6, sysexits.h", patterns=(r"^x-unix;",)),
    Rule("status-system", Reason.TEMPORARY, "RFC 3463 sections 3.3 and 3.4", status=r"[45]\.(?:2\.4|3\.[0-35])"),
    Rule("status-route", Reason.HOST_UNKNOWN, "RFC 3463 section 3.5", status=r"5\.4\.4"),
    Rule("status-network", Reason.TEMPORARY, "RFC 3463 section 3.5", status=r"[45]\.4\.\d{1,3}"),
    Rule("status-recipients", Reason.RATE_LIMITED, "RFC 3463 section 3.6", status=r"[45]\.5\.3"),
    Rule("status-protocol", Reason.POLICY, "RFC 3463 section 3.6", status=r"[45]\.5\.[1-9]\d{0,2}"),
    Rule("status-content", Reason.SPAM_CONTENT, "RFC 3463 section 3.7", status=r"[45]\.6\.\d{1,3}"),
    Rule("status-auth", Reason.AUTH, "RFC 7372, RFC 8616", status=r"[45]\.7\.2[0-46-9]"),
    Rule("status-reverse-dns", Reason.REPUTATION, "RFC 7372 section 3.3", status=r"[45]\.7\.25"),
    Rule("status-security", Reason.POLICY, "RFC 3463 section 3.8", status=r"[45]\.7\.\d{1,3}"),
)  # fmt: skip

# RFC 5321 section 4.2.3, where nothing else was said.
BARE_CODES: Final = (
    Rule("code-no-mail", Reason.HOST_UNKNOWN, "RFC 7504 section 4", codes=(521, 556)),
    Rule("code-not-local", Reason.USER_UNKNOWN, "RFC 5321 section 4.2.3", codes=(551,)),
    Rule("code-full", Reason.MAILBOX_FULL, "RFC 5321 section 4.2.3", codes=(552,), phases=(Phase.RCPT,)),
    Rule("code-large", Reason.TOO_LARGE, "RFC 5321 section 4.2.3, RFC 1870", codes=(552,), phases=(Phase.MAIL, *AFTER_RCPT)),
    Rule("code-full-notice", Reason.MAILBOX_FULL, "RFC 5321 section 4.2.3: 552", codes=(552,), phases=(Phase.NOTICE,)),
    Rule("code-tls", Reason.POLICY, "RFC 3207, RFC 4954", codes=(523, 524, 530, 534, 535, 538)),
    Rule("code-temporary", Reason.TEMPORARY, "RFC 5321 section 4.2.1", codes=TEMPORARY_CODES),
    Rule("status-temporary", Reason.TEMPORARY, "RFC 3463 section 2", status=r"4\.\d{1,3}\.\d{1,3}"),
    # B17: nothing in the reply says why.
    Rule("nothing-said", Reason.UNKNOWN, "behaviours B17"),
)  # fmt: skip

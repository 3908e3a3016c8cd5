"""Replies of Japanese carriers and providers, whose words mean something of their own."""

from typing import Final

from mta.rules.rule import AFTER_RCPT, Rule
from mta.verdicts import Phase, Reason

# Remote hosts of the providers, as in MX records and Remote-MTA fields.
DOCOMO = ("docomo.ne.jp",)
AU = ("ezweb.ne.jp", "au.com", "auone-net.jp", "dion.ne.jp", "uqmobile.jp")
SOFTBANK = (
    "softbank.ne.jp",
    "softbank.jp",
    "vodafone.ne.jp",
    "jp-t.ne.jp",
    "ymobile.ne.jp",
    "disney.ne.jp",
    "willcom.com",
    "pdx.ne.jp",
)

RULES: Final = (
    # docomo says "Unknown user" for a missing address and for one that blocks the sender (F3). Only the
    # step tells: it knows its addresses at RCPT and looks at the owner's filters after DATA.
    Rule(
        "docomo-unknown",
        Reason.USER_UNKNOWN,
        "docomo: Unknown userの意味, https://support.ntt.com/mail/faq/detail/pid2300000e64",
        says=(
            "unknown user",
            "user unknown",
        ),
        hosts=DOCOMO,
        phases=(Phase.RCPT,),
    ),
    Rule(
        "docomo-refused",
        Reason.REFUSED,
        "docomo: Unknown userの意味, https://support.ntt.com/mail/faq/detail/pid2300000e64",
        says=(
            "unknown user",
            "user unknown",
        ),
        hosts=DOCOMO,
    ),
    Rule(
        "docomo-full",
        Reason.MAILBOX_FULL,
        "docomo: センターの保管上限(552 Too much mail data)",
        patterns=("^(?!.*(?:too many recipients|too (?:big|large)|size))",),
        codes=(552,),
        hosts=DOCOMO,
    ),
    # docomo tells of two limits (同時に大量のSMTPセッション is held off for a while, 100宛先 a session) and gives a reply
    # for the second one only. Where it holds connections off it is heard by that (mta/pace.py).
    Rule(
        "docomo-session-full",
        Reason.RATE_LIMITED,
        "docomo: 1SMTPセッションあたり100宛先まで(554 Transaction failed), https://www.docomo.ne.jp/service/imode_mail/notice/mass_send/",
        says=("transaction failed",),
        codes=(554,),
        hosts=DOCOMO,
    ),
    Rule(
        "au-refused",
        Reason.REFUSED,
        "au: 迷惑メールフィルターはDATAの後に働く",
        says=(
            "user unknown",
            "unknown user",
            "recipient unknown",
        ),
        hosts=AU,
        phases=AFTER_RCPT,
    ),
    # A colon with no address before it: said after DATA, when the reply is not about one recipient any more.
    Rule(
        "au-filtered",
        Reason.REFUSED,
        "au: 迷惑メールフィルターの応答",
        patterns=(r"^: user unknown\b",),
    ),
    Rule(
        "au-limited",
        Reason.RATE_LIMITED,
        "au: 大量送信の規制",
        says=("user(s) account is temporarily limited",),
    ),
    Rule(
        "softbank-refused",
        Reason.REFUSED,
        "SoftBank: 迷惑メールブロックはDATAの後に働く",
        says=(
            "user unknown",
            "unknown user",
            "invalid recipient",
        ),
        hosts=SOFTBANK,
        phases=AFTER_RCPT,
    ),
    Rule(
        "yahoo-jp-suspended",
        Reason.SUSPENDED,
        "Yahoo! JAPAN: VS10-RT",
        says=("possible forgery or deactivated due to abuse",),
        patterns=(r"\bvs10-rt\b",),
    ),
    Rule(
        "yahoo-jp-excess-unknown",
        Reason.REPUTATION,
        "Yahoo! JAPAN: VS16-IP",
        says=("excessive unknown recipients",),
        patterns=(r"\bvs16-ip\b",),
    ),
    Rule(
        "yahoo-jp-virus",
        Reason.SPAM_CONTENT,
        "Yahoo! JAPAN: VS34-VF",
        patterns=(r"\bvs34-vf\b",),
    ),
    Rule(
        "yahoo-jp-policy",
        Reason.REPUTATION,
        "Yahoo! JAPAN: VS-IP",
        patterns=(r"\bvs\d{0,2}-ip\d?\b",),
    ),
    Rule(
        "biglobe-full",
        Reason.MAILBOX_FULL,
        "BIGLOBEメール: エラーメール",
        patterns=(r"number of messages in (?:\S+ )?recipient'?s mailbox exceeded",),
    ),
)

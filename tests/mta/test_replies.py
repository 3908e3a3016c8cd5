"""What replies mean, in the style of the servers that say them."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mta.replies import KINDS, classify, enhanced_status
from mta.reply_rules import RULES
from mta.rules.rule import Rule
from mta.verdicts import Kind, Phase, Reason, Verdict
from tests.mta.misleading_replies import RECIPIENT, ROUTE, SENDER
from tests.mta.reply_examples import EXAMPLES

RCPT, DATA, DOT, NOTICE = Phase.RCPT, Phase.DATA, Phase.DOT, Phase.NOTICE
DOCOMO, AU, SOFTBANK = "mfsmax.docomo.ne.jp", "msmx.au.com", "mx.softbank.ne.jp"
YAHOO_JP, GMAIL, ICLOUD = "mx1.mail.yahoo.co.jp", "gmail-smtp-in.l.google.com", "mx01.mail.icloud.com"
MICROSOFT = "outlook-com.olc.protection.outlook.com"

# (code, text, phase, host) → reason. The texts are our own, in the words such servers use.
REPLIES = [
    # Japanese carriers
    (550, "Unknown user tanaka@docomo.ne.jp", RCPT, DOCOMO, Reason.USER_UNKNOWN),
    (550, "Unknown user tanaka@docomo.ne.jp", DOT, DOCOMO, Reason.REFUSED),
    (550, "Unknown user tanaka@docomo.ne.jp", DATA, DOCOMO, Reason.REFUSED),
    (550, "Unknown user tanaka@docomo.ne.jp", NOTICE, DOCOMO, Reason.REFUSED),
    (552, "Message cannot be stored for tanaka@docomo.ne.jp", DOT, DOCOMO, Reason.MAILBOX_FULL),
    (554, "Transaction failed", RCPT, DOCOMO, Reason.RATE_LIMITED),
    (554, "Transaction failed", RCPT, "mx.example.jp", Reason.TEMPORARY),
    (552, "", RCPT, DOCOMO, Reason.MAILBOX_FULL),
    (552, "Too many recipients", DOT, DOCOMO, Reason.RATE_LIMITED),
    (550, "<sato@ezweb.ne.jp>: User unknown", RCPT, AU, Reason.USER_UNKNOWN),
    (550, "<sato@au.com>: User unknown", DOT, AU, Reason.REFUSED),
    (550, ": User unknown", NOTICE, "", Reason.REFUSED),
    (550, "5.1.1 Invalid recipient: <kato@softbank.ne.jp>", RCPT, SOFTBANK, Reason.USER_UNKNOWN),
    (550, "Invalid recipient: <kato@softbank.ne.jp>", DOT, SOFTBANK, Reason.REFUSED),
    # Yahoo! JAPAN and Yahoo
    (553, "VS10-RT Address is a forgery or was deactivated due to abuse", RCPT, YAHOO_JP, Reason.SUSPENDED),
    (421, "4.7.1 VS16-IP Excessive unknown recipients from your host", Phase.MAIL, YAHOO_JP, Reason.REPUTATION),
    (550, "VS99-IP Connection declined", RCPT, YAHOO_JP, Reason.REPUTATION),
    (550, "5.7.1 VS34-VF mail declined", DOT, YAHOO_JP, Reason.SPAM_CONTENT),
    (421, "4.7.0 [TSS04] Mail from 192.0.2.1 postponed because of unexpected volume or user complaints", RCPT, "mta7.am0.yahoodns.net", Reason.RATE_LIMITED),
    (553, "5.7.1 [BL21] Connections refused for 192.0.2.1", RCPT, "mta7.am0.yahoodns.net", Reason.REPUTATION),
    (554, "5.7.9 This mail was not accepted for policy reasons", DOT, "mta7.am0.yahoodns.net", Reason.POLICY),
    (554, "dd This user doesn't have a ymail.example account (a@ymail.example)", RCPT, "", Reason.USER_UNKNOWN),
    (554, "dd This mailbox has been disabled or discontinued [#102]", RCPT, "", Reason.SUSPENDED),
    # Gmail
    (550, "5.1.1 The email account that you tried to reach does not exist. Check the address for typing errors", RCPT, GMAIL, Reason.USER_UNKNOWN),
    (550, "5.2.1 The email account that you tried to reach is inactive", RCPT, GMAIL, Reason.SUSPENDED),
    (452, "4.2.2 The recipient's inbox is out of storage space", RCPT, GMAIL, Reason.MAILBOX_FULL),
    (450, "4.2.1 The person you write to is receiving mail at a rate that keeps more from coming", RCPT, GMAIL, Reason.RATE_LIMITED),
    (550, "5.7.26 This mail has been blocked because the sender is unauthenticated", DOT, GMAIL, Reason.AUTH),
    (550, "5.7.26 Mail from shop.example fails its domain's DMARC policy", DOT, GMAIL, Reason.AUTH),
    (421, "4.7.28 Gmail has seen an unusual rate of unsolicited mail from your network", DOT, GMAIL, Reason.REPUTATION),
    (550, "5.7.25 The sending address has no PTR record", DOT, GMAIL, Reason.REPUTATION),
    (550, "5.7.1 Gmail has detected that this message is likely suspicious", DOT, GMAIL, Reason.SPAM_CONTENT),
    # Microsoft
    (550, "5.7.1 Messages from 192.0.2.1 weren't sent; part of their network is on our block list (S3140)", Phase.MAIL, MICROSOFT, Reason.REPUTATION),
    (550, "5.7.606 Access denied, this sender's server is banned", RCPT, MICROSOFT, Reason.REPUTATION),
    (550, "5.7.515 Access denied, the sending domain does not meet the required level", DOT, MICROSOFT, Reason.AUTH),
    (550, "5.4.1 Recipient address rejected: Access denied", RCPT, MICROSOFT, Reason.USER_UNKNOWN),
    (550, "5.1.10 RESOLVER.ADR.RecipientNotFound; looked up by address", DOT, MICROSOFT, Reason.USER_UNKNOWN),
    (550, "5.7.1 RESOLVER.RST.NotAuthorized; the sender may not write here", DOT, MICROSOFT, Reason.REFUSED),
    (550, "5.2.3 RESOLVER.RST.RecipSizeLimit; too much for this mailbox", DOT, MICROSOFT, Reason.TOO_LARGE),
    (554, "5.2.2 STOREDRV.Deliver: mailbox full; MapiExceptionShutoffQuotaExceeded", DOT, MICROSOFT, Reason.MAILBOX_FULL),
    (550, "5.7.708 Service unavailable. Traffic from this tenant is too high", DOT, MICROSOFT, Reason.RATE_LIMITED),
    (451, "4.7.650 The mail server has been temporarily rate limited", RCPT, MICROSOFT, Reason.RATE_LIMITED),
    (550, "5.5.0 Requested action not taken: mailbox unavailable", RCPT, MICROSOFT, Reason.USER_UNKNOWN),
    (421, "RP-001 The mail server exceeded the connection limit", Phase.GREETING, MICROSOFT, Reason.RATE_LIMITED),
    # Apple
    (550, "5.7.1 [CS01] Message rejected due to local policy", DOT, ICLOUD, Reason.REPUTATION),
    (450, "4.2.0 Too many messages received from this address", RCPT, ICLOUD, Reason.RATE_LIMITED),
    (552, "5.2.2 <a@icloud.com>: user is over quota", RCPT, ICLOUD, Reason.MAILBOX_FULL),
    # Postfix
    (550, "5.1.1 <a@example.jp>: Recipient address rejected: User unknown in virtual mailbox table", RCPT, "", Reason.USER_UNKNOWN),
    (450, "4.1.1 <a@example.jp>: Recipient address rejected: unverified address: unknown user", RCPT, "", Reason.USER_UNKNOWN),
    (550, "5.1.1 <news@shop.example>: user unknown", Phase.MAIL, "", Reason.POLICY),
    (550, "5.1.1 <a@example.jp>: Recipient address rejected", RCPT, "", Reason.USER_UNKNOWN),
    (554, "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using list.example", RCPT, "", Reason.REPUTATION),
    (554, "5.7.1 <a@example.jp>: Relay access denied", RCPT, "", Reason.POLICY),
    (450, "4.7.1 <mail.example>: Helo command rejected: Host not found", RCPT, "", Reason.REPUTATION),
    (450, "4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]", RCPT, "", Reason.REPUTATION),
    (450, "4.2.0 <a@example.jp>: Recipient address rejected: Greylisted", RCPT, "", Reason.TEMPORARY),
    (552, "5.3.4 Message size exceeds fixed limit", Phase.MAIL, "", Reason.TOO_LARGE),
    (451, "4.3.0 queue file write error", DOT, "", Reason.TEMPORARY),
    (421, "4.7.0 too many connections from 192.0.2.1", Phase.GREETING, "", Reason.RATE_LIMITED),
    (553, "5.1.8 <news@shop.example>: Sender address rejected: Domain not found", RCPT, "", Reason.POLICY),
    # qmail, Exim, Sendmail, Cisco, content filters
    (550, "sorry, no mailbox here by that name (#5.1.1)", RCPT, "", Reason.USER_UNKNOWN),
    (554, "5.1.1 The address is not listed; there is no such user (a@example.jp)", DOT, "", Reason.USER_UNKNOWN),
    (553, "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", RCPT, "", Reason.POLICY),
    (550, "Unrouteable address", RCPT, "", Reason.USER_UNKNOWN),
    (550, "5.1.2 <a@example.invalid>... Host unknown (Name server: no such domain)", RCPT, "", Reason.HOST_UNKNOWN),
    (550, "#5.1.0 Address rejected.", RCPT, "", Reason.USER_UNKNOWN),
    (550, "5.7.1 Message content rejected, id=1-2", DOT, "", Reason.SPAM_CONTENT),
    (554, "5.7.1 Infected mail: Eicar-Test found by the virus scanner", DOT, "", Reason.SPAM_CONTENT),
    (550, "5.7.23 SPF validation failed for shop.example", DOT, "", Reason.AUTH),
    (550, "DKIM signature missing or invalid", DOT, "", Reason.AUTH),
    (550, "5.1.6 The recipient no longer works here", RCPT, "", Reason.USER_UNKNOWN),
    (551, "User not local", RCPT, "", Reason.USER_UNKNOWN),
    (525, "5.7.13 Disabled recipient address", RCPT, "", Reason.SUSPENDED),
    (550, "The recipient has blocked mail of this sender", DOT, "", Reason.REFUSED),
    (556, "5.1.10 This domain has a null MX", RCPT, "", Reason.HOST_UNKNOWN),
    (530, "5.7.0 Must issue a STARTTLS command first", Phase.MAIL, "", Reason.POLICY),
    (554, "5.4.6 Too many hops, the mail loops", DOT, "", Reason.TEMPORARY),
    (550, "5.1.1 mail for this account exceeds its disk quota", RCPT, "", Reason.MAILBOX_FULL),
    (554, "5.7.1 Your network was refused: poor reputation", Phase.GREETING, "", Reason.REPUTATION),
    (550, "5.7.1 mail of this sender has too high a complaint rate", DOT, "", Reason.REPUTATION),
    (550, "5.6.0 mail is not RFC 5322 compliant", DOT, "", Reason.POLICY),
    (550, "5.7.1 this is prohibited here", DOT, "", Reason.POLICY),
    (554, "5.0.0 Message rejected.", DOT, "", Reason.POLICY),
    # Japanese servers
    (550, "5.1.1 宛先のメールアドレスが存在しません", RCPT, "", Reason.USER_UNKNOWN),
    (550, "5.1.1 宛先不明です", RCPT, "", Reason.USER_UNKNOWN),
    (552, "5.2.2 メールボックスの容量を超えています。容量超過", DOT, "", Reason.MAILBOX_FULL),
    (550, "5.7.1 受信者の設定により受信を拒否しました", DOT, "", Reason.REFUSED),
    (550, "5.7.1 迷惑メールと判定しました", DOT, "", Reason.SPAM_CONTENT),
    (451, "4.3.2 ただいま混み合っています。しばらくしてからお試しください", RCPT, "", Reason.TEMPORARY),
    (550, "5.2.1 このアカウントは利用停止中です", RCPT, "", Reason.SUSPENDED),
    (554, "5.7.1 逆引きが設定されていないため接続できません", RCPT, "", Reason.REPUTATION),
    (552, "5.3.4 メールサイズが上限を超過しました", DOT, "", Reason.TOO_LARGE),
    (450, "4.7.1 流量制限により受け付けできません", RCPT, "", Reason.RATE_LIMITED),
    (550, "5.1.2 ドメインが存在しません", RCPT, "", Reason.HOST_UNKNOWN),
    # Notices
    (None, "host mx.example.jp said: 550 Unknown user (in reply to RCPT TO command)", NOTICE, DOCOMO, Reason.USER_UNKNOWN),
    (550, "Unknown user a@docomo.ne.jp (in reply to RCPT TO command)", NOTICE, DOCOMO, Reason.USER_UNKNOWN),
    (550, "Unknown user a@docomo.ne.jp (in reply to end of DATA command)", NOTICE, DOCOMO, Reason.REFUSED),
    (None, "connect to mx.example.jp[192.0.2.1]:25: Connection timed out", NOTICE, "", Reason.TEMPORARY),
    (None, "Host or domain name not found. Name service error for name=example.invalid type=A", NOTICE, "", Reason.HOST_UNKNOWN),
    (None, "delivery time expired", NOTICE, "", Reason.TEMPORARY),
    (None, "can't create user output file. Command output: procmail: Quota exceeded while writing", NOTICE, "", Reason.MAILBOX_FULL),
]  # fmt: skip


@pytest.mark.parametrize(("code", "text", "phase", "host", "reason"), REPLIES)
def test_meaning_of_a_reply(code: int | None, text: str, phase: Phase, host: str, reason: Reason) -> None:
    verdict = classify(code, enhanced_status(text), text, phase, host)
    assert verdict.reason == reason, verdict.rule


@pytest.mark.parametrize(("text", "reason"), EXAMPLES)
def test_meaning_of_a_reply_in_a_notice(text: str, reason: Reason) -> None:
    verdict = ask(text)
    assert verdict.reason == reason, verdict.rule


@pytest.mark.parametrize("text", [*SENDER, *RECIPIENT, *ROUTE])
def test_what_blames_something_else_is_not_permanent(text: str) -> None:
    """B11, B16: where evidence conflicts, no address is called dead."""
    verdict = ask(text)
    assert verdict.kind is not Kind.HARD, verdict.rule


def test_no_phrase_is_hidden_by_an_earlier_rule() -> None:
    """A phrase that an earlier row always takes would be dead weight."""
    hidden = [(rule.name, phrase) for rule in RULES for phrase in rule.says if reach(rule, phrase).rule != rule.name]
    assert not hidden


def reach(rule: Rule, phrase: str) -> Verdict:
    """Return what a phrase of a rule means where everything else that the rule asks for holds."""
    return classify(
        rule.codes[0] if rule.codes else None,
        "",
        f"x {phrase} x",
        rule.phases[0] if rule.phases else NOTICE,
        rule.hosts[0] if rule.hosts else "",
    )


def ask(text: str) -> Verdict:
    """Ask for the meaning of a text as a notice brings it, with its codes in front."""
    code = re.match(r"[45]\d\d(?=[ -])", text)
    said = text[len(code[0]) + 1 :] if code else text
    return classify(int(code[0]) if code else None, enhanced_status(said), text, NOTICE)


# Nothing but a code.
CODES = [
    (250, "", RCPT, Reason.DELIVERED),
    (421, "", RCPT, Reason.TEMPORARY),
    (450, "", RCPT, Reason.TEMPORARY),
    (451, "4.0.0", DOT, Reason.TEMPORARY),
    (521, "", RCPT, Reason.HOST_UNKNOWN),
    (535, "5.0.0", Phase.MAIL, Reason.POLICY),
    (550, "", RCPT, Reason.UNKNOWN),
    (550, "", DOT, Reason.UNKNOWN),
    (535, "", RCPT, Reason.POLICY),
    (551, "", RCPT, Reason.USER_UNKNOWN),
    (552, "", RCPT, Reason.MAILBOX_FULL),
    (552, "", DOT, Reason.TOO_LARGE),
    (552, "", NOTICE, Reason.MAILBOX_FULL),
    (550, "", Phase.MAIL, Reason.POLICY),
    (554, "5.0.0", NOTICE, Reason.UNKNOWN),
    (556, "", RCPT, Reason.HOST_UNKNOWN),
    (None, "", NOTICE, Reason.UNKNOWN),
    (None, "2.0.0", NOTICE, Reason.DELIVERED),
    (None, "4.0.0", NOTICE, Reason.TEMPORARY),
    (None, "4.1.9", NOTICE, Reason.TEMPORARY),
    (None, "5.1.0", RCPT, Reason.USER_UNKNOWN),
    (None, "5.1.0", NOTICE, Reason.UNKNOWN),
    (None, "5.1.1", NOTICE, Reason.USER_UNKNOWN),
    (None, "5.1.2", NOTICE, Reason.HOST_UNKNOWN),
    (None, "5.1.3", NOTICE, Reason.USER_UNKNOWN),
    (None, "5.1.6", NOTICE, Reason.USER_UNKNOWN),
    (None, "5.1.8", NOTICE, Reason.POLICY),
    (None, "5.1.10", NOTICE, Reason.HOST_UNKNOWN),
    (None, "5.2.0", NOTICE, Reason.UNKNOWN),
    (None, "5.2.1", NOTICE, Reason.SUSPENDED),
    (None, "5.2.2", NOTICE, Reason.MAILBOX_FULL),
    (None, "5.2.3", NOTICE, Reason.TOO_LARGE),
    (None, "5.3.0", NOTICE, Reason.TEMPORARY),
    (None, "5.3.2", NOTICE, Reason.TEMPORARY),
    (None, "4.3.2", NOTICE, Reason.TEMPORARY),
    (None, "5.3.4", NOTICE, Reason.TOO_LARGE),
    (None, "5.4.4", NOTICE, Reason.HOST_UNKNOWN),
    (None, "4.4.4", NOTICE, Reason.TEMPORARY),
    (None, "4.4.7", NOTICE, Reason.TEMPORARY),
    (None, "5.4.7", NOTICE, Reason.TEMPORARY),
    (None, "5.5.0", NOTICE, Reason.UNKNOWN),
    (None, "5.5.2", NOTICE, Reason.POLICY),
    (None, "4.5.3", NOTICE, Reason.RATE_LIMITED),
    (None, "5.6.0", NOTICE, Reason.SPAM_CONTENT),
    (None, "5.7.1", NOTICE, Reason.POLICY),
    (None, "5.7.17", NOTICE, Reason.USER_UNKNOWN),
    (None, "5.7.18", NOTICE, Reason.HOST_UNKNOWN),
    (None, "5.7.20", NOTICE, Reason.AUTH),
    (None, "5.7.23", NOTICE, Reason.AUTH),
    (None, "5.7.25", NOTICE, Reason.REPUTATION),
    (None, "5.7.26", NOTICE, Reason.AUTH),
    (None, "5.7.606", NOTICE, Reason.REPUTATION),
    (None, "5.7.9", NOTICE, Reason.POLICY),
]


@pytest.mark.parametrize(("code", "status", "phase", "reason"), CODES)
def test_meaning_of_a_bare_code(code: int | None, status: str, phase: Phase, reason: Reason) -> None:
    """B17: where nothing says why, the reason is unknown and nobody is stopped for it."""
    verdict = classify(code, status, "", phase)
    assert verdict.reason == reason, verdict.rule


def test_docomo_says_the_same_twice_and_means_two_things() -> None:
    """F3."""
    at_rcpt = classify(550, "", "Unknown user", RCPT, DOCOMO)
    after_data = classify(550, "", "Unknown user", DOT, DOCOMO)
    assert (at_rcpt.kind, at_rcpt.reason) == (Kind.HARD, Reason.USER_UNKNOWN)
    assert (after_data.kind, after_data.reason) == (Kind.REFUSED, Reason.REFUSED)
    # Another company's server says what it means.
    assert classify(550, "", "Unknown user", DOT, "mx.example.jp").reason == Reason.USER_UNKNOWN
    assert classify(550, "", "Unknown user", DOT, "mx.notdocomo.ne.jp").reason == Reason.USER_UNKNOWN
    assert classify(552, "", "", DOT, DOCOMO).reason == Reason.MAILBOX_FULL


def test_every_reason_has_its_kind() -> None:
    """B11: kinds as the report shows them; a block never burns an address."""
    assert set(KINDS) == set(Reason)
    blocks = {reason for reason, kind in KINDS.items() if kind is Kind.BLOCK}
    assert blocks == {Reason.REPUTATION, Reason.AUTH, Reason.SPAM_CONTENT, Reason.TOO_LARGE, Reason.POLICY}
    assert {reason for reason, kind in KINDS.items() if kind is Kind.HARD} == {Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN}


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (550, "5.1.1", Kind.HARD),
        (450, "4.1.1", Kind.SOFT),
        (450, "5.1.1", Kind.SOFT),
        (550, "4.1.1", Kind.HARD),
        (None, "4.1.1", Kind.SOFT),
        (None, "5.1.1", Kind.HARD),
        (None, "", Kind.HARD),
    ],
)
def test_temporary_code_makes_no_address_dead(code: int | None, status: str, kind: Kind) -> None:
    verdict = classify(code, status, "user unknown", RCPT)
    assert (verdict.reason, verdict.kind) == (Reason.USER_UNKNOWN, kind)


def test_words_inside_an_address_mean_nothing() -> None:
    text = "5.1.1 <spam.virus.quota-full@blocked-using-rbl.example>: User unknown"
    assert classify(550, "5.1.1", text, RCPT).reason == Reason.USER_UNKNOWN
    text = "5.2.2 user-unknown@example.jp mailbox is full"
    assert classify(550, "5.2.2", text, RCPT).reason == Reason.MAILBOX_FULL


def test_unspecific_status_yields_to_the_one_in_the_text() -> None:
    assert classify(550, "5.0.0", "5.2.2 no", NOTICE).reason == Reason.MAILBOX_FULL
    assert classify(550, "5.0.0", "no", NOTICE).reason == Reason.UNKNOWN


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("5.1.1 no", "5.1.1"),
        ("  4.2.2\tfull", "4.2.2"),
        ("550 5.1.1 no", "5.1.1"),
        ("550-5.7.26 no", "5.7.26"),
        ("smtp; 550 5.1.1 no", "5.1.1"),
        ("<a@b.example>: 5.1.1 no", "5.1.1"),
        ("<a@b.example> 550 5.1.1 no", ""),
        ("#5.1.0 no", "5.1.0"),
        ("no mailbox here (#5.1.1)", "5.1.1"),
        ("5.7.511", "5.7.511"),
        ("3.1.1 no", ""),
        ("5.1.1.1 is no code", ""),
        ("Postfix 5.1.1", ""),
        ("", ""),
        ("2.0.0 ok", "2.0.0"),
    ],
)
def test_finds_the_enhanced_status(text: str, status: str) -> None:
    assert enhanced_status(text) == status


def test_table_is_in_good_order() -> None:
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names))
    assert all(len(name) <= 60 and rule.source for name, rule in zip(names, RULES, strict=True))
    # Texts are compared in lower case.
    assert all(phrase == phrase.lower() for rule in RULES for phrase in rule.says)
    assert all(pattern == pattern.lower() or "\\S" in pattern for rule in RULES for pattern in rule.patterns)
    last = RULES[-1]
    assert last == Rule(last.name, last.reason, last.source)


def test_every_rule_is_met_by_an_example() -> None:
    met = {
        classify(code, enhanced_status(text), text, phase, host).rule for code, text, phase, host, _reason in REPLIES
    }
    met |= {classify(code, status, "", phase).rule for code, status, phase, _reason in CODES}
    met |= {ask(text).rule for text, _reason in EXAMPLES}
    assert {rule.name for rule in RULES} - met == set()


@given(
    code=st.none() | st.integers(-1, 10_000),
    status=st.text(max_size=12),
    text=st.text(max_size=300),
    phase=st.sampled_from(list(Phase)),
    host=st.text(max_size=40),
)
def test_any_reply_gets_a_verdict(code: int | None, status: str, text: str, phase: Phase, host: str) -> None:
    verdict = classify(code, status, text, phase, host)
    assert verdict == classify(code, status, text, phase, host)
    assert verdict.kind in Kind.values
    assert enhanced_status(text) == enhanced_status(text)


@pytest.mark.parametrize(
    "piece",
    [
        "user ",
        "a",
        "a@",
        "<",
        "mailbox has been a b c ",
        "message too ",
        "5.1.1 ",
        "spf ",
        "あ",
        "host host ",
        "violates",
    ],
)
def test_hostile_text_costs_little_time(piece: str) -> None:
    # The processor's time: other work on the machine is not the reader's.
    began = time.process_time()
    classify(550, "", piece * (1_000_000 // len(piece)), DOT, DOCOMO)
    assert time.process_time() - began < 0.1

"""What replies say about the message: its form, its content, its size, and who may send it on.

These rows stand before those about the recipient, so that a block is never taken for a dead address.
"""

from typing import Final

from mta.rules.rule import Rule
from mta.verdicts import Reason

RULES: Final = (
    Rule(
        "malformed",
        Reason.POLICY,
        "RFC 5322 section 3.6",
        says=(
            "line length",
            "malformed",
            "improper use of",
            "smtputf8",
        ),
        patterns=(
            r"not rfc ?\d* ?(?:5322 |2822 |822 )?complian",
            r"rfc ?-?(?:5322|2822|822|2047|5321|2821)\b.{0,40}(?:complian|violat|conform|valid)",
            r"(?:violates|non-?compliant|not compl\w+|not conform\w*|does not conform).{0,20}rfc",
            r"multiple (?:\S+ ){0,2}(?:addresses in from|from|subject|headers?)",
            (
                r"(?:missing|invalid|malformed|duplicate|improper|no|illegal|bad|broken) (?:\S+ )?(?:message-?id|date"
                r"|from|to|subject)?[: ]{0,2}(?:header|field)s?\b"
            ),
            "bare (?:lf|cr|newline|linefeed|<cr>|<lf>)",
            "8-?bit .{0,20}not",
            "non-? ?rfc",
            "line (?:is )?too long",
            r"lines? (?:length )?exceed\w*",
            "header (?:line |field |section )?(?:is )?too (?:long|large)",
            "missing message-?id",
            "invalid (?:mime|charset|content-type)",
        ),
    ),
    Rule(
        "virus",
        Reason.SPAM_CONTENT,
        "common replies of content filters",
        says=(
            "malware",
            "infected",
            "phish",
            "trojan",
            "ransomware",
            "ウイルス",
            "ウィルス",
        ),
        patterns=(
            r"\bvirus(?:es)?\b",
            r"\bworm\b",
            r"\bclamav",
        ),
    ),
    Rule(
        "spam",
        Reason.SPAM_CONTENT,
        "common replies of content filters",
        says=(
            "looks like spam",
            "unsolicited",
            "迷惑メール",
            "スパム",
        ),
        patterns=(
            r"\bspam\b",
            "spam ?(?:message|content|detect|score|assassin|filter|signature)",
            r"\bspammy\b",
            "junk ?(?:e-?)?mail",
            "considered (?:as )?junk",
            r"\bube\b",
            r"\buce\b",
            r"\bbulk (?:e-?)?mail\b",
        ),
    ),
    Rule(
        "content",
        Reason.SPAM_CONTENT,
        "common replies of content filters",
        says=("too many attachments", "content reject", "content denied", "malicious", "bayesian"),
        patterns=(
            (
                r"content.{0,30}(?:rejected|refused|denied|not (?:accepted|allowed|acceptable)|blocked|violat\w*"
                r"|unacceptable|restrict\w*|prohibited|presents a potential|filter)"
            ),
            "because (?:of )?(?:its|the) (?:content|attachment)",
            (
                "(?:illegal|prohibited|forbidden|blocked|suspicious|banned|dangerous|unacceptable|executable"
                "|bad) (?:file |message )?(?:attachments?|url|link|content|extension|file|words?|subject)"
            ),
            (
                r"attach(?:ment|ed file)s?.{0,60}(?:not allowed|not permitted|blocked|rejected|prohibited|not accept\w*|denied"
                "|restricted|forbidden|removed|unacceptable)"
            ),
            r"(?:not accept|block|refus|reject|den[iy])\w* .{0,30}attachment",
            "rejected by (?:the )?(?:content|message|header) (?:filter|scanner|check)",
            "rejected.{0,20}(?:header|body) check",
            "(?:url|link)s? .{0,30}(?:blocked|blacklist|listed|reject)",
            "内容.{0,10}拒否",
            "添付ファイル.{0,16}(?:拒否|制限|禁止|許可|できま)",
        ),
    ),
    Rule(
        "too-large",
        Reason.TOO_LARGE,
        "RFC 1870 section 6",
        says=("trop volumineux",),
        patterns=(
            (
                r"\b(?:message|mail|e-?mail|body|header|data|file|attachment|msg"
                r"|content)s?\b (?:\S+ ){0,4}?too (?:large|big|long|huge)(?! in (?:the )?queue)"
            ),
            (
                r"\b(?:message|mail|e-?mail|data|content|body|file|msg)(?:'s)? (?:file )?(?:size"
                r"|length)\b.{0,50}(?:exceed|too|limit|maximum|over|larger|greater|not allowed|violat)"
            ),
            (
                r"(?:message|mail|e-?mail|body|data)s? (?:\S+ ){0,2}exce+d\w* (?:\S+ ){0,5}(?:size|limit|maximum"
                r"|length|bytes|[kmg]b)\b"
            ),
            "too (?:large|big) (?:a )?(?:message|mail|e-?mail|body|data)",
            (
                r"(?<!box )\bsize (?:of (?:the |this |your )?(?:\S+ )?(?:message|mail|e-?mail) "
                r"|limit )(?:\S+ ){0,4}?(?:exceed|larger|over|too)"
            ),
            r"exce+d\w* (?:the )?(?:\S+ ){0,4}(?:message|mail|e-?mail|inbound|data) (?:size|length)",
            r"(?:exceeds|over|above) (?:the |fixed |our |server )?(?:\S+ )?size limit",
            "maximum (?:allowed )?(?:message|mail|e-?mail|document) size",
            r"larger than (?:the |maximum |\d)",
            "message .{0,20}(?:is )?larger than",
            "サイズ.{0,12}(?:超|制限|大き)",
        ),
    ),
    Rule(
        "tls-required",
        Reason.POLICY,
        "RFC 3207 section 4, RFC 7672",
        says=("must issue a starttls",),
        patterns=(
            r"(?:\btls\b|encryption|starttls|encrypted) (?:\S+ ){0,2}(?:required|needed|mandatory|must)",
            r"(?:require|need|force)s? (?:\S+ )?(?:tls|encrypt\w*|starttls)\b",
            "tls (?:is )?(?:required|needed)",
            "not sent over (?:a )?tls",
            "starttls (?:is )?(?:not (?:supported|offered|available|advertised)|refused|failed)",
        ),
    ),
    Rule(
        "relay-denied",
        Reason.POLICY,
        "RFC 5321 section 3.6.2",
        says=(
            "not relaying",
            "we do not relay",
            "client was not authenticated",
            "non-accepted domain",
            "no relay",
        ),
        patterns=(
            (
                r"relay\w* (?:\S+ )?(?:is |was |not )?(?:denied|not (?:allowed|permitted|authori[sz]ed|support\w*"
                "|possible)|prohibited|disallowed|rejected|refused|forbidden|blocked|attempt)"
            ),
            (
                "(?:unable|not (?:able|permitted|allowed|authori[sz]ed)|cannot|can't|won't|will not|do(?:es)? not"
                r"|refus\w+|may not|don't|denied|no|deny) (?:to |the )?relay\w*"
            ),
            "isn'?t in my list of (?:permitted|allowed) rcpthosts",
            "not (?:in |on )?(?:my |our )?(?:list of )?rcpthosts",
            "(?:smtp |client )?authentication (?:is )?(?:required|needed|failed|credentials)",
            r"(?:smtp|requires?|need|use|without|turn on smtp) auth\w*",
            "must (?:first )?(?:be authenticated|authenticate|check for new mail|pop|log ?in)",
            r"use (?:me|us|this (?:server|host|system))\b.{0,60} as an? (?:\S+ )?relay",
            "authenticate (?:first|before)",
            r"\bcredentials\b",
            "not a (?:local|recognised|recognized|authori[sz]ed) (?:domain|relay)",
            "not (?:a )?(?:gateway|local mail|hosted here)",
            "check (?:your )?(?:mail )?(?:before|for new mail) (?:first|before)",
            "domain (?:is )?not (?:hosted|handled|served|local|accepted)",
            "don't handle (?:mail )?for",
        ),
    ),
    Rule(
        "members-only",
        Reason.POLICY,
        "mailing lists: who may post",
        says=(
            "not member",
            "not allowed to post",
        ),
        patterns=(
            "not a member of (?:this|the) (?:mailing )?(?:list|group|ml)",
            "members? only",
            r"only (?:\S+ )?(?:members|subscribers) (?:may|can|are allowed)",
            "moderat(?:ed|or)",
            "you are not (?:a |allowed )?(?:member|to post)",
        ),
    ),
)

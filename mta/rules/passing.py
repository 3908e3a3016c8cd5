"""What replies say about trouble that passes, and refusals that name no cause."""

from typing import Final

from mta.rules.rule import BEFORE_RCPT, PERMANENT_CODES, Rule
from mta.verdicts import Reason

TROUBLE: Final = (
    Rule(
        "loop",
        Reason.TEMPORARY,
        "RFC 5321 section 6.3",
        says=(
            "mail loop",
            "hop count",
            "maximum allowed times",
            "it already has my delivered-to",
            "lowest numbered mx",
        ),
        patterns=(
            r"\bloop(?:s|ing)?\b",
            "too many (?:hops|received)",
            r"too many \"?received",
            "points? back to",
            r"is the local host\b",
            "duplicated? message-?id",
            "(?<!グ)ループ(?!へ)",
        ),
    ),
    Rule(
        "greylist",
        Reason.TEMPORARY,
        "RFC 6647",
        says=("veuillez essayer plus tard",),
        patterns=(
            "gr[ea]y ?-?list",
            "try (?:your message |it )?(?:again|later)",
            "(?:please )?(?:retry|come back) later",
            "temporar(?:ily|y) (?:deferred|unavailable|rejected|reject|refused|failure|error|problem|local)",
            "しばらく(?:して|経って|たって|待って)",
            "時間を(?:お|置)いて",
        ),
    ),
    Rule(
        "expired",
        Reason.TEMPORARY,
        "RFC 5321 section 4.5.4.1",
        says=(
            "delivery time expired",
            "queue too long",
            "aborted after",
            "giving up",
            "lifetime exceeded",
            "gave up",
            "undelivered for",
            "could not find a gateway",
            "配送期限",
            "期限切れ",
        ),
        patterns=(
            r"(?:message|mail|delivery|queue|retry|envelope) (?:\S+ ){0,4}?(?:expired|timed? ?-?out|time ?-?out)",
            (
                r"(?:could not|couldn't|cannot|unable to|not) (?:be )?deliver\w* (?:\S+ ){0,6}?(?:days?|hours?|minutes"
                r"|too long)\b"
            ),
            "retry (?:time|timeout)",
            "in (?:the |my )?queue",
            r"(?:cannot|can't|could not|unable to) send (?:the |your )?(?:message|mail) (?:\S+ ){0,3}(?:days|hours|minutes)\b",
            r"failed \d+ (?:attempts|times)",
            r"after \d+ (?:attempts|tries|hours|days)",
            r"attempted for \d+ (?:hours|days)",
            "maximum (?:delivery |retry |number of )?(?:time|attempts|retries)",
            "(?:再送|再試行)(?:の)?期限",
            "(?:配送|配信|再送)を(?:中止|終了|断念|あきらめ)",
        ),
    ),
    Rule(
        "network",
        Reason.TEMPORARY,
        "RFC 3463 section 3.5",
        says=(
            "no route to host",
            "lost connection",
            "socket error",
            "host lookup did not complete",
            "no host found for existing",
            "broken pipe",
            "no connection could be made",
            "connection attempt failed",
            "terminated the connection",
            "winsock error",
            "_connect error",
            "address family mismatch",
            "no valid route",
        ),
        patterns=(
            (
                r"connection (?:to \S+ )?(?:was |has |been )*(?:timed? ?out|timeout|refused|reset|lost|dropped|closed"
                "|died|failed|aborted|terminated)"
            ),
            r"conversation with \S+ timed out",
            "network (?:is )?(?:unreachable|error)",
            r"host (?:is |was )?(?:down|unreachable|not (?:reachable|available|respond\w*))",
            r"(?:no|not) (?:answer|respon\w+)",
            "timed? ?-?out",
            "did not (?:answer|accept our requests|respond)",
            "(?:unable|not able|failed|fail|could ?n[o']t|cannot) to (?:connect|establish)",
            "(?:could ?n[o']t|cannot|can't) (?:connect|establish|be reached|reach)",
            "unexpected(?:ly)? (?:dropped|disconnect|eof|close)",
            "all (?:hosts|routes)",
            r"\bconnect(?:\(\))? (?:failed|error)",
            "closed (?:the )?connection",
            "接続.{0,6}(?:でき|失敗|切断|タイムアウト)",
        ),
    ),
    Rule(
        "tls-trouble",
        Reason.TEMPORARY,
        "RFC 3207 section 4.1",
        patterns=(
            (
                r"(?:\btls\b|\bssl\b|certificate|handshake).{0,30}(?:fail|error|not available|not trusted|verif"
                "|mismatch|expired|invalid)"
            ),
        ),
    ),
    Rule(
        "system",
        Reason.TEMPORARY,
        "RFC 3463 section 3.4",
        says=(
            "out of memory",
            "not accepting network messages",
            "command time limit",
            "callout verification failure",
            "input/output error",
            "queue file write error",
            "transaction failed",
            "permission denied",
            "メンテナンス",
        ),
        patterns=(
            (
                "(?:system|server|service|resources?|disk|ldap|database|backend|host|lookup"
                r"|delivery) (?:\S+ ){0,3}?(?:errors?|failure|failed|busy|unavailable|not available|full|overload\w*"
                r"|maintenance|shutting down|problems?|trouble|stopped)\b"
            ),
            (
                "(?:local|internal|temporary|configuration|processing|software|lookup|unexpected|unknown|program"
                r"|protocol|permanent) (?:\S+ ){0,2}?(?:error|failure|problem)"
            ),
            "insufficient (?:system|resources)",
            "failed to (?:expand|load|open|process|queue|stat)",
            "transport (?:is )?(?:unavailable|error)",
            r"unable to set (?:\S+ ){0,3}for (?:local )?delivery",
            "一時的に(?:利用|使用|受信|接続)",
            "can(?:not|'t) open",
            "(?:unable to|cannot|could not) (?:contact|process|open)",
            "一時的な?(?:障害|エラー)",
            "サーバー?.{0,8}(?:エラー|障害)",
        ),
    ),
)

REFUSALS: Final = (
    Rule(
        "policy",
        Reason.POLICY,
        "common replies of MTAs",
        says=(
            "prohibited",
            "security",
            "ポリシー",
            "許可されて",
            "制限されて",
        ),
        patterns=(
            r"polic(?:y|ies)\b",
            "not (?:authori[sz]ed|permitted|allowed|accepted|acceptable|welcome)",
            "(?:access|permission) denied",
            r"administrat\w+ (?:prohibit\w*|denied|blocked|reject\w*)",
            "restrict(?:ed|ion)",
            "unauthori[sz]ed",
        ),
    ),
    Rule(
        "protocol",
        Reason.POLICY,
        "RFC 5321 section 4.2.3: 500–504",
        says=(
            "syntax error",
            "nested mail",
            "protocol violation",
        ),
        patterns=(
            r"(?:bad|improper|out of|wrong|incorrect) (?:\S+ )?sequence",
            (
                r"(?:command|parameter|verb|option) (?:\S+ ){0,3}?(?:not (?:implemented|recogni[sz]ed|understood"
                "|supported)|unrecogni[sz]ed|unknown)"
            ),
            "unrecogni[sz]ed command",
            "need (?:mail|rcpt|helo)",
        ),
    ),
    Rule(
        "refused-by-server",
        Reason.POLICY,
        "common replies of MTAs",
        says=("拒否",),
        patterns=(
            (
                r"(?:message|mail|connection|delivery|transaction|e-?mail|recipient|request) (?:\S+ ){0,3}?(?:refus\w*"
                r"|reject\w*|denied|blocked|declined|not accepted)"
            ),
            r"(?:reject|refus|den|block)(?:ed|ing|s)\b",
            r"not accept(?:ed|ing)?\b",
        ),
    ),
    Rule(
        "refused-before-rcpt",
        Reason.POLICY,
        "RFC 5321 section 3.3: the recipient is not named yet",
        codes=tuple(code for code in PERMANENT_CODES if code not in (521, 552, 556)),
        phases=BEFORE_RCPT,
    ),
)

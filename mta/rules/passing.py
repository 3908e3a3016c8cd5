"""What replies say about trouble that passes, and refusals that name no cause."""

from typing import Final

from mta.rules.rule import BEFORE_RCPT, PERMANENT_CODES, Rule
from mta.verdicts import Reason

TROUBLE: Final = (
    Rule("loop", Reason.TEMPORARY, "RFC 5321 section 6.3", text=r"mail loop|\bloop(?:s|ing)?\b|too many (?:hops|received)|hop count|maximum allowed times|too many \"?received|(?<!グ)ループ(?!へ)|it already has my delivered-to|duplicated? message-?id"),
    Rule("greylist", Reason.TEMPORARY, "RFC 6647", text=r"gr[ea]y ?-?list|try (?:your message |it )?(?:again|later)|(?:please )?(?:retry|come back) later|temporar(?:ily|y) (?:deferred|unavailable|rejected|reject|refused|failure|error|problem|local)|veuillez essayer plus tard|しばらく(?:して|経って|たって|待って)|時間を(?:お|置)いて"),
    Rule("expired", Reason.TEMPORARY, "RFC 5321 section 4.5.4.1", text=r"(?:message|mail|delivery|queue|retry|envelope) (?:\S+ ){0,4}?(?:expired|timed? ?-?out|time ?-?out)|(?:could not|couldn't|cannot|unable to|not) (?:be )?deliver\w* (?:\S+ ){0,6}?(?:days?|hours?|minutes|too long)\b|retry (?:time|timeout)|delivery time expired|queue too long|in (?:the |my )?queue|failed \d+ (?:attempts|times)|after \d+ (?:attempts|tries|hours|days)|aborted after|giving up|gave up|undelivered for|maximum (?:delivery |retry |number of )?(?:time|attempts|retries)|could not find a gateway|delivery failed \d|配送期限|再送(?:の)?期限|期限切れ"),
    Rule("network", Reason.TEMPORARY, "RFC 3463 section 3.5", text=r"connection (?:to \S+ )?(?:was |has |been )*(?:timed? ?out|timeout|refused|reset|lost|dropped|closed|died|failed|aborted|terminated)|conversation with \S+ timed out|no route to host|network (?:is )?(?:unreachable|error)|host (?:is |was )?(?:down|unreachable|not (?:reachable|available|respond\w*))|(?:no|not) (?:answer|respon\w+)|timed? ?-?out|lost connection|did not (?:answer|accept our requests|respond)|(?:unable|not able|failed|fail|could ?n[o']t|cannot) to (?:connect|establish)|(?:could ?n[o']t|cannot|can't) (?:connect|establish|be reached|reach)|socket error|broken pipe|unexpected(?:ly)? (?:dropped|disconnect|eof|close)|address family mismatch|no valid route|all (?:hosts|routes)|接続(?:でき|に失敗)"),
    Rule("tls-trouble", Reason.TEMPORARY, "RFC 3207 section 4.1", text=r"(?:\btls\b|\bssl\b|certificate|handshake).{0,30}(?:fail|error|not available|not trusted|verif|mismatch|expired|invalid)"),
    Rule("system", Reason.TEMPORARY, "RFC 3463 section 3.4", text=r"(?:system|server|service|resources?|disk|ldap|database|backend|host|lookup|delivery) (?:\S+ ){0,3}?(?:errors?|failure|failed|busy|unavailable|not available|full|overload\w*|maintenance|shutting down|problems?|trouble|stopped)\b|(?:local|internal|temporary|configuration|processing|software|lookup|unexpected|unknown|program|protocol|permanent) (?:\S+ ){0,2}?(?:error|failure|problem)|insufficient (?:system|resources)|out of memory|queue file write error|command died|could not load|transaction failed|failed to (?:expand|load|open|process|queue)|can(?:not|'t) open|unable to (?:contact|process|open)|permission denied|recipient error|メンテナンス|一時的な?(?:障害|エラー)|サーバー?.{0,8}(?:エラー|障害)"),
)  # fmt: skip

REFUSALS: Final = (
    Rule("policy", Reason.POLICY, "common replies of MTAs", text=r"polic(?:y|ies)\b|not (?:authori[sz]ed|permitted|allowed|accepted|acceptable|welcome)|(?:access|permission) denied|administrat\w+ (?:prohibit\w*|denied|blocked|reject\w*)|prohibited|security|restrict(?:ed|ion)|unauthori[sz]ed|ポリシー|許可されて|制限されて"),
    Rule("protocol", Reason.POLICY, "RFC 5321 section 4.2.3: 500–504", text=r"(?:bad|improper|out of|wrong|incorrect) (?:\S+ )?sequence|syntax error|(?:command|parameter|verb|option) (?:\S+ ){0,3}?(?:not (?:implemented|recogni[sz]ed|understood|supported)|unrecogni[sz]ed|unknown)|unrecogni[sz]ed command|need (?:mail|rcpt|helo)|nested mail|remote protocol error"),
    Rule("refused-by-server", Reason.POLICY, "common replies of MTAs", text=r"(?:message|mail|connection|delivery|transaction|e-?mail|recipient|request) (?:\S+ ){0,3}?(?:refus\w*|reject\w*|denied|blocked|declined|not accepted)|service refused|(?:reject|refus|den|block)(?:ed|ing|s)\b|not accept(?:ed|ing)?\b|拒否"),
    Rule("refused-before-rcpt", Reason.POLICY, "RFC 5321 section 3.3: the recipient is not named yet", codes=tuple(code for code in PERMANENT_CODES if code not in (521, 552, 556)), phases=BEFORE_RCPT),
)  # fmt: skip

"""What replies say about the sender and the way a mail came; none of it is the address's fault.

These rows stand before those about the recipient, so that a block is never taken for a dead address.
"""

from typing import Final

from mta.rules.rule import BEFORE_RCPT, PERMANENT_CODES, Rule
from mta.verdicts import Reason

AUTHENTICATION: Final = (
    Rule(
        "dmarc",
        Reason.AUTH,
        "RFC 7489 section 10.3",
        patterns=(r"\bdmarc",),
    ),
    Rule(
        "unauthenticated",
        Reason.AUTH,
        "Gmail and Yahoo sender rules",
        says=(
            "sender authentication fail",
            "authentication information",
            "aligned with",
            "なりすまし",
            "送信ドメイン認証",
        ),
        patterns=(
            "not pass(?:ing)? authentication",
            "failed? (?:sender )?authentication checks",
            "authentication checks? failed",
            r"fails? to pass (?:\S+ )?authentication",
            "unauthenticated (?:e-?mail|message)",
            r"not authori[sz]ed to (?:send|use) (?:\S+ ){0,6}(?:from|domain|ip|behalf|as)\b",
            r"\bspoof",
            "(?:spf|dkim|dmarc).{0,10}(?:失敗|拒否|エラー)",
        ),
    ),
    Rule(
        "spf",
        Reason.AUTH,
        "RFC 7208 section 8.4",
        says=(
            "sender policy framework",
            "does not designate",
            "openspf",
        ),
        patterns=(
            (
                r"\bspf\b.{0,80}(?:fail|didn'?t pass|unauthori[sz]ed|prohibit|not pass|reject|invalid|check|error"
                "|record|-all)"
            ),
            r"(?:fail\w*|reject\w*|violat\w*|due to|because of).{0,40}\bspf\b",
            "not (?:a |designated as )?permitted sender",
            r"\bno (?:\S+ )?spf\b",
        ),
    ),
    Rule(
        "dkim",
        Reason.AUTH,
        "RFC 6376 section 6.3",
        patterns=(
            r"\bdkim\b.{0,60}(?:fail|missing|invalid|not|bad|reject)",
            r"(?:fail\w*|invalid|missing|bad|valid|no) dkim\b",
        ),
    ),
)

REPUTATION: Final = (
    Rule(
        "reverse-dns",
        Reason.REPUTATION,
        "RFC 7372 section 3.3 and postmaster pages",
        says=(
            "unverifiable sending ip",
            "unresolvable",
            "forged hostname",
            "逆引き",
        ),
        patterns=(
            r"\bptr\b",
            "reverse[- ](?:dns|hostname|host name|lookup|mapping|address|resolution|ip)",
            (
                "(?:cannot|could not|can't|unable to) (?:find|resolve) (?:your (?:reverse |client |sending )?(?:host"
                "|ip|address|server|dns|ptr)|hostname|reverse|the ip|address)"
            ),
            r"\brdns\b",
            r"mismatch\w* (?:\S+ ){0,2}client ip",
            "(?:ip|client) name (?:lookup failed|possibly forged)",
            "client (?:host|ip|name) (?:is )?unknown",
            "(?:unknown|unresolved) (?:client|sending|source) ",
            "from (?:an? )?(?:unknown|unidentified) (?:host|client|server|ip|domain)",
            (
                r"your (?:host|ip|domain|client|server|mail server)(?: ?name)?(?: address)?\b.{0,40}(?:unknown|not found|not exist"
                r"|n[o']t resolv|invalid|no (?:mx|dns|a)\b)"
            ),
            "not resolve to (?:a |the )?(?:hostname|host name|ip)",
        ),
    ),
    Rule(
        "helo",
        Reason.REPUTATION,
        "RFC 5321 section 4.1.4",
        patterns=(
            (
                r"(?:helo|ehlo)\b.{0,60}(?:reject|denied|invalid|not found|not resolve|not map|bad|mismatch|fully"
                "|fqdn|require|should|must|forged|unknown)"
            ),
            r"(?:bad|invalid|forged|bogus|fake|improper) (?:\S+ )?(?:helo|ehlo)\b",
        ),
    ),
    Rule(
        "rate",
        Reason.RATE_LIMITED,
        "common replies of MTAs",
        says=(
            "throttl",
            "frequency limit",
            "slow down",
            "temporarily limited",
            "流量制限",
            "同時接続数",
        ),
        patterns=(
            (
                r"too many (?:\S+ )?(?:connections?|concurrent|simultaneous|messages|mails|e?-?mails?|recipients"
                "|sessions|errors|requests|smtp|rcpts?|failures|attempts|commands|deliveries)(?! (?:in|on) (?:the |this "
                "|user'?s? )?(?:mailbox|inbox|server))"
            ),
            "too much (?:mail|traffic)",
            "rate[- ]?(?:limit|control)",
            r"(?:sending|message|delivery|mail|connection|submission|recipient)s? rate\b",
            "sending too (?:fast|quickly|many|much)",
            (
                r"exceed\w* (?:the |your |its |max |maximum |allowed )*(?:number of (?:messages|connections|recipients"
                r"|e?mails|sessions)|messages?\b.{0,20}\bper|connections?\b|recipients?\b(?!'s)|hourly|daily"
                "|max defers|rate)"
            ),
            r"(?:sending|send|daily|hourly|connection|concurrency|outbound|thread) (?:\S+ )?(?:limit|quota)",
            "recipients? (?:count |rate )?limit",
            "(?:number|limit) of (?:rcpts?|recipients|connections|messages|mails|e-?mails) (?:per|on|from|exceed)",
            "limit on (?:the )?number of",
            "(?:excessive|high|unusual|suspicious) (?:volume|traffic|rate|number of (?:messages|connections|recipients))",
            "max(?:imum)? (?:number of )?(?:connections|recipients|concurrent)",
            "送信(?:数|量)[のがを]?(?:制限|上限|超過)",
        ),
    ),
    Rule(
        "block-list",
        Reason.REPUTATION,
        "DNS block lists, RFC 5782",
        says=(
            "blocked using",
            "ブラックリスト",
        ),
        patterns=(
            (
                r"\b(?:spamhaus|spamcop|sorbs|barracuda|cloudmark|senderscore|senderbase|dnsbls?|dnswl|rbl\w?|uceprotect"
                r"|invaluement|surbl|uribl|abuseat|backscatterer|manitu|blocklist\.de|proofpoint|brightmail"
                r"|trustedsource|hostkarma|abusix\w*)\b"
            ),
            r"\b[sx]bl\b",
            r"(?<!may be )\b(?:black|block|deny)[- ]?list(?:ed|ing)?\b(?! of (?:the )?(?:recipient|user))",
            (
                "(?:is|are|been|was|found|address|ip|currently) listed (?:in|on|by|at) (?!(?:the |our "
                r"|any )?(?:\S+ )?(?:address ?book|directory|domino))"
            ),
            # An address of the net, listed by somebody.
            r"\d{1,3}(?:\.\d{1,3}){3}[\])>]?,? (?:is )?(?:currently )?(?:black|block)?listed\b",
            r"\bin (?:a|an|the|our) (?:black|block) ?list\b",
        ),
    ),
    Rule(
        "address-of-ours",
        Reason.REPUTATION,
        "common replies of MTAs",
        says=(
            "reputation",
            "spammer",
            "spamming",
            "smtp server of your isp",
            "too much spam",
        ),
        patterns=(
            (
                "(?:banned|blocked|bad|poor|denied|rejected|refused|dynamic|residential|suspicious"
                r"|untrusted) (?:sending |source |sender )?(?:ip|client|host|network)\b"
            ),
            (
                r"(?:\bip\b|client|host|server|network|your domain) (?:address )?(?:\S{1,60} ){0,2}?(?:(?:is|has been"
                "|was|are|temporarily|permanently|currently) ){0,2}(?:blocked|banned|blacklisted|rejected|denied"
                # Postfix: "host … refused to talk to me: …" goes before any reply to its greeting.
                r"|refused|blocklisted|barred)\b(?! to talk)(?! (?:to accept|the |your )?(?:recipient|address|message|mail|rcpt"
                "|your))"
            ),
            (
                r"your (?:ip|network|server|host|mail server|domain|isp|system) (?:\S+ ){0,6}(?:block|ban|list|refus"
                "|reject|den[iy])"
            ),
            r"not allowed to (?:connect|send)(?! (?:\S+ ){0,2}to )",
            r"connection (?:refused|rejected|denied|blocked|declined) (?:by|due|because|for|per) (?:\S+ )?polic",
            "dial-?up",
            "open (?:mail )?(?:relay|proxy)",
            "spam ?trap",
            "spam ?(?:source|host|server|ip)",
            (
                "(?:mail|messages?|connections?|access) from (?:your |this |the )?(?:ip|host|server|network|domain"
                r"|address|isp|mail server|\[?\d[\d.]+\]?)\b.{0,40}(?:refus|reject|den[iy]|block|not (?:accept|allow"
                "|permit))"
            ),
            (
                r"(?:no|not|don't|do not|won't|will not) (?:accept|access)\w* (?:\S+ )?(?:mail |e-?mails? |messages? "
                r"|connections? )?from (?:your|this|mail server|dynamic|\[)"
            ),
            "abus(?:e|ive) (?:detected|from|prevention)",
            r"invalid ip$|dynamic address$",
            "directory harvest",
            "(?:too many|much) unwanted (?:messages|mail)",
            "(?:excessive|too many) (?:unknown|invalid|bad|non-?existent) (?:users|recipients|addresses)",
            "not authori[sz]ed to send (?:e-?mail|mail) directly",
            "サーバー?から(?:の|は).{0,20}拒否",
        ),
    ),
    Rule(
        "complaints",
        Reason.REPUTATION,
        "postmaster pages",
        says=(
            "user complaints",
            "complaint rate",
            "spam complaints",
            "苦情",
        ),
        patterns=(r"\bcomplaints (?:from|about|received)",),
    ),
)

SENDER: Final = (
    Rule(
        "sender-address",
        Reason.POLICY,
        "common replies of MTAs",
        says=(
            "sending domain",
            "domain of sender",
            "domain name in from",
            "purported responsible",
            "verification failed for",
            "callback setup failed",
            "sending account",
            "originator",
            "sender address has null mx",
            "差出人",
        ),
        patterns=(
            (
                r"sender(?:'s)?[ -]?(?:e-?mail )?(?:address |domain |verif\w+ |id )?(?:is |was |not )?(?:rejected"
                r"|denied|refused|not allowed|not accepted|fail\w*|unknown|invalid|blocked|not found|does not exist"
                r"|must|verif\w+ fail\w*|unverif\w+|validation|authenti\w+ required)"
            ),
            (
                "(?:bad|invalid|unknown|unverified|unauthenticated|rejected|blocked|denied|forged|fake|illegal"
                r"|unroute?able|verify|verify the) senders?\b"
            ),
            "return[- ]?path.{0,30}(?:invalid|reject|not|fail|unknown)",
            r"\b(?:in|your) (?:the )?mail ?from\b",
            r"\byour (?:e-?mail )?address (?:is|was|has|does|not)\b",
            r"\b(?:for|of) your (?:domain|address)\b",
            r"mail ?from\b.{0,30}(?:invalid|denied|not exist|not allowed|reject|refused|must)",
            "sender(?:'s)? domain",
            r"\bin (?:the )?from:? (?:header|address|field|line)\b",
            r"(?:invalid|no valid|missing|illegal|bad) from\b",
            (
                r"\bfrom:? (?:address|header|domain|field).{0,30}(?:invalid|reject|not (?:valid|accept|allow|permit)"
                "|refus|den[iy])"
            ),
            r"(?:reject|refus|block)\w* (?:mail |messages? )?from (?:the |this )?(?:sender|domain|address|<>)",
            "envelope[- ](?:from|sender)",
            r"(?:exp[eé]diteur|absender)\b",
            "送信者(?:アドレス|ドメイン)?.{0,12}(?:拒否|不正|確認)",
        ),
    ),
    Rule(
        "unknown-at-mail",
        Reason.POLICY,
        "RFC 5321 section 3.3: the recipient is not named yet",
        says=(
            "unknown",
            "not exist",
            "not found",
            "invalid",
            "no such",
            "rejected",
            "denied",
        ),
        codes=PERMANENT_CODES,
        phases=BEFORE_RCPT,
    ),
)

RULES: Final = (*AUTHENTICATION, *REPUTATION, *SENDER)

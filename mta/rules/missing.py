"""What replies say of an address or a domain that does not exist."""

from typing import Final

from mta.rules.rule import Rule
from mta.verdicts import Phase, Reason

# Who may be missing; an address of the net or of the sender is nobody's mailbox.
_WHO = (
    r"\b(?:user|recipient|rcpt|mail ?box|account|(?<!\bip )(?<!sender )(?<!sender's )(?<!source )(?<!from )address(?:ee)?"
    r"|alias|local ?part|e-?mail|user ?id|customer|person)"
)
# "The recipient's server is not available" is about the server.
_POSSIBLY_HIS = r"(?:'s (?!(?:\S+ )?(?:server|host|system|mta|domain|organization))|(?:\(s\))?:? )"
_IS_MISSING = (
    r"(?:unknown|not? (?:be )?(?:found|exist\w*|known|valid|listed|available|recogni[sz]ed|correct|registered|here"
    r"|present|local|a (?:valid|known)|in (?:the |our )?(?:\S+ )?(?:directory|list|database|table))"
    "|doesn'?t exist|does not (?:exist|appear)|isn'?t (?:known|valid|found)|non-?existent|invalid|undeliverable"
    "|incorrect|misspelled|could not be (?:found|verified)|can(?:not|'t) be (?:found|verified)"
    "|unavailable: possible|you are trying to contact is not valid)"
)
_MISSING = (
    "(?:unknown|invalid|no such|bad|illegal|undeliverable|non-?existent|non existent|incorrect|inexistent|unidentified"
    "|not a valid|no valid)"
)
_ADDRESSEE = (
    "(?:user|recipients?|mail ?box|account|address(?:ee)?|destination|local ?part|person|customer|alias|user ?id"
    r"|to address|e-?mail)\b(?! (?:error|domain|system))"
)

RULES: Final = (
    Rule(
        "rejected-by-user-check",
        Reason.USER_UNKNOWN,
        "Postfix verify(8): the address was found undeliverable",
        says=("undeliverable address",),
        patterns=("unverified address: .{0,80}(?:unknown|no such|not exist|undeliverable)",),
    ),
    Rule(
        "no-such-domain",
        Reason.HOST_UNKNOWN,
        "RFC 5321 section 5.1, RFC 3463 3.2: X.1.2",
        says=(
            "bad destination system",
            "nxdomain",
            "name service error",
            "unrouteable mail domain",
            "host unknown",
        ),
        patterns=(
            (
                "(?:host|domain)(?: name)?(?: or domain name)? (?:is )?(?:unknown|not found|does not exist"
                "|doesn't exist|not exist)"
            ),
            "unknown (?:mail )?(?:host|domain)",
            "illegal (?:host|domain)",
            "no such (?:host|domain)",
            "ドメイン.{0,12}(?:存在しま|見つかりま|不明|ありません)",
        ),
    ),
    Rule(
        "unknown",
        Reason.USER_UNKNOWN,
        "RFC 3463 section 3.2: X.1.1",
        says=(
            "account unavailable",
            "no user here",
            "unrouteable address",
            # French, German, Italian, Russian, Korean, Chinese.
            "utilisateur inconnu",
            "existiert nicht",
            "nicht bekannt",
            "utente sconosciuto",
            "не существует",
            "нет такого",
            "존재하지 않",
            "用戶不存在",
            "用户不存在",
            "邮箱不存在",
        ),
        patterns=(
            # "User … not found", "no such … user".
            rf"{_WHO}{_POSSIBLY_HIS}(?:\S+ ){{0,5}}?{_IS_MISSING}",
            rf"{_MISSING} (?:\S+ ){{0,2}}?{_ADDRESSEE}",
            (
                r"\bno (?:such )?(?:mail ?box|account|user|recipient|person|local user|alias|one) (?:here|by|with"
                r"|found|exist\w*|in|at|named|of)"
            ),
            "there is no (?:such )?(?:user|mailbox|account|one)",
            (
                r"\b(?:user|recipient|customer|person|addressee|<>) (?:\S+ )?(?:does not|does ?n[o']t) have an? "
                r"(?:\S+ )?(?:account|mail ?box|address)\b"
            ),
            "not a (?:valid|known|local) (?:user|recipient|mailbox|address|account)",
            "unknown (?:local[- ]part|to address|recipient name)",
            r"not listed in (?:public )?(?:\S+ )?(?:directory|name|address)",
            "name is not recogni[sz]ed",
            "can'?t accept user",
            "check if (?:the )?(?:address|recipient) is correct",
            # French, German, Spanish and Portuguese, Italian, Russian, Chinese.
            "destinataire (?:inconnu|invalide)",
            "adresse .{0,30}(?:inconnue|invalide|n'existe pas)",
            r"unbekannt(?:er)?\b",
            "usuario desconocido",
            r"no existe\b",
            "(?:adresse|direcci[oó]n|endere[cç]o|cuenta|conta) .{0,10}inexist",
            "(?:usuario|destinatario|destinat[aá]rio) no encontrado",
            r"non esist\w*",
            r"пользовател\S{0,4} .{0,20}не найден",
            "收件人.{0,8}不存在",
            # Japanese.
            "宛先(?:不明|が見つ|が存在|に該当|が(?:ご)?ざいま|.{0,10}見つかりま)",
            (
                "(?:ユーザー?|アドレス|メールボックス|アカウント|受信者|宛先).{0,14}(?:存在しま|見つかりま|不明|ありません"
                "|登録されて|正しく|誤り)"
            ),
            "該当.{0,10}(?:ユーザー?|アドレス)",
        ),
    ),
    Rule(
        "host-unknown",
        Reason.HOST_UNKNOWN,
        "RFC 5321 section 5.1, RFC 7505",
        says=(
            "host/domain does not accept",
            "indicated no smtp service",
            "all relevant mx records",
            "unrouteable",
            "dns error",
        ),
        patterns=(
            (
                # Not across "host … said: …", where another sentence begins.
                r"(?:host|domain|domain name|mail server|server) (?:(?!said)\S+ ){0,5}?(?:not found|unknown(?! error)"
                "|not exist|does not exist|doesn'?t exist|can(?:not|'t) be found|could ?n[o']t be found"
                "|doesn'?t receive e?mail|does not (?:accept|receive) (?:any )?(?:e?mail|messages)|not accept mail"
                "|isn'?t known)"
            ),
            "domain is not reachable",
            (
                "(?:unknown|no such|invalid|bad|unrouteable|nonexistent|non-existent) (?:mail |destination )?(?:host"
                "|domain|system)"
            ),
            r"(?:no|any) (?:mx|valid mx|mail exchanger|mail host|relevant answers|host named|mx or|dns)\b",
            "couldn't find (?:any|a) (?:host|mail exchanger)",
            r"no (?:\S+ )?mx (?:hosts?|records?|found)",
            "null ?mx",
            "no route (?:found )?to (?:server|domain)",
            (
                r"(?:mx|dns|a) (?:or \S+ )?(?:record|entry|lookup|type)s?.{0,30}(?:not found|fail\w*|missing"
                "|no (?:answer|data))"
            ),
            "destination seems? to reject all mails?",
        ),
    ),
)

# Said without a cause; the step tells that it is the recipient who was refused. Where a cause is told after all,
# it is not a missing address.
_NO_CAUSE = "^(?!.*(?:polic|restrict|block|spam|abus|dns|sender|den(?:y|ied)|reputation|not allowed|quota|black)).*?"
REFUSED_AT_RCPT: Final = (
    Rule(
        "recipient-rejected",
        Reason.USER_UNKNOWN,
        "Postfix reject_unlisted_recipient, Cisco ESA",
        patterns=(
            _NO_CAUSE + "(?:address(?:es)?|recipient) rejected",
            _NO_CAUSE + "(?:rejected|refused) (?:the )?(?:recipient|address|rcpt)",
            _NO_CAUSE + "does not like recipient",
        ),
        status=r"(?:[45]\.(?:0\.\d|1\.[01346]))?",
        phases=(Phase.RCPT, Phase.NOTICE),
    ),
    Rule(
        "mailbox-unavailable",
        Reason.USER_UNKNOWN,
        "RFC 5321 section 4.2.3: 550",
        patterns=(
            _NO_CAUSE + "(?:mail ?box|recipient|user) (?:is )?(?:unavailable|not available|unreachable)",
            # RFC 5321 section 4.2.3: 553.
            "mailbox name (?:is )?not allowed",
        ),
        codes=(550, 553),
        phases=(Phase.RCPT, Phase.NOTICE),
    ),
)

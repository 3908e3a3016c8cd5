"""The table that says what replies mean: codes of single providers, then phrases, then RFC 3463, then bare codes.

The first row that fits decides. Rows about the sender stand before rows about the recipient, so that a
block is never taken for a dead address. Texts are lower case, with every address replaced by `<>`.
"""

from dataclasses import dataclass
from typing import Final

from mta.verdicts import Phase, Reason

# Remote hosts of the providers, as in MX records and Remote-MTA fields.
DOCOMO = ("docomo.ne.jp",)
AU = ("ezweb.ne.jp", "au.com", "auone-net.jp")
SOFTBANK = ("softbank.ne.jp", "softbank.jp", "vodafone.ne.jp")
YAHOO_JP = ("yahoo.co.jp",)
GMAIL = ("google.com", "googlemail.com")
ICLOUD = ("icloud.com", "apple.com")
MICROSOFT = ("outlook.com", "hotmail.com")

_AFTER_RCPT = (Phase.DATA, Phase.DOT)


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: what has to fit, what it means, and where the meaning is told.

    `text` is a regular expression searched for, `status` one that fits the whole enhanced status code.
    """

    name: str
    reason: Reason
    source: str
    text: str = ""
    status: str = ""
    codes: tuple[int, ...] = ()
    hosts: tuple[str, ...] = ()
    phases: tuple[Phase, ...] = ()


_PROVIDERS: Final = (
    # docomo says "Unknown user" for a missing address and for one that blocks the sender (F3). Only the
    # step tells: it knows its addresses at RCPT and looks at the owner's filters after DATA.
    Rule("docomo-unknown", Reason.USER_UNKNOWN, "docomo: 受信できないメールの応答", text=r"unknown user|user unknown", hosts=DOCOMO, phases=(Phase.RCPT,)),
    Rule("docomo-refused", Reason.REFUSED, "docomo: 受信できないメールの応答", text=r"unknown user|user unknown", hosts=DOCOMO),
    Rule("docomo-full", Reason.MAILBOX_FULL, "docomo: センターの保管上限", text=r"^(?!.*too many recipients)", codes=(552,), hosts=DOCOMO),
    Rule("au-refused", Reason.REFUSED, "au: 迷惑メールフィルターはDATAの後に働く", text=r"user unknown|unknown user|recipient unknown", hosts=AU, phases=_AFTER_RCPT),
    Rule("au-filtered", Reason.REFUSED, "au: 迷惑メールフィルターの応答", text=r"^(?:550 )?: user unknown$"),
    Rule("softbank-refused", Reason.REFUSED, "SoftBank: 迷惑メールブロックはDATAの後に働く", text=r"user unknown|unknown user|invalid recipient", hosts=SOFTBANK, phases=_AFTER_RCPT),
    Rule("yahoo-jp-suspended", Reason.SUSPENDED, "Yahoo! JAPAN: VS10-RT", text=r"\bvs10-rt\b|possible forgery or deactivated due to abuse"),
    Rule("yahoo-jp-excess-unknown", Reason.REPUTATION, "Yahoo! JAPAN: VS16-IP", text=r"\bvs16-ip\b|excessive unknown recipients"),
    Rule("yahoo-jp-virus", Reason.SPAM_CONTENT, "Yahoo! JAPAN: VS34-VF", text=r"\bvs34-vf\b"),
    Rule("yahoo-jp-policy", Reason.REPUTATION, "Yahoo! JAPAN: VS-IP", text=r"\bvs\d\d-ip\b"),
    Rule("yahoo-rate", Reason.RATE_LIMITED, "Yahoo sender hub: TSS", text=r"\[tss?\d\d\]|\btss\d\d\b|unexpected volume or user complaints", codes=(421, 451)),
    Rule("yahoo-reputation", Reason.REPUTATION, "Yahoo sender hub: TSS, BL", text=r"\[tss?\d\d\]|\[bl\d\d\]|unexpected volume or user complaints"),
    Rule("yahoo-policy", Reason.POLICY, "Yahoo sender hub: 5.7.9", text=r"not accepted for policy reasons", status=r"[45]\.7\.9"),
    Rule("yahoo-no-account", Reason.USER_UNKNOWN, "Yahoo: SMTP error dd", text=r"user doesn'?t have an? \S+ account"),
    Rule("yahoo-suspended", Reason.SUSPENDED, "Yahoo: SMTP error dd", text=r"this (?:account|mailbox) has been disabled or discontinued"),
    Rule("gmail-over-quota", Reason.MAILBOX_FULL, "Gmail SMTP errors: 4.2.2, 5.2.2", text=r"out of storage space|over quota|storage quota", status=r"[45]\.2\.2", hosts=GMAIL),
    Rule("gmail-recipient-rate", Reason.RATE_LIMITED, "Gmail SMTP errors: 4.2.1", text=r"receiving mail (?:at a rate|too quickly)"),
    Rule("gmail-disabled", Reason.SUSPENDED, "Gmail SMTP errors: 5.2.1", text=r"email account that you tried to reach is (?:disabled|inactive)"),
    Rule("gmail-no-account", Reason.USER_UNKNOWN, "Gmail SMTP errors: 5.1.1", text=r"email account that you tried to reach does not exist"),
    Rule("gmail-unsolicited", Reason.REPUTATION, "Gmail SMTP errors: 4.7.28, 5.7.1", text=r"unusual rate of (?:unsolicited )?(?:e?mail|messages)|low reputation|suspicious due to the (?:very )?low reputation"),
    Rule("gmail-likely-spam", Reason.SPAM_CONTENT, "Gmail SMTP errors: 5.7.1", text=r"likely (?:unsolicited mail|suspicious)|detected that this message is"),
    Rule("microsoft-rate", Reason.RATE_LIMITED, "Outlook.com postmaster: RP-001, S77xxxx", text=r"\brp-00[123]\b|\(s775\)|\(s77719\)|exceeded the (?:rate|connection) limit"),
    Rule("microsoft-reputation", Reason.REPUTATION, "Outlook.com postmaster: S3140, S3150, SC-001", text=r"\bs31[45]0\b|\bsc-00[1-4]\b|\bdy-00[12]\b|\bou-00[12]\b|part of their network is on our block ?list"),
    Rule("microsoft-unknown", Reason.USER_UNKNOWN, "Exchange Online: 5.4.1, 5.1.10", text=r"recipient address rejected: access denied|recipnotfound|recipient not found by smtp address lookup|resolver\.adr\.(?:ex)?recip"),
    Rule("microsoft-restricted", Reason.REFUSED, "Exchange Online: 5.7.129, 5.7.133", text=r"resolver\.rst\.(?:auth|restricted|notauthorized|senderrestricted)", status=r"5\.7\.1(?:\d\d)?"),
    Rule("microsoft-too-large", Reason.TOO_LARGE, "Exchange Online: 5.2.3", text=r"resolver\.rst\.(?:recip|send)sizelimit"),
    Rule("microsoft-full", Reason.MAILBOX_FULL, "Exchange Online: 5.2.2", text=r"shutoffquotaexceeded|storedrv\.deliver:? ?mailbox full"),
    Rule("microsoft-banned-address", Reason.REPUTATION, "Exchange Online: 5.7.606–649, 5.7.511", status=r"5\.7\.(?:511|6[0-4]\d)"),
    Rule("microsoft-dmarc", Reason.AUTH, "Exchange Online: 5.7.509, 5.7.515", status=r"[45]\.7\.5(?:09|15)"),
    Rule("microsoft-too-many", Reason.RATE_LIMITED, "Exchange Online: 5.7.705, 5.7.708, 4.7.5xx", status=r"5\.7\.70[58]|4\.7\.(?:5\d\d|650)"),
    Rule("icloud-rate", Reason.RATE_LIMITED, "Apple postmaster", text=r"too many messages received from", hosts=ICLOUD),
    Rule("icloud-reputation", Reason.REPUTATION, "Apple postmaster: CS01, HM08", text=r"\[(?:cs0\d|hm0\d|pm0\d)\]", hosts=ICLOUD),
)  # fmt: skip

_ABOUT_US: Final = (
    Rule("dmarc", Reason.AUTH, "RFC 7489 section 10.3", text=r"dmarc"),
    Rule("unauthenticated", Reason.AUTH, "Gmail and Yahoo sender rules", text=r"sender is unauthenticated|requires all senders to authenticate|not pass(?:ing)? authentication|failed? (?:sender )?authentication checks|なりすまし"),
    Rule("spf", Reason.AUTH, "RFC 7208 section 8.4", text=r"\bspf\b.{0,80}(?:fail|not pass|reject|invalid|check|error|record)|(?:fail\w*|reject\w*|violat\w*|due to|because of).{0,40}\bspf\b|sender policy framework|not (?:a )?permitted sender|送信ドメイン認証"),
    Rule("dkim", Reason.AUTH, "RFC 6376 section 6.3", text=r"\bdkim\b.{0,60}(?:fail|missing|invalid|not|bad|reject)|(?:fail\w*|invalid|missing|bad) dkim"),
    Rule("reverse-dns", Reason.REPUTATION, "RFC 7372 section 3.3 and postmaster pages", text=r"\bptr\b|reverse (?:dns|hostname|lookup|mapping)|cannot find your (?:reverse )?hostname|\brdns\b|(?:helo|ehlo) (?:command )?(?:rejected|name)|mismatch\w* (?:\S+ ){0,2}client ip|逆引き"),
    Rule("rate", Reason.RATE_LIMITED, "common replies of MTAs", text=r"too many (?:connections?|concurrent|messages|mails|e?-?mails? (?:sent|per)|recipients|sessions|errors|requests|smtp sessions)|rate ?-?limit|throttl|(?:sending|message|delivery|mail|connection) rate|frequency limited|sending too (?:fast|quickly|many)|exceeded (?:the |your )?(?:maximum |max )?(?:number of |allowed )?(?:messages|connections|recipients|hourly|daily)|slow down|deferred due to (?:excessive|high) (?:volume|traffic)|temporarily limited|流量制限|送信数の?制限|同時接続数"),
    Rule("block-list", Reason.REPUTATION, "DNS block lists, RFC 5782", text=r"\b(?:spamhaus|spamcop|sorbs|barracuda|cloudmark|senderscore|senderbase|dnsbl|dnswl|rbl|uceprotect|invaluement|surbl|uribl|proofpoint)\b|block ?list|blacklist|denylist|listed (?:in|on|by|at) |blocked using|ブラックリスト"),
    Rule("sender-address", Reason.POLICY, "common replies of MTAs", text=r"sender (?:address |domain )?(?:rejected|denied|refused|not allowed|not accepted|verify failed|unknown|invalid)|(?:bad|invalid|unknown|unverified|unauthenticated) senders?\b|return ?-?path.{0,30}(?:invalid|reject|not)|mail ?from.{0,20}(?:invalid|denied|not exist)|domain of sender|sender domain|purported responsible"),
    Rule("bad-address-of-ours", Reason.REPUTATION, "common replies of MTAs", text=r"(?:banned|blocked|bad|poor|denied|rejected|refused) (?:sending |source )?(?:ip|client|host)\b|(?:ip|client|host|sender|server) (?:address )?(?:\S{1,60} )?(?:is |has been |was |are |temporarily )?(?:blocked|banned|blacklisted|rejected|denied)|reputation|your (?:ip|network|server|host) (?:\S+ ){0,4}(?:block|ban|list|refus|reject)|not allowed to connect|connection refused by policy|bloqu[eé]e? pour"),
    Rule("complaints", Reason.REPUTATION, "postmaster pages", text=r"user complaints|complaint rate|spam complaints|苦情"),
    Rule("virus", Reason.SPAM_CONTENT, "common replies of content filters", text=r"virus|malware|infected|phish|trojan|ウイルス|ウィルス"),
    Rule("spam", Reason.SPAM_CONTENT, "common replies of content filters", text=r"\bspam\b|spam ?(?:message|content|detect|score|assassin|filter)|looks like spam|junk mail|unsolicited|\bube\b|\bbulk mail\b|迷惑メール|スパム"),
    Rule("content", Reason.SPAM_CONTENT, "common replies of content filters", text=r"(?:message |mail )?content (?:was |is |has been )?(?:rejected|refused|denied|not (?:accepted|allowed)|blocked)|because (?:of )?its content|(?:illegal|prohibited|forbidden|blocked|suspicious) (?:attachment|url|link|content|extension)|attachment.{0,40}(?:not allowed|blocked|rejected)|rejected by (?:the )?(?:content|message) (?:filter|scanner)|local[- ]?policy.{0,20}content|内容.{0,10}拒否"),
    Rule("too-large", Reason.TOO_LARGE, "RFC 1870 section 6", text=r"(?:message|mail|body|header|size).{0,40}(?:too (?:large|big|long)|exceed\w* (?:\S+ ){0,4}(?:size|limit|maximum))|too (?:large|big) (?:message|mail)|(?:size|length) limit|maximum (?:message )?size|exceeds the (?:maximum )?(?:size|limit of)|サイズ.{0,12}(?:超|制限|大き)"),
    Rule("malformed", Reason.POLICY, "RFC 5322 section 3.6", text=r"not rfc ?\d* ?(?:5322 |2822 |822 )?compliant|rfc (?:5322|2822|822).{0,30}(?:complian|violat)|multiple addresses in from|(?:missing|invalid|malformed|duplicate) (?:message-id|date|from|to|subject|header)|bare (?:lf|cr|newline|linefeed)|8-?bit .{0,20}not"),
    Rule("tls-required", Reason.POLICY, "RFC 3207 section 4, RFC 7672", text=r"must issue a starttls|(?:tls|encryption) (?:is )?(?:required|needed)"),
    Rule("relay-denied", Reason.POLICY, "RFC 5321 section 3.6.2", text=r"relay(?:ing)? (?:access )?(?:is )?(?:denied|not (?:allowed|permitted)|prohibited)|unable to relay|(?:not|isn'?t in my list of) (?:permitted|allowed) (?:to relay|rcpthosts)|not relaying|we do not relay|authentication (?:is )?required|smtp auth"),
)  # fmt: skip

_ABOUT_THE_RECIPIENT: Final = (
    Rule("mailer", Reason.TEMPORARY, "procmail, maildrop", text=r"procmail|maildrop|couldn'?t create|can'?t create (?:user )?output file"),
    Rule("full", Reason.MAILBOX_FULL, "common replies of MTAs", text=r"(?:mailbox|mail ?box|inbox|maildir|account|user|quota|storage|mail ?spool|disk).{0,30}(?:\bfull\b|over ?quota|exceed|quota|insufficient)|(?:over|exceed\w*|out of) (?:\S+ ){0,3}(?:quota|storage|disk|mailbox)|quota (?:exceeded|violation|full)|not enough (?:storage|disk|space)|insufficient (?:disk|storage|quota)|would exceed|容量(?:超過|オーバー|不足|を超|が(?:い|一)っぱい|がありません)|メールボックスが?(?:一杯|いっぱい|満杯|フル)"),
    Rule("suspended", Reason.SUSPENDED, "common replies of MTAs", text=r"(?:account|mailbox|user|recipient|address|domain|email)\s(?:\S+ ){0,4}?(?:suspended|disabled|locked|frozen|deactivated|inactive|terminated|expired|discontinued|on hold|blocked due to inactivity|not active|administratively disabled)|(?:disabled|suspended|inactive|deactivated|locked|frozen) (?:mailbox|account|user|recipient|address)|(?:利用|使用|一時)停止|休止中"),
    Rule("moved", Reason.USER_UNKNOWN, "RFC 5321 section 3.4", text=r"(?:user|recipient|mailbox|address|he|she) (?:has |have )?(?:moved|no longer|changed)|no longer (?:on (?:this )?server|valid|in use|available|exists?|accept|with|works?|employed)|not our (?:user|customer)|アドレス.{0,10}(?:変更|廃止)"),
    Rule("refused", Reason.REFUSED, "common replies of MTAs", text=r"(?:recipient|user|mailbox owner|addressee|owner) (?:has |have )?(?:refus\w+|reject\w+|does not (?:want|wish|accept)|has blocked|blocked you|not accepting (?:mail|messages) from)|message filtered|(?:blocked|rejected|refused) by (?:the )?(?:recipient|user|addressee)|recipient'?s? (?:preference|setting|block ?list|filter)|filtered by (?:the )?(?:user|recipient)|受信(?:を)?拒否|受信者.{0,10}(?:拒否|設定)|ドメイン指定受信|指定受信"),
    Rule("unknown", Reason.USER_UNKNOWN, "common replies of MTAs", text=r"(?:user|recipient|mailbox|mail ?box|account|address(?:ee)?|alias|local ?part|e?-?mail)\s(?:\S+ ){0,5}?(?:unknown|not? (?:found|exist\w*|known|valid|listed|available|recognized|in (?:the )?(?:directory|list|database))|doesn'?t exist|does not exist|doesn'?t have|non-?existent|invalid|undeliverable|could not be found|cannot be found|isn'?t known)|(?:unknown|invalid|no such|bad|illegal|undeliverable|nonexistent|non-existent|unrouteable|incorrect) (?:\S+ ){0,2}?(?:user|recipient|mailbox|account|address|destination mailbox|local ?part|person|customer|alias)(?! error)|no (?:mailbox|account|user|recipient|such person) (?:here|by|with|found|exist)|there is no (?:such )?(?:user|mailbox|account)|not a (?:valid|known|local) (?:user|recipient|mailbox|address|account)|(?:user|addressee|mailbox|account|recipient)(?: name)?:? (?:is )?unknown|宛先(?:不明|が見つ|が存在|に該当)|(?:ユーザー?|アドレス|メールボックス|アカウント|受信者).{0,12}(?:存在しま|見つかりま|不明|ありません|登録されて)|該当.{0,10}(?:ユーザー?|アドレス)"),
    Rule("host-unknown", Reason.HOST_UNKNOWN, "RFC 5321 section 5.1, RFC 7505", text=r"(?:host|domain|domain name|mail server) (?:\S+ ){0,4}?(?:not found|unknown|does not exist|doesn'?t exist|is not reachable|doesn'?t receive e?mail|does not (?:accept|receive) (?:e?mail|messages))|(?:unknown|no such|invalid|bad|unrouteable) (?:mail )?(?:host|domain)|nxdomain|no (?:mx|valid mx|mail exchanger|relevant answers)|null mx|unrouteable|(?:mx|dns) (?:record|entry|lookup).{0,30}(?:not found|fail\w*|missing|no (?:answer|data))|ドメイン.{0,12}(?:存在しま|見つかりま|不明|ありません)"),
)  # fmt: skip

_PASSING: Final = (
    Rule("greylist", Reason.TEMPORARY, "RFC 6647", text=r"gr[ea]y ?-?list|try again (?:later|in|after|shortly)|(?:please )?(?:retry|come back) later|temporarily (?:deferred|unavailable|rejected)|しばらく(?:して|経って|たって|待って)|時間を(?:お|置)いて"),
    Rule("expired", Reason.TEMPORARY, "RFC 5321 section 4.5.4.1", text=r"(?:message|mail|delivery|queue|retry) (?:\S+ ){0,4}?(?:expired|timed? ?-?out|time ?-?out)|(?:could not|unable to|not) (?:be )?deliver\w* (?:\S+ ){0,4}?(?:days|hours|minutes)|retry time|delivery time expired|queue too long"),
    Rule("network", Reason.TEMPORARY, "RFC 3463 section 3.5", text=r"connection (?:was )?(?:timed? ?out|refused|reset|lost|dropped|closed)|conversation with \S+ timed out|no route to host|network (?:is )?unreachable|host is down|(?:no|not) (?:answer|respon\w+)|timed? ?out|lost connection|did not (?:answer|accept our requests)"),
    Rule("loop", Reason.TEMPORARY, "RFC 5321 section 6.3", text=r"mail loop|loops? back|too many hops|hop count|routing loop|loop detected|ループ"),
    Rule("system", Reason.TEMPORARY, "common replies of MTAs", text=r"(?:system|server|service|resources?|disk) (?:\S+ ){0,3}?(?:error|failure|busy|unavailable|not available|full|overload\w*|maintenance|shutting down)|(?:local|internal|temporary|configuration|processing|software) (?:\S+ ){0,2}?(?:error|failure|problem)|insufficient system|out of memory|queue file write error|command died|tls .{0,20}(?:fail|error|not available)|メンテナンス|一時的な?(?:障害|エラー)"),
    Rule("recipient-rejected", Reason.USER_UNKNOWN, "Postfix reject_unlisted_recipient, Cisco ESA", text=r"recipient address rejected|#?5\.1\.0 address rejected", phases=(Phase.RCPT, Phase.NOTICE)),
    Rule("mailbox-unavailable", Reason.USER_UNKNOWN, "RFC 5321 section 4.2.3: 550", text=r"mailbox (?:is )?(?:unavailable|not available|unreachable)", codes=(550,), phases=(Phase.RCPT, Phase.NOTICE)),
    Rule("policy", Reason.POLICY, "common replies of MTAs", text=r"polic(?:y|ies)|not (?:authori[sz]ed|permitted|allowed|accepted)|access denied|administrat\w+ (?:prohibited|denied|blocked)|prohibited|security|restricted|ポリシー|許可されて"),
    Rule("refused-by-server", Reason.POLICY, "common replies of MTAs", text=r"(?:message|mail|connection|delivery|transaction) (?:\S+ ){0,2}?(?:refused|rejected|denied|blocked|declined)|service refused"),
)  # fmt: skip

# RFC 3463 sections 3.2–3.8 and the IANA registry "SMTP Enhanced Status Codes".
_RFC_3463: Final = (
    Rule("status-host", Reason.HOST_UNKNOWN, "RFC 3463 3.2, RFC 7505, RFC 7293", status=r"[45]\.(?:1\.2|1\.10|7\.18)"),
    Rule("status-sender", Reason.POLICY, "RFC 3463 section 3.2", status=r"[45]\.1\.[78]"),
    Rule("status-passing-address", Reason.TEMPORARY, "RFC 3463 section 3.2", status=r"4\.1\.9"),
    Rule("status-user", Reason.USER_UNKNOWN, "RFC 3463 section 3.2, RFC 7293", status=r"[45]\.(?:1\.[1346]|7\.17)"),
    Rule("status-other-address", Reason.USER_UNKNOWN, "RFC 3463 section 3.2", status=r"[45]\.1\.0", phases=(Phase.RCPT,)),
    Rule("status-disabled", Reason.SUSPENDED, "RFC 3463 section 3.3, RFC 5248", status=r"[45]\.(?:2\.1|7\.13)"),
    Rule("status-full", Reason.MAILBOX_FULL, "RFC 3463 section 3.3", status=r"[45]\.2\.2"),
    Rule("status-large", Reason.TOO_LARGE, "RFC 3463 sections 3.3 and 3.4", status=r"[45]\.(?:2\.3|3\.4)"),
    Rule("status-not-accepting", Reason.HOST_UNKNOWN, "RFC 3463 section 3.4", status=r"5\.3\.2"),
    Rule("status-system", Reason.TEMPORARY, "RFC 3463 sections 3.3 and 3.4", status=r"[45]\.(?:2\.4|3\.[0-3]|3\.5)"),
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
_BARE_CODES: Final = (
    Rule("code-no-mail", Reason.HOST_UNKNOWN, "RFC 7504 section 4", codes=(521, 556)),
    Rule("code-not-local", Reason.USER_UNKNOWN, "RFC 5321 section 4.2.3", codes=(551,)),
    Rule("code-full", Reason.MAILBOX_FULL, "RFC 5321 section 4.2.3", codes=(552,), phases=(Phase.RCPT,)),
    Rule("code-large", Reason.TOO_LARGE, "RFC 5321 section 4.2.3, RFC 1870", codes=(552,), phases=(Phase.MAIL, *_AFTER_RCPT)),
    Rule("code-tls", Reason.POLICY, "RFC 3207, RFC 4954", codes=(523, 524, 530, 534, 535, 538)),
    Rule("code-temporary", Reason.TEMPORARY, "RFC 5321 section 4.2.1", codes=tuple(range(400, 500))),
    Rule("status-temporary", Reason.TEMPORARY, "RFC 3463 section 2", status=r"4\.\d{1,3}\.\d{1,3}"),
    # B17: nothing in the reply says why.
    Rule("nothing-said", Reason.UNKNOWN, "behaviours B17"),
)  # fmt: skip

RULES: Final[tuple[Rule, ...]] = (
    Rule("delivered", Reason.DELIVERED, "RFC 3463 section 2", status=r"2\.\d{1,3}\.\d{1,3}"),
    Rule("accepted", Reason.DELIVERED, "RFC 5321 section 4.2.1", codes=tuple(range(200, 300))),
    *_PROVIDERS,
    *_ABOUT_US,
    *_ABOUT_THE_RECIPIENT,
    *_PASSING,
    *_RFC_3463,
    *_BARE_CODES,
)

"""What replies say about the recipient's mailbox: it is full, suspended, moved, or its owner refuses.

Trouble that is told in the same words ("disk full", "database not found") stands before the row it is taken for.
"""

from typing import Final

from mta.rules.rule import Rule
from mta.verdicts import Phase, Reason

# The recipient's own choice; these rows stand before those about the sender, which know the same lists.
CHOSEN: Final = (
    Rule(
        "recipients-list",
        Reason.REFUSED,
        "common replies of MTAs",
        patterns=(
            r"(?:user|recipient|addressee)'?s? (?:own |personal )?(?:black|block|deny|reject) ?-?list",
            r"personal (?:black|block|deny) ?-?list",
            r"not (?:on|in) (?:the |this )?(?:recipient|user|addressee)'?s? (?:accept|white|allow|safe|approved|friend)",
        ),
    ),
)

# Words about a size that are about the mailbox; these rows stand before those about the message.
SPACE: Final = (
    Rule(
        "mailbox-file-full",
        Reason.MAILBOX_FULL,
        "Postfix local(8): mailbox_size_limit",
        patterns=("(?:cannot update mailbox|mailbox /).{0,120}file (?:too large|size limit)",),
    ),
    Rule(
        "no-space-for-message",
        Reason.MAILBOX_FULL,
        "RFC 3463 section 3.3: X.2.2",
        says=("exceeds remaining quota",),
    ),
)

RULES: Final = (
    # cPanel's Exim says this sentence of any address that it could not verify.
    Rule(
        "exim-verify",
        Reason.HOST_UNKNOWN,
        "Exim: callout verification",
        says=("account or domain may not exist",),
    ),
    # Said by the own server, no router of Exim knows a way to the domain; said by another, the local part is unknown.
    Rule(
        "exim-unrouteable",
        Reason.HOST_UNKNOWN,
        "Exim specification: routers",
        patterns=("^unrouteable address",),
        codes=(None,),
        phases=(Phase.NOTICE,),
    ),
    Rule(
        "lookup-trouble",
        Reason.TEMPORARY,
        "RFC 3463 section 3.4: X.3.5",
        says=("in transport table",),
        patterns=(
            (
                r"\b(?:file|database|map|directory server|(?:user|home|mail) directory|plugin|transport table)\b.{0,12}(?:not found|missing"
                "|unavailable)"
            ),
        ),
    ),
    Rule(
        "dns-trouble",
        Reason.TEMPORARY,
        "RFC 1035 section 4.1.1: server failure",
        says=("servfail",),
        patterns=(
            "host ?name lookup failure",
            r"dns (?:\S+ ){0,2}(?:timeout|timed out|failure|temporar\w+)",
            "temporary (?:dns|lookup|name)",
            "mx records?,? try again",
            "dns (?:lookup|query) fail",
            "dns soft error",
            "name ?server.{0,20}(?:timeout|not respond)",
            r"type=\w+: (?:host not found, )?try again",
            "domain not found,? try again",
        ),
    ),
    # What qmail's delivery program says of its own machine.
    Rule(
        "qmail-local",
        Reason.TEMPORARY,
        "qmail-local(8): temporary and permanent trouble of the system",
        says=(
            "unable to switch to",
            "unable to chdir",
            "home directory is writable",
            "trouble in home directory",
            "uh-oh",
        ),
    ),
    # Sendmail's words for its queue's disk; the status tells it from a mailbox.
    Rule(
        "system-full-status",
        Reason.TEMPORARY,
        "RFC 3463 sections 3.4 and 3.5: X.3.1, X.4.5",
        patterns=("(?:disk )?space",),
        status=r"[45]\.(?:3\.1|4\.5)",
    ),
    Rule(
        "system-full",
        Reason.TEMPORARY,
        "RFC 3463 section 3.4: X.3.1",
        says=(
            "insufficient system storage",
            "insufficient system resources",
            "mail system full",
            "no space left on device",
            "not enough disk space on server",
            "out of disk space",
        ),
    ),
    Rule(
        "full",
        Reason.MAILBOX_FULL,
        "RFC 3463 section 3.3: X.2.2",
        says=(
            "would exceed",
            "mailbox full",
            "storage space",
            "speichervolumen",
            "speicherplatz",
            "kontingent",
            "용량 초과",
            "空间不足",
        ),
        patterns=(
            "mail_?box[ _]size[ _](?:limit )?exceeded",
            "mail ?box space",
            (
                "(?:mail ?box(?:es)?|mail ?folder|inbox|maildir|account|user|recipient|quota|storage|mail ?spool|disk"
                r"|mail ?drop|message store)\b.{0,40}?(?:\b(?:is |are |was )?full\b|over (?:the |his |her |its "
                r"|their )?(?:\S+ )?(?:quota|limit|size)|overquota|exce+d(?:s|ed|ing)?\b|quota|insufficient|maxed"
                r"|no space|too full|reached (?:its|the) (?:\S+ )?(?:limit|quota|size))"
            ),
            r"(?:over|exceed\w*|out of|beyond|reached) (?:\S+ ){0,3}(?:quota|storage|disk (?:space|usage)|mailbox)",
            "quota (?:exceeded|violation|full|exhausted)",
            r"\bover ?quota\b",
            r"\bquota\b",
            r"not (?:have )?enough (?:\S+ )?(?:storage|disk|space|room)",
            "insufficient (?:disk|storage|quota|space|mailbox)",
            "full mail ?box",
            "bo[iî]te .{0,40}pleine",
            r"(?:postfach|mailbox|postvak) .{0,20}(?:voll?\b|vol is)",
            "(?:buz[oó]n|casilla|casella|caixa postal|caixa de correio) .{0,40}(?:llen[ao]|pien[ao]|cheia)",
            "zu ?viele mails",
            "(?:low on|out of) space",
            "too many (?:messages|mails) (?:in|on) (?:the |this |user'?s? )?(?:mailbox|inbox|server)",
            "ящик .{0,20}(?:полон|переполнен)",
            "邮箱.{0,6}满",
            "容量(?:[がのをに]|は)?(?:超過|超え|オーバー|不足|足り|いっぱい|一杯|満杯|ありません|上限)",
            "(?:メール|受信)(?:ボックス|箱)[がはの]?.{0,8}(?:一杯|いっぱい|満杯|フル|超過|超えて)",
            "保存件数.{0,8}超",
        ),
    ),
    Rule(
        "mailer",
        Reason.TEMPORARY,
        "procmail, maildrop, sendmail: sysexits.h",
        says=(
            "unknown mailer error",
            "mailer error",
            "mailer daemon error",
            "child process of",
            "procmail: ",
            "maildrop: ",
        ),
        patterns=(
            "couldn'?t create",
            "can'?t create (?:user )?output file",
            "command (?:died|failed|output)",
            r"(?:procmail|maildrop|local delivery agent|\blda\b).{0,40}(?:fail|error|died|terminated)",
        ),
    ),
    Rule(
        "suspended",
        Reason.SUSPENDED,
        "common replies of MTAs",
        says=(
            "休止中",
            "凍結",
        ),
        patterns=(
            (
                "(?:account|mail ?box|user|recipient|address|domain|e-?mail"
                r"|mailaddress)\)?(?:\(s\))? (?:\S+ ){0,4}?(?:suspended|disabled|locked|frozen|deactivated|inactive"
                "|discontinued|on hold|archived|not active|no longer active|not activated|administrative?ly disabled"
                "|currently suspended|out of service|temporarily (?:unavailable|disabled|suspended)"
                r"|under maintenance|blocked due to inactivity)\b"
            ),
            # A message expires too, and a server closes its connection.
            (
                "(?:account|mail ?box|user|recipient|address|domain"
                r"|mailaddress)\)?(?:\(s\))? (?:is |was |has |been |already |now )*(?:terminated|expired|closed)\b"
            ),
            (
                r"\b(?:disabled|suspended|inactive|deactivated|locked|frozen|closed|expired"
                r"|dormant) (?:\S+ )?(?:mail ?box|account|user|recipient|address)"
            ),
            r"user'?s? (?:\S+ )?account (?:is )?(?:not paid|has expired)",
            "not (?:been )?(?:activated|logged in)",
            "domain (?:is )?(?:suspended|disabled|on hold|expired)",
            "(?:利用|使用|一時|配信)(?:を)?停止",
            "アカウント.{0,6}停止",
        ),
    ),
    Rule(
        "moved",
        Reason.USER_UNKNOWN,
        "RFC 5321 section 3.4",
        says=(
            "forwarding address",
            "使われていません",
        ),
        patterns=(
            (
                r"(?:\b(?:user|recipient|mail ?box|address|he|she|account)|<>) (?:has |have |is )?(?:moved|no longer"
                "|been moved|been (?:removed|deleted)|deleted|changed|removed|obsolete)"
            ),
            (
                r"no longer (?:on (?:this )?server|valid|in use|in service|available|exists?|accept\w*(?!.{0,20} from )|active|with"
                "|works?|employed|a (?:valid|user))"
            ),
            "not our (?:user|customer)",
            "has left (?:the )?(?:company|organi[sz]ation)",
            "アドレス.{0,10}(?:変更|廃止)",
            "使用されて(?:い|お)(?:ません|りません)",
        ),
    ),
    Rule(
        "refused",
        Reason.REFUSED,
        "common replies of MTAs",
        says=(
            "message filtered",
            "privacy settings",
            "ドメイン指定受信",
            "指定受信",
            "受信制限",
        ),
        patterns=(
            (
                "(?:recipient|user|mailbox owner|addressee|owner) (?:has |have |is |does )?(?:refuse[sd]|reject(?:s"
                r"|ed) (?:the |this |your |mail|e-?mail|message)|not (?:want|wish|accept(?:ing)?)\b|blocked (?:you"
                "|this|mail|messages|the)|not accepting (?:mail|messages) from)"
            ),
            (
                "(?:blocked|rejected|refused|filtered|denied) by (?:the |its )?(?:recipient|user|addressee"
                "|mailbox owner)(?! (?:domain|server|system|mail))"
            ),
            "recipient'?s? (?:preference|setting|blocked list|filter|personal)",
            "受信(?:を)?拒否",
            "受信者.{0,10}(?:拒否|設定)",
        ),
    ),
)

"""Tables of words by which mails at the bounce door are told apart and read. Data only."""

import re


def any_of(*phrases: str) -> re.Pattern[str]:
    """Join regular expressions into one that ignores case."""
    return re.compile("|".join(f"(?:{phrase})" for phrase in phrases), re.IGNORECASE)


# Who writes bounces (RFC 3834 section 3.3 and the defaults of the common servers).
DAEMON_SENDER = any_of(
    r"mailer[-_ ]?daemon",
    r"\bmail[-_. ]delivery[-_. ](?:sub)?system",
    r"\bpost_?master\b",
    r"\bmail administrator\b",
    r"\bno-?reply@[^ ]{0,60}(?:dion|auone-net|ezweb)\b",
    r"\bmail system\b",
    r"\bsystem administrator\b|\bmdaemon\b|\bmailmarshal\b|\bcontent filter\b|\bspam firewall\b",
    r"\b(?:internet |e-)?mail (?:delivery|gateway|router)\b",
    r"\bdelivery[-_ ]status\b",
)

BOUNCE_SUBJECT = any_of(
    r"deliver(?:y|ed)?\b.{0,30}\b(?:fail|error|status|problem|notification|incomplete|unsuccessful)",
    r"fail(?:ed|ure)\b.{0,30}\b(?:deliver|notice|notification|mail)",
    r"\b(?:undeliver|non-?deliver|not deliver|could not be delivered|unable to deliver)",
    r"\breturned (?:mail|e-?mail|message)|\breturn(?:ing|ed) (?:message )?to sender",
    r"message you sent (?:was )?(?:blocked|rejected)|(?:mail|message) (?:was |has been )?(?:rejected|blocked|refused|bounced)",
    r"mail (?:system )?(?:error|failure)|error sending your mail|mail could not be",
    r"\bnon remis\b|nicht zustellbar|unzustellbar|no se ha podido entregar|недоставлен|未送達|退信",
    r"配信(?:不能|エラー|できません)|配送(?:不能|エラー|できません|失敗)|送信(?:不能|エラー|できません|失敗)|エラーメール|戻りメール",
)

# A sentence that only a bounce says.
FAILURE_PHRASE = any_of(
    r"could ?n[o']t be (?:delivered|sent|reached)|can ?not be delivered|was not delivered|were not delivered",
    r"not be delivered|(?:unable|wasn't able|not able|trouble|error) (?:to )?deliver",
    r"delivery (?:to|has|failed|failure|attempt)|failed (?:permanently|to deliver|to send)",
    r"had (?:permanent )?(?:delivery|fatal)? ?(?:errors|problems)|permanent (?:fatal )?errors?",
    r"returned (?:to sender|permanent)|undeliver(?:able|ed)|aborted after|giving up|given up|non-deliverable",
    r"(?:unknown|invalid|no such|nonexistent) (?:user|recipient|mailbox|address|local)",
    r"(?:user|recipient|address|mailbox|account)\b.{0,40}\b(?:unknown|invalid|not found|disabled|full|exceeds)",
    r"not been delivered|(?:was|been) (?:blocked|rejected|refused)\b|(?:unknown|invalid|no such) (?:host|domain)",
    r"not a member of|reject your mail|duplicated message-id",
    r"exceeds allowed size|failure reasons|failed addresses|rejected by",
    r"(?:送信|配信|配送)(?:に失敗|でき(?:ません|なかった)|不能)|届けできません|届きません|存在しないか|宛先不明",
    r"見つかりません|受信できません|エラーのため",
    r"delivery of the (?:e-?mail|message) was stopped|无法(?:送达|投递|发送)|被退回|전송(?:되지|실패)",
)

DELAY_SUBJECT = any_of(
    r"\bdelay(?:ed)?\b",
    r"\bwarning: (?:message|could not send|mail)",
    r"notification: warning",
    r"still (?:trying|being retried)",
    r"遅延|遅れて",
)
DELAY_PHRASE = any_of(
    r"not yet been delivered|could not be delivered yet|has(?: not|n't) been delivered (?:yet|for)",
    r"message (?:is|was|has been) delayed|(?:delivery|this is)[^.]{0,40} delayed|temporary failure report",
    r"delivery attempts will continue|will (?:be retried|keep trying|retry|continue to (?:try|attempt))",
    r"(?:you )?do not need to re-?send|no action is required|only a (?:delay|warning)",
    r"再送(?:を続け|を試み|いたします)|まだ配送(?:されて|できて)いません|(?:配送|配信|到着)(?:が|は)?遅(?:延|れて)|配送を続け",
)
# The server stopped trying, whatever else it says.
GAVE_UP = any_of(
    r"given up|giving up|not going to try again|will not (?:be retried|try)|permanent (?:fatal )?error|aborted after",
    r"retry (?:timeout|time limit) exceeded|in the queue too long|expired|now failed|will be deleted from",
    r"no (?:further|more) (?:delivery )?attempts|(?:配送|配信|再送)を(?:中止|終了|断念|あきらめ)|期限を過ぎ|最終通知",
)

AUTO_SUBJECT = any_of(
    r"^(?:re: ?)?(?:\[?auto(?:matic|mated)?\]?[-: ]*(?:reply|response|respon|answer|:)|autoreply|autoresponse|auto:)",
    r"out[- ]of[- ](?:the[- ])?office|on vacation|vacation (?:reply|notice)|away from (?:the|my)|on (?:annual )?leave|absence",
    r"自動(?:応答|返信|配信|送信)|不在(?:の|通知|連絡|届|です|につき|案内|時)|休暇|休業|受付(?:完了|いたしました|ました|のお知らせ)",
    r"お問い?合わせ(?:ありがとう|を受け付け)|退職(?:の|いたし|しまし)|異動(?:の|いたし|しまし)|アドレス変更|メールアドレス(?:の)?変更",
    r"abwesenheit|réponse automatique|respuesta automática|risposta automatica",
)

# Programs of web servers send forms in these names, without a Return-Path like servers of mail.
WEB_SENDER = re.compile(r"(?i)(?:^|<)(?:www|www-data|apache|nginx|httpd|nobody)@")
DELIVERED_SUBJECT = any_of(r"^(?:relayed|delivered|delivery receipt|successful mail delivery|配信済み|配送完了)\b")
READ_RECEIPT_SUBJECT = any_of(r"^(?:read|not read|disposition notification|開封(?:済み|通知|確認)|開封)[: ]")
REPORT_SUBJECT = any_of(r"report domain: ?\S+ submitter:", r"^dmarc (?:aggregate )?report", r"\btls(?:rpt)? report\b")
REPLY_SUBJECT = any_of(r"^(?:re|fw|fwd|aw|sv|返信|転送)\s?(?:\[\d+\])?:")

# Where the notice ends and the returned mail begins.
ORIGINAL_BEGINS = any_of(
    r"^-{2,80}[ -]{0,10}(?:this is a copy of|below this line|enclosed is a copy|the header of the original|original message"
    r"|returned message|forwarded message|included is a copy|message header|the body of the)",
    r"^\s{0,4}-{2,80} ?(?:original|unsent|returned|undelivered|forwarded|unsendable) (?:message|mail)",
    r"^\s{0,4}-{2,80}\s?message (?:header|text|body)s? follow",
    r"^(?:the )?original (?:message|mail)(?: headers?)?(?: follows?)?\s?[:.]?$",
    r"^original message headers?:|^message headers? follow|^included is a copy of|^\s{0,6}below is a copy of",
    r"^(?:-{1,80} ?)?(?:return-path|received): ?.{0,200}",
    r"^元の(?:メッセージ|メール)\s?(?:の?ヘッダー?)?\s?[:：]?$",
    r"^-{1,80}\s?(?:元の|オリジナル|送信された)(?:メッセージ|メール)",
)

# Words right before an address that name it as the one that failed.
RECIPIENT_LEAD = any_of(
    r"deliver(?:ed|ing|y)?(?: (?:your )?(?:mail|message|e-?mail))?(?: has)?(?: failed)?(?: to| for)?[: ]{0,3}(?:the )?$",
    r"(?:message|mail|email) (?:addressed )?to\b(?: email address)?[: ]{0,3}$|sent to[: ]{0,3}$",
    r"\brecipient(?: address)?(?:es|s)?\b[^.]{0,30}[:=]\s{0,4}$|\brcpt(?: to)?\s?:\s{0,3}$|addressed to\s?:\s{0,3}$",
    r"allowed size\s?:\s{0,3}$|(?:unknown|invalid|no such) (?:user|host|recipient|address|mailbox)\s?[:(]?\s{0,3}$",
    r"\bafter \d+ attempts?\s?:\s{0,3}$|\bfailed \d+ attempts?\s?:\s{0,3}$",
    r"delivery failed\s?:\s{0,3}$|permanent errors?\s?:\s{0,3}$|\bfailed (?:recipients?|address(?:es)?)\s?:\s{0,3}$",
    r"(?:gateway|route) for $|\bexpanded from: $|user [^ ]{1,60} ?\($|group $",
    r"(?:宛先|宛て先|あて先|送信先|配信先|受信者|メールアドレス)(?:アドレス|メールアドレス)?(?:は|が|:|:|「|『|\s){0,4}$",
    r"rejected (?:the )?(?:recipient|address) ?$|status: error, address: $|\buserid\s?:\s{0,3}$",
    r"mailing list $|\bml $|message-id in $|undeliverable to $|\bgenerated by $",
    r"无法(?:送达|投递|发送)(?:到|给|至)?[:：\s]{0,3}$|收件人[:：\s]{0,3}$|받는 ?사람[:：\s]{0,3}$",
    r"not? (?:find|reach)(?: the)?(?: address| recipient)? ?$",
)
# Words right after an address that name it as the one that failed.
RECIPIENT_TRAIL = re.compile(
    r"[>」』]?\s{0,3}(?:宛|あて|への?(?:メール|配信|送信|配送)|は(?:存在|使用|見つか)|に(?:送信|配信|配送|お?届)|が(?:存在|見つか))"
)
# An address on a line with these words is not the one that failed.
OTHER_ADDRESS = any_of(
    r"^\s{0,8}(?:reply-to|from|sender|original sender|return-path|message-?id|subject|date|cc|in-reply-to|envelope-from)\s?:",
    r"mail from ?:|envelope-from|please (?:contact|forward|send|e-?mail)|(?:contact|help|questions?|assistance|abuse)\b",
    r"message (?:identifier|id)|\bfrom you\b|お問い?合わせ|連絡先|ご連絡|差出人|送信者",
)
OUR_ADDRESS = re.compile(r"(?i)(?:mailer-daemon|postmaster|abuse|no-?reply)@")

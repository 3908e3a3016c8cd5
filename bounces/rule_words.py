"""Says in words which way of reading and which rule decided about a notice, and why one was not counted."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bounces.matching import Why
from mta.reply_rules import RULES
from mta.rules.rule import Rule

BY_NAME = {rule.name: rule for rule in RULES}
READINGS = {
    "arf": gettext_lazy("受信者が「迷惑メール」と報告した通知(ARF)として読みました。"),
    "jmrp": gettext_lazy("Outlook.comの受信者が「迷惑メール」と報告した通知として読みました。"),
    "apple-unsubscribe": gettext_lazy("Appleの「メール」から送られた配信停止の依頼として読みました。"),
    "arf-report": gettext_lazy("認証失敗などのレポートとして読みました。"),
    "dsn": gettext_lazy("機械が読める配送状況(DSN)の欄を読みました。"),
    "dsn-in-text": gettext_lazy("本文に書かれていた配送状況(DSN)の欄を読みました。"),
    "x-failed-recipients": gettext_lazy("X-Failed-Recipients ヘッダーと本文を読みました。"),
    "text": gettext_lazy("エラーメールの本文を読みました。"),
    "flufl": gettext_lazy("宛先だけを読み取れました。原因はわかりませんでした。"),
    "mdn": gettext_lazy("開封通知と判断しました。"),
    "auto-reply": gettext_lazy("自動応答と判断しました。"),
    "report-subject": gettext_lazy("DMARCなどのレポートと判断しました。"),
    "webhook-ses": gettext_lazy("Amazon SESからWebhookで届いた知らせを読みました。"),
    "webhook-sendgrid": gettext_lazy("SendGridからWebhookで届いた知らせを読みました。"),
    "webhook-mailgun": gettext_lazy("MailgunからWebhookで届いた知らせを読みました。"),
    "webhook-postmark": gettext_lazy("PostmarkからWebhookで届いた知らせを読みました。"),
    "no-sign": gettext_lazy("エラーメールの特徴が見つかりませんでした。"),
    "by-hand": gettext_lazy("読み取れなかったため、割り当てた人の判断だけを記録しました。"),
}
WHYS: dict[str, Any] = {
    Why.ADDRESS_ONLY: gettext_lazy(
        "署名がなく、アドレスだけが配信先と一致しました。アドレスは誰でも書けるため、エラーの回数には数えていません。"
    ),
    Why.ADDRESS_UNKNOWN: gettext_lazy("署名がなく、書かれているアドレスへの配信もありません。"),
    Why.NO_ADDRESS: gettext_lazy("署名も、どの宛先のエラーかも書かれていません。"),
    Why.SEVERAL_WORKSPACES: gettext_lazy(
        "署名がなく、書かれているアドレスには複数のワークスペースから配信しています。"
    ),
    Why.DELIVERY_GONE: gettext_lazy("署名は正しいものですが、その配信はすでに削除されています。"),
    Why.NOT_SENT_LATELY: gettext_lazy("この14日間に、書かれているアドレスへの配信がありません。"),
    Why.NEVER_SETTLED: gettext_lazy("7日待っても配信の結果が決まらなかったため、数えていません。"),
    Why.UNREADABLE: gettext_lazy(
        "大きすぎる、複雑すぎる、または形式が違うため、決められた時間と量の中で読み取れませんでした。"
    ),
    Why.DAMAGED: gettext_lazy("保存した内容が壊れています。"),
    Why.FAULT: gettext_lazy("読み取りの途中でプログラムのエラーが起きました。運用担当者に知らせてください。"),
    Why.KILLED: gettext_lazy("読み取りの途中でプロセスが3回終了しました。運用担当者に知らせてください。"),
}


@dataclass(frozen=True, slots=True)
class RuleWords:
    """A row of the table in words: what it means, where that is told, and what had to fit."""

    name: str
    meaning: str
    source: str
    conditions: list[str]


def explain_reading(reading: str) -> str:
    """Return the sentence for a way of reading; an unknown name is shown as it is."""
    if not reading:
        return _("まだ読み取っていません。")
    return str(READINGS.get(reading, reading))


def explain_why(note: str) -> str:
    """Return the sentence for what kept a notice from counting, with the program's own words where there are any."""
    why, _colon, words = note.partition(": ")
    sentence = str(WHYS.get(why, why))
    return f"{sentence} ({words})" if words else sentence


def explain_rule(name: str) -> RuleWords:
    """Return a rule in words. Where a way of reading decided by itself, its sentence is the meaning."""
    rule = BY_NAME.get(name)
    if rule is None:
        return RuleWords(name, explain_reading(name) if name else "", "", [])
    return RuleWords(name, str(rule.reason.label), rule.source, describe_conditions(rule))


def describe_conditions(rule: Rule) -> list[str]:
    """Return what had to fit, a phrase for each."""
    codes = ["—" if code is None else str(code) for code in rule.codes]
    shown = f"{codes[0]}〜{codes[-1]}" if len(codes) > 5 else "・".join(codes)
    phases = "・".join(str(phase.label) for phase in rule.phases)
    told = (
        (_("応答の言葉"), bool(rule.says or rule.patterns)),
        (_("拡張ステータスコード %s") % rule.status, bool(rule.status)),
        (_("応答コード %s") % shown, bool(codes)),
        (_("サーバー %s") % "・".join(rule.hosts), bool(rule.hosts)),
        (_("段階 %s") % phases, bool(phases)),
    )
    return [words for words, is_asked in told if is_asked]


def rule_source(name: str) -> str:
    """Return where the meaning of a rule is told (an RFC, a provider's page), "" where the notice itself decided."""
    return BY_NAME[name].source if name in BY_NAME else ""

"""Says which way of reading and which rule decided about a notice."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mta.reply_rules import RULES

SOURCES = {rule.name: rule.source for rule in RULES}
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
    "no-sign": gettext_lazy("エラーメールの特徴が見つかりませんでした。"),
}


def explain_reading(reading: str) -> str:
    """Return the sentence for a way of reading; an unknown name is shown as it is."""
    if not reading:
        return _("まだ読み取っていません。")
    return str(READINGS.get(reading, reading))


def rule_source(rule: str) -> str:
    """Return where the meaning of a rule is told (an RFC, a provider's page), "" where the notice itself decided."""
    return SOURCES.get(rule, "")

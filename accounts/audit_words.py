"""Japanese words for what the audit log records: actions, the names of details, their values."""

from django.utils.translation import gettext_lazy as _

# A test holds this table against every action that the code records.
ACTIONS = {
    "workspace.settings": _("設定の変更"),
    "workspace.limit_applied": _("エラー停止の回数の適用"),
    "member.invite": _("メンバーの追加"),
    "member.role": _("役割の変更"),
    "member.remove": _("メンバーの削除"),
    "list.create": _("リストの作成"),
    "list.update": _("リストの変更"),
    "list.delete": _("リストの削除"),
    "list.import": _("CSVの取り込み"),
    "subscriber.stopped": _("購読者の配信停止"),
    "subscriber.resumed": _("購読者の配信再開"),
    "sender.create": _("送信元の追加"),
    "sender.update": _("送信元の変更"),
    "sender.archive": _("送信元の使用の終了"),
    "sender.restore": _("送信元の使用の再開"),
    "sender_domain.verify": _("送信ドメインの確認完了"),
    "sender_domain.unverify": _("送信ドメインの確認取り消し"),
    "campaign.schedule": _("配信の予約"),
    "campaign.unschedule": _("配信の予約の取り消し"),
    "campaign.pause": _("配信の一時停止"),
    "campaign.resume": _("配信の再開"),
    "campaign.cancel": _("配信の中止"),
    "campaign.refused": _("配信の開始の取りやめ"),
    "failures.stop": _("失敗した宛先の配信停止"),
    "failures.unlist": _("失敗した宛先をリストから外す"),
}

DETAILS = {
    "error_limit": _("エラー停止までの回数"),
    "stop_unknown_at_once": _("宛先不明は1回で配信停止"),
    "count_unknown_reason": _("原因不明も数える"),
    "stopped": _("配信停止にした件数"),
    "role": _("役割"),
    "before": _("変更前"),
    "after": _("変更後"),
    "at": _("配信日時"),
    "unsent": _("送らなかった件数"),
    "reason": _("理由"),
    "why": _("理由"),
    "was": _("以前の停止理由"),
    "file": _("ファイル"),
    "mode": _("取り込み方法"),
    "import": _("取り込み番号"),
    "subscribers": _("登録者数"),
    "reasons": _("エラーの理由"),
    "chosen": _("選んだ件数"),
    "changed": _("変更した件数"),
    "spf": "SPF",
    "dkim": "DKIM",
    "dmarc": "DMARC",
}

VALUES = {
    "admin": _("管理者"),
    "editor": _("作成者"),
    "viewer": _("閲覧者"),
    "errors": _("エラー停止"),
    "unsubscribed": _("購読解除"),
    "complaint": _("苦情"),
    "manual": _("手動停止"),
    "merge": _("追加・更新"),
    "add": _("追加のみ"),
    "replace": _("差し替え"),
    "ok": _("設定済み"),
    "missing": _("未設定"),
    "wrong": _("要修正"),
    "unknown": _("確認できません"),
    "user_unknown": _("宛先不明"),
    "refused": _("受信拒否"),
    "True": _("はい"),
    "False": _("いいえ"),
}

# What an empty value means; only a list's limit can be empty so far.
EMPTY_VALUES = {"error_limit": _("ワークスペースの設定に従う")}
NOTHING = _("なし")

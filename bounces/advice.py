"""What an error means and what to do about it, in plain Japanese: by reason, and by rule where that says more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from mta.verdicts import Reason


@dataclass(frozen=True, slots=True)
class Advice:
    """What it means, and what the sender should do."""

    meaning: Any
    action: Any


UNSORTED: Final = Advice(
    _("理由を読み取れていない失敗です。"),
    _("「エラーメール」の画面で原文を確かめてください。多い場合は運用担当者に知らせてください。"),
)

BY_REASON: Final[dict[str, Advice]] = {
    Reason.USER_UNKNOWN: Advice(
        _("そのメールアドレスは相手のサーバーにありません。打ち間違いか、解約・変更された可能性があります。"),
        _("リストから外してください。同じプロバイダで急に増えたときは、ブロックの可能性もあるため先に確かめます。"),
    ),
    Reason.HOST_UNKNOWN: Advice(
        _("アドレスの@より後ろのドメインが見つからないか、メールを受け付けていません。"),
        _("打ち間違い(gmial.com など)がないか確かめ、正しいアドレスが分からなければリストから外してください。"),
    ),
    Reason.MAILBOX_FULL: Advice(
        _("受信者のメールボックスがいっぱいです。使われなくなったアドレスにもよく起こります。"),
        _("しばらく様子を見てください。続くときはエラー停止の回数に達した時点で止まります。"),
    ),
    Reason.SUSPENDED: Advice(
        _("アカウントが停止中か休眠中です。"),
        _("様子を見て、続くようならリストから外してください。"),
    ),
    Reason.REFUSED: Advice(
        _("受信者ご本人の設定(迷惑メール対策や指定受信)で拒否されました。"),
        _("受信者に、送信元ドメインの受信を許可していただくようお願いします(「受信許可のお願い」の文面があります)。"),
    ),
    Reason.TEMPORARY: Advice(
        _("相手のサーバーや通信の一時的な障害で、期限までに送り終えられませんでした。"),
        _("アドレスの誤りではありません。時間をおいて失敗分だけ送り直してください。"),
    ),
    Reason.RATE_LIMITED: Advice(
        _("短い時間に送りすぎたため、相手のサーバーが受け取りを控えました。"),
        _("配信の時間を分け、そのプロバイダ宛ての速度を落としてください。アドレスの誤りではありません。"),
    ),
    Reason.REPUTATION: Advice(
        _("送信元のIPアドレスやドメインの評価が低く、受け取りを断られました。アドレスの誤りではありません。"),
        _("宛先不明の多いリストへの配信を止め、送信ドメイン認証を確かめたうえで、プロバイダに解除を依頼してください。"),
    ),
    Reason.AUTH: Advice(
        _("SPF・DKIM・DMARC の確認に通らず、なりすましの疑いで断られました。"),
        _("「送信元」の画面で3つの設定を確かめ、直してから送り直してください。"),
    ),
    Reason.SPAM_CONTENT: Advice(
        _("件名・本文・リンク・添付の内容が迷惑メールと判定されました。"),
        _("短縮URL、紛らわしいリンク、大きな画像だけの本文を避けて書き直し、テスト送信で確かめてください。"),
    ),
    Reason.TOO_LARGE: Advice(
        _("メールが相手の受け取れる大きさを超えています。"),
        _("画像を小さくするか、ファイルをリンクに替えてください。数十KBまでが目安です。"),
    ),
    Reason.POLICY: Advice(
        _("相手のサーバーの方針で断られました。理由の詳しい説明はありません。"),
        _("応答の文面にURLや記号があれば、その説明を確かめてください。続くときはプロバイダに問い合わせます。"),
    ),
    Reason.UNKNOWN: Advice(
        _("返された内容に原因が書かれていません。"),
        _("初期設定ではエラー停止に数えません。同じ文面が多いときは、相手のサーバーの管理者に問い合わせてください。"),
    ),
    Reason.COMPLAINT: Advice(
        _("受信者が「迷惑メール」と報告しました。エラーではありませんが、評価に強く影響します。"),
        _("そのアドレスはすでに停止しています。登録のしかた、配信の頻度、解除の分かりやすさを見直してください。"),
    ),
}

# Names are those of mta.reply_rules.
BY_RULE: Final[dict[str, Advice]] = {
    "docomo-unknown": Advice(
        _("ドコモが宛先を確かめる段階で「存在しない」と答えました。"),
        _("リストから外してください。ドコモは宛先不明が多い送信元を一時的にブロックすることがあります。"),
    ),
    "docomo-refused": Advice(
        _("ドコモが本文を受け取った後に断りました。受信者の迷惑メール対策の設定によることが多い応答です。"),
        _("アドレスは生きている可能性があります。受信者に送信元ドメインの受信許可をお願いしてください。"),
    ),
    "au-limited": Advice(
        _("au が大量送信の規制をかけています。"),
        _("au 宛ての配信を一時停止し、時間を分けて少しずつ送ってください。"),
    ),
    "yahoo-jp-excess-unknown": Advice(
        _("Yahoo!メールが、宛先不明の多い送信元と判断して受け取りを断りました。"),
        _("Yahoo!メール宛ての古いアドレスを整理し、しばらく時間をおいてから送り直してください。"),
    ),
    "gmail-unauthenticated": Advice(
        _("Gmail が SPF・DKIM・DMARC のどれかに通らなかったため断りました。"),
        _("「送信元」の画面で3つとも「設定済み」になっているか確かめてください。"),
    ),
    "gmail-unsolicited": Advice(
        _("Gmail が、送信元の評価が低い、または急に送信が増えたと判断しました。"),
        _("Postmaster Tools で迷惑メール率を確かめ、反応のない宛先を減らし、量を少しずつ増やしてください。"),
    ),
    "microsoft-reputation": Advice(
        _("Outlook.com が送信元のIPアドレスをブロックしています。"),
        _("SNDS でIPアドレスの状態を確かめ、Outlook.com の送信者サポートに解除を依頼してください。"),
    ),
    "microsoft-dmarc": Advice(
        _("Outlook.com が求める SPF・DKIM・DMARC の条件を満たしていません。"),
        _("「送信元」の画面で3つとも「設定済み」にしてから送り直してください。"),
    ),
    "icloud-reputation": Advice(
        _("iCloudメールが送信元の評価によって受け取りを断りました。"),
        _("送信ドメイン認証と逆引きを確かめたうえで、Apple の postmaster 窓口に応答の文面を添えて相談してください。"),
    ),
}


def advice_for(reason: str, rule: str) -> Advice:
    """Return the advice for a failure; that of its rule, where there is one, says more than that of its reason."""
    return BY_RULE.get(rule) or BY_REASON.get(reason, UNSORTED)

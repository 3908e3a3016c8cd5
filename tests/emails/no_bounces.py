"""Mails that come in at a bounce door and are no bounce: a table, and the builder that makes mails of it."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP

from bounces.parsed import NoticeKind

AUTO, DELAY = NoticeKind.AUTO_REPLY, NoticeKind.DELAY
ORDINARY, REPORT, DELIVERED = NoticeKind.ORDINARY, NoticeKind.REPORT, NoticeKind.DELIVERED
OURS = "b-12-aaaaaaaaaaaaaaaaaaaaaaaaaa@bounce.example.com"
TANAKA = "田中太郎 <tanaka@example.jp>"
DAEMON = "Mail Delivery Subsystem <MAILER-DAEMON@mx.example.jp>"
AUTOMATIC = {"Auto-Submitted": "auto-replied"}
NO_SENDER = {"Return-Path": "<>"}


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail: what is read in it, who wrote it, and what it says."""

    name: str
    kind: NoticeKind
    sender: str
    subject: str
    text: str
    headers: dict[str, str] | None = None
    charset: str = "utf-8"


LETTERS = (
    # 自動応答
    Letter("away-today", AUTO, TANAKA, "不在のお知らせ", "本日は終日外出しております。明日以降にご連絡いたします。", AUTOMATIC),
    Letter("away-subject-only", AUTO, TANAKA, "Re: 【不在通知】9月のお知らせ", "9月20日まで休みをいただいております。"),
    Letter("away-with-colleague", AUTO, TANAKA, "自動応答: 9月のお知らせ", "お急ぎの方は、下記までお願いいたします。\n\nsuzuki@example.jp", AUTOMATIC),
    Letter("away-bilingual", AUTO, TANAKA, "Automatic reply: 9月のお知らせ", "I am out of the office.\n現在休暇中です。", {"X-Auto-Response-Suppress": "All"}),
    Letter("away-exchange", AUTO, TANAKA, "自動応答: お知らせ", "ただいま席を外しております。", {"X-Auto-Response-Suppress": "OOF"}),
    Letter("away-null-path", AUTO, TANAKA, "自動返信:お知らせ", "返信までしばらくお待ちください。", NO_SENDER),
    Letter("away-jis", AUTO, TANAKA, "自動返信", "出張のため、返信が遅れます。", AUTOMATIC, "iso-2022-jp"),
    Letter("away-precedence", AUTO, TANAKA, "Re: お知らせ", "ただいま不在です。", {"Precedence": "auto_reply"}),
    Letter("away-vacation", AUTO, TANAKA, "Re: お知らせ", "夏休みをいただいております。", {"X-Autoreply": "yes", "Precedence": "bulk"}),
    Letter("away-autorespond", AUTO, TANAKA, "お知らせ", "席を外しています。", {"X-Autorespond": "お知らせ"}),
    Letter("summer-holiday", AUTO, TANAKA, "夏季休業のお知らせ【自動返信】", "8月11日から16日まで休業いたします。"),
    Letter("year-end", AUTO, TANAKA, "年末年始休業のご案内", "12月29日から1月4日まで休業いたします。", AUTOMATIC),
    Letter("parental-leave", AUTO, TANAKA, "休暇中のため不在です", "育児休業を取得しております。担当:佐藤 sato@example.jp", AUTOMATIC),
    Letter("left-the-company", AUTO, TANAKA, "退職のご挨拶", "田中は3月末で退職いたしました。このアドレスは使用できません。\n後任:suzuki@example.jp", AUTOMATIC),
    Letter("left-without-header", AUTO, TANAKA, "【自動返信】退職いたしました", "このメールアドレスは現在使われておりません。"),
    Letter("moved-department", AUTO, TANAKA, "異動のお知らせ", "4月1日付で異動いたしました。新しい担当は suzuki@example.jp です。", AUTOMATIC),
    Letter("new-address", AUTO, TANAKA, "メールアドレス変更のお知らせ", "新しいアドレスは tanaka@new.example.jp です。", AUTOMATIC),
    Letter("inquiry-received", AUTO, "サポート窓口 <support@example.jp>", "お問い合わせを受け付けました", "受付番号:550-1234\n3営業日以内に回答いたします。", {"Auto-Submitted": "auto-generated"}),
    Letter("inquiry-thanks", AUTO, "サポート窓口 <no-reply@example.jp>", "お問い合わせありがとうございます", "このメールは送信専用です。"),
    Letter("order-received", AUTO, "ショップ <order@example.jp>", "ご注文受付完了のお知らせ", "ご注文を承りました。", {"Auto-Submitted": "auto-replied"}),
    Letter("send-only", AUTO, "送信専用 <no-reply@example.jp>", "【自動送信】このアドレスには返信できません", "お送りいただいたメールは届きません。", AUTOMATIC),
    Letter("reception-desk", AUTO, "事務局 <office@example.jp>", "【自動返信】メールを受け取りました", "内容を確認のうえ、ご連絡いたします。"),
    Letter("ticket", AUTO, "ヘルプデスク <help@example.jp>", "[#5501] 自動応答:お知らせ", "チケット番号 5501 で承りました。", AUTOMATIC),
    Letter("mobile-driving", AUTO, "花子 <hanako@docomo.ne.jp>", "Re: お知らせ", "運転中のため返信できません。", {"X-Autoreply-From": "hanako@docomo.ne.jp"}),
    Letter("out-of-office-en", AUTO, "Taro <taro@example.com>", "Out of office: September news", "I will be back on Monday.\nIn urgent cases write to\nsuzuki@example.com", AUTOMATIC),
    Letter("auto-notified", AUTO, TANAKA, "着信のお知らせ", "メールを携帯電話に転送しました。", {"Auto-Submitted": "auto-notified"}),
    Letter("read-receipt-ja", AUTO, TANAKA, "開封済み: 9月のお知らせ", "次のメールは 2026/09/01 に開かれました。"),
    Letter("not-read", AUTO, TANAKA, "Not read: 9月のお知らせ", "Your message was deleted without being read."),
    # 返信
    Letter("reply-thanks", ORDINARY, TANAKA, "Re: 9月のお知らせ", "ありがとうございます。参加します。"),
    Letter("reply-stop", ORDINARY, TANAKA, "Re: 9月のお知らせ", "配信を停止してください。"),
    Letter("reply-quoting-a-bounce", ORDINARY, TANAKA, "Re: エラーメールについて", "確認しました。\n\n> <hanako@example.jp>: 550 5.1.1 User unknown\n> 宛先不明\n"),
    Letter("reply-about-an-error", ORDINARY, TANAKA, "Re: 配信エラーの件", "以下の宛先に送信できませんでした。\n\nhanako@example.jp\n\n550 5.1.1 と表示されます。"),
    Letter("forwarded-bounce", ORDINARY, TANAKA, "Fwd: Undelivered Mail Returned to Sender", "こんなメールが届きました。\n\n<hanako@example.jp>: host mx.example.jp said: 550 5.1.1 User unknown\n"),
    Letter("forwarded-by-japanese-client", ORDINARY, TANAKA, "転送: 送信できませんでした", "hanako@example.jp: 550 user unknown"),
    Letter("postmaster-answers", ORDINARY, "postmaster@example.jp", "Re: メールが届かない件", "ご連絡ありがとうございます。設定を確認いたします。\n\nsuzuki@example.jp"),
    Letter("reply-null-path", ORDINARY, TANAKA, "Re: お知らせ", "了解しました。連絡先: suzuki@example.jp", NO_SENDER),
    Letter("reply-with-signature", ORDINARY, TANAKA, "RE: RE: 見積もりの件", "承知しました。\n--\n田中太郎\ntanaka@example.jp\nTEL 03-5550-1234"),
    Letter("reply-jis", ORDINARY, TANAKA, "Re: お知らせ", "いつもお世話になっております。", None, "iso-2022-jp"),
    Letter("reply-sjis", ORDINARY, TANAKA, "Re: お知らせ", "資料を拝見しました。", None, "shift_jis"),
    # ふつうのメール
    Letter("question-about-errors", ORDINARY, TANAKA, "配信エラーについての質問", "エラー 550 とは何ですか。宛先不明と出ます。\n\nhanako@example.jp"),
    Letter("cannot-send", ORDINARY, TANAKA, "送信できません", "フォームから送信できませんでした。\nアドレスは tanaka@example.jp です。"),
    Letter("parcel", ORDINARY, "配送センター <info@delivery.example.jp>", "お荷物の配送状況のお知らせ", "お届けできませんでした。再配達をご依頼ください。\ninfo@delivery.example.jp"),
    Letter("parcel-late", ORDINARY, "配送センター <info@delivery.example.jp>", "お荷物の到着遅延について", "天候の影響で到着が遅れています。\nお問い合わせ: info@delivery.example.jp"),
    Letter("train-delay", ORDINARY, "運行情報 <info@train.example.jp>", "【遅延】中央線", "人身事故の影響で遅れが出ています。"),
    Letter("invoice", ORDINARY, "経理部 <keiri@example.jp>", "9月分請求書の送付", "金額は 5,500 円です。"),
    Letter("spam-offer", ORDINARY, "winner@spam.example", "Congratulations, your mailbox is full of prizes", "Write to\nprize@spam.example\nto receive 554 dollars."),
    Letter("phishing-quota", ORDINARY, "Support <support@phish.example>", "Your mailbox quota exceeded", "User tanaka@example.jp: your mailbox is over quota. Click here."),
    Letter("phishing-undelivered", ORDINARY, "Mail Support <support@phish.example>", "5 undelivered messages", "Messages could not be delivered to\ntanaka@example.jp\nRelease them here: http://phish.example/"),
    Letter("newsletter", ORDINARY, "お店 <news@example.jp>", "週末セール", "配信停止は https://example.jp/stop から。", {"List-Unsubscribe": "<https://example.jp/stop>"}),
    Letter("mailing-list", ORDINARY, "会員 <member@example.jp>", "[cats:00550] 集会のお知らせ", "日曜日に集まります。\nmember@example.jp", {"X-MLServer": "fml [fml 4.0.3]", "Precedence": "list"}),
    Letter("server-monitor", ORDINARY, "監視 <root@example.jp>", "disk full on web01", "/var is 100% full\nadmin@example.jp"),
    Letter("cron", ORDINARY, "Cron Daemon <root@example.jp>", "Cron <root@web01> backup", "550 files were saved."),
    Letter("empty", ORDINARY, TANAKA, "", ""),
    Letter("stop-request", ORDINARY, "hanako@docomo.ne.jp", "", "もう送らないでください"),
    # 遅延通知
    Letter("delay-sendmail", DELAY, DAEMON, "Warning: could not send message for past 4 hours", "**  THIS IS A WARNING MESSAGE ONLY  **\n**  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **\n\n   ----- Transcript of session follows -----\nhanako@example.jp... Deferred: Connection timed out with mx.example.jp.\nWarning: message still undelivered after 4 hours\nWill keep trying until message is 5 days old\n", NO_SENDER),
    Letter("delay-exim", DELAY, DAEMON, "Warning: message 1abcde-000001-AB delayed 24 hours", "A message that you sent has not yet been delivered to one or more of its\nrecipients after more than 24 hours on the queue.\n\nThe address to which the message has not yet been delivered is:\n\n  hanako@example.jp\n    Delay reason: Connection timed out\n\nNo action is required on your part.\n", NO_SENDER),
    Letter("delay-japanese", DELAY, DAEMON, "配送遅延のお知らせ", "次の宛先への配送が遅れています。\n\n<hanako@example.jp>\n\n引き続き再送を試みますので、再度お送りいただく必要はありません。", NO_SENDER),
    Letter("delay-japanese-gateway", DELAY, "postmaster@gw.example.jp", "【遅延通知】メールの配送が遅延しています", "宛先: hanako@example.jp\n理由: 451 4.3.2 しばらくしてから再送してください\n配送を続けます。"),
    Letter("delay-opensmtpd", DELAY, DAEMON, "Delivery status notification: delay", "Please note that this is only a temporary failure report.\n\nhanako@example.jp: 450 4.7.1 Greylisted\n"),
    Letter("delay-names-nobody", ORDINARY, DAEMON, "配送遅延のお知らせ", "配送を続けます。"),
    # Mails that speak of errors
    Letter("customer-quotes-a-bounce", ORDINARY, TANAKA, "御社宛のメールが戻ってきます", "次のエラーで届きません。\n\n<info@shop.example>: host mx.shop.example[192.0.2.1] said: 550 5.1.1 User unknown (in reply to RCPT TO command)"),
    Letter("customer-quotes-a-status", ORDINARY, TANAKA, "エラーメールの件", "Final-Recipient: rfc822; hanako@example.jp\nAction: failed\nStatus: 5.1.1"),
    Letter("newsletter-about-bounces", ORDINARY, "技術通信 <news@tech.example.jp>", "エラーメール特集:550 5.1.1の読み方", "550 5.1.1 User unknownは宛先不明です。\nお問い合わせ: info@tech.example.jp"),
    Letter("newsletter-in-english", ORDINARY, "Tech News <news@tech.example.com>", "Delivery failure explained", "Your message could not be delivered: 550 5.1.1 user unknown. An example: someone@example.org"),
    Letter("form-without-return-path", ORDINARY, "www-data <www-data@example.jp>", "[フォーム] 配信エラーの相談", "hanako@example.jp\n550 5.1.1 User unknown\n宛先不明で戻ります。", NO_SENDER),
    Letter("transfer-refused", ORDINARY, "銀行 <info@bank.example.jp>", "お振込みができませんでした", "振込先口座が存在しません。エラーコード 550\ntaro@example.jp 様"),
    Letter("quota-warning-of-postmaster", ORDINARY, "postmaster@example.jp", "メールボックス容量の警告", "お使いのメールボックスの容量が90%を超えました。"),
    Letter("postmaster-maintenance", ORDINARY, "postmaster@example.jp", "メンテナンスのお知らせ", "11月20日に停止します。"),
    Letter("logwatch", ORDINARY, "root@example.jp", "Logwatch for mx", "postfix: 12 bounced: 550 5.1.1 user unknown hanako@example.jp"),
    Letter("stop-form-fails", ORDINARY, TANAKA, "配信停止できません", "配信停止フォームがエラーになり、送信できません。tanaka@example.jp を解除してください。"),
    Letter("recall-failed", ORDINARY, TANAKA, "Message Recall Failure: お知らせ", "Your message To: hanako@example.jp could not be recalled."),
    # 確認や承認を待つメール
    Letter("challenge", AUTO, "spamguard@example.jp", "Re: お知らせ [確認が必要です]", "メールは保留されています。次のURLを押すと配送されます。", {**NO_SENDER, **AUTOMATIC}),
    Letter("challenge-in-english", ORDINARY, "taro@example.com", "Your message requires verification", "Your message to taro@example.com has not been delivered yet. Click here to deliver it.", NO_SENDER),
    Letter("list-awaits-approval", ORDINARY, "list-bounces@lists.example.jp", "Your message to List awaits moderator approval", "Your mail is being held until the list moderator can review it.", {"Precedence": "bulk"}),
    Letter("quarantine-digest", ORDINARY, "隔離サービス <quarantine@example.jp>", "隔離レポート:3通が隔離されました", "差出人: news@shop.example\n迷惑メールとして隔離しました。"),
    Letter("delivered-in-words", ORDINARY, DAEMON, "Successful Mail Delivery Report", "The message was successfully delivered to <taro@example.jp>.", NO_SENDER),
    Letter("relayed-in-words", ORDINARY, "postmaster@example.jp", "Relayed: お知らせ", "Delivery to these recipients is complete, but no delivery notification was sent by the destination server:\n\ntaro@example.jp", NO_SENDER),
    # A delay names a cause that would be permanent.
    Letter("delay-user-unknown", DELAY, DAEMON, "Warning: message delayed", "The message has not yet been delivered to taro@example.jp: 450 4.1.1 User unknown in relay table. It will be retried.", NO_SENDER),
    # レポートと配送完了
    Letter("dmarc", REPORT, "noreply-dmarc@provider.example", "Report Domain: shop.example Submitter: provider.example Report-ID: <1>", "This is a DMARC aggregate report."),
    Letter("tls-report", REPORT, "noreply-tls@provider.example", "TLSRPT report for shop.example", "550 sessions failed."),
)  # fmt: skip


def build(letter: Letter) -> bytes:
    """Return a mail as it comes in."""
    mail = EmailMessage(policy=SMTP)
    for name, value in (letter.headers or {}).items():
        mail[name] = value
    mail["From"] = letter.sender
    mail["To"] = OURS
    mail["Subject"] = letter.subject
    mail["Date"] = "Tue, 01 Sep 2026 09:00:00 +0900"
    mail["Message-ID"] = f"<{letter.name}@example.jp>"
    if letter.text:
        mail.set_content(letter.text, charset=letter.charset)
    return mail.as_bytes()

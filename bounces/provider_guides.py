"""What each provider asks of senders, as data: the rule in our words, where it is told, since when, how it is checked.

Facts only; where a provider publishes no figure, none is given. To change one, look it up at its source, and say there when
and how the page was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum, auto
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from senders.guide_sources import Source

# On this day copies that bear no date were read.
READ: Final = date(2026, 11, 22)
START_ONLY: Final = _("ページの前半のみ")
DOCOMO: Final = Source("https://www.docomo.ne.jp/service/docomo_mail/smtp_notice/", read=READ)
DOCOMO_MASS: Final = Source("https://www.docomo.ne.jp/service/imode_mail/notice/mass_send/", read=READ)
AU: Final = Source("https://www.au.com/mobile/service/attention/specification/", read=READ)
AU_FAQ: Final = Source("https://www.au.com/mobile/service/attention/faq/", read=READ, note=START_ONLY)
AU_SPF: Final = Source("https://www.au.com/mobile/service/mail/attention/spf-record/", read=READ)
SOFTBANK: Final = Source("https://www.softbank.jp/mobile/support/antispam/wrestle/", read=READ, note=START_ONLY)
SOFTBANK_DMARC: Final = Source("https://www.softbank.jp/mobile/info/personal/news/support/20240213a/", read=READ)
SOFTBANK_SPF: Final = Source("https://www.softbank.jp/mobile/info/personal/news/service/060328/")
GMAIL: Final = Source("https://support.google.com/mail/answer/81126", copied=date(2026, 3, 11))
GMAIL_FAQ: Final = Source("https://support.google.com/a/answer/14229414", copied=date(2026, 3, 11))
YAHOO: Final = Source("https://senders.yahooinc.com/best-practices/", copied=date(2025, 4, 10))
YAHOO_FAQ: Final = Source("https://senders.yahooinc.com/faqs/", copied=date(2025, 8, 2))
YAHOO_JP: Final = Source("https://whatsnewmail.yahoo.co.jp/yahoo/20241211a.html", read=READ)
APPLE: Final = Source("https://support.apple.com/en-us/102322", copied=date(2025, 2, 26))
MICROSOFT: Final = Source("https://postmaster.live.com/pm/policies.aspx", copied=date(2026, 6, 15))
MICROSOFT_JMRP: Final = Source("https://postmaster.live.com/pm/services.aspx", copied=date(2025, 12, 3))
LAW: Final = Source("https://laws.e-gov.go.jp/law/414AC1000000026")
RFC_8058: Final = Source("https://www.rfc-editor.org/rfc/rfc8058")
RFC_5965: Final = Source("https://www.rfc-editor.org/rfc/rfc5965")
RFC_9989: Final = Source("https://www.rfc-editor.org/rfc/rfc9989")


class Check(Enum):
    """What our own data can say about a rule."""

    # That of the Return-Path, which is what receivers look at (RFC 7208 section 2.4).
    SPF = auto()
    # That of the domain in the From line besides.
    AUTHOR_SPF = auto()
    # The domain in the From line has an A or an MX record.
    AUTHOR_HOST = auto()
    DKIM = auto()
    # There is a record.
    DMARC = auto()
    # Our mail passes by it.
    DMARC_PASS = auto()
    SPF_OR_DKIM = auto()
    # SPF or DKIM passes for the domain in the From line.
    ALIGNMENT = auto()
    # The reverse names of our sending addresses lead back to them.
    PTR = auto()
    TLS = auto()
    # Every mail of ours has it (RFC 8058).
    ONE_CLICK = auto()
    # `limit` is per cent of the accepted mails.
    COMPLAINTS = auto()
    UNKNOWN_USERS = auto()
    # `limit` is mails a day from which a rule holds.
    VOLUME = auto()


@dataclass(frozen=True, slots=True)
class Guideline:
    """One rule. `since` is when it came into force or was published, "" where that is not told."""

    text: Any
    source: Source
    since: Any = ""
    check: Check | None = None
    limit: float | None = None
    # It asks nothing of senders.
    is_notice: bool = False


@dataclass(frozen=True, slots=True)
class Guide:
    """The rules of a provider and the way to write to it about a block."""

    guidelines: tuple[Guideline, ...]
    contact: Any
    # Whether it tells senders of each complaint (RFC 5965); without that our number of complaints says nothing.
    tells_complaints: bool = False


NO_DESK: Final = _(
    "送信者専用の窓口は公表されていません。受信者(契約者)ご本人から、プロバイダのお客様窓口へ問い合わせていただくのが確実です。"
)
NO_COMPLAINT_FIGURE: Final = _("迷惑メール報告の割合の基準: 公表されていません。")

GUIDES: Final[dict[str, Guide]] = {
    "docomo": Guide(
        (
            Guideline(
                _("DMARC の認証に成功すること。失敗すると警告が表示され、届かないこともあります。"),
                DOCOMO,
                _("警告表示は2024年10月から(配信サービス各社の案内による)"),
                Check.DMARC_PASS,
            ),
            Guideline(_("ヘッダーの差出人(From)のドメインにも SPF を公開すること。"), DOCOMO, check=Check.AUTHOR_SPF),
            Guideline(
                _("SPF とあわせて DKIM も設定すること(転送されたメールが DMARC に失敗しないため)。"),
                DOCOMO,
                check=Check.DKIM,
            ),
            Guideline(_("差出人(From)のドメインに A か MX のレコードがあること。"), DOCOMO, check=Check.AUTHOR_HOST),
            Guideline(
                _(
                    "宛先不明のアドレスへ大量に送らないこと。送信元ネットワークが一時的に受信ブロックされることがあります。割合の基準は公表されていません。"
                ),
                DOCOMO_MASS,
                check=Check.UNKNOWN_USERS,
            ),
            Guideline(NO_COMPLAINT_FIGURE, DOCOMO, check=Check.COMPLAINTS, is_notice=True),
        ),
        NO_DESK,
    ),
    "au": Guide(
        (
            Guideline(
                _("存在しないアドレスへ大量に送らないこと。割合の基準は公表されていません。"),
                AU,
                check=Check.UNKNOWN_USERS,
            ),
            Guideline(
                _("短い時間に著しく大量のメールを送らないこと。通数の基準は公表されていません。"),
                AU_FAQ,
                check=Check.VOLUME,
            ),
            Guideline(
                _("送信に使うドメインの SPF を TXT レコードで公開すること(IPv4 で指定)。"),
                AU_SPF,
                check=Check.AUTHOR_SPF,
            ),
            Guideline(
                _("DMARC と DKIM でなりすましを判定しています。どちらも設定しておくこと。"),
                AU_SPF,
                _("2023年10月以降順次"),
                Check.DMARC_PASS,
            ),
            Guideline(_("1通の大きさは3MBまで、1通あたりの宛先は100件まで(本製品は1件ずつ送ります)。"), AU),
            Guideline(NO_COMPLAINT_FIGURE, AU_FAQ, check=Check.COMPLAINTS, is_notice=True),
        ),
        NO_DESK,
    ),
    "softbank": Guide(
        (
            Guideline(
                _(
                    "宛先不明のアドレスを大量に含めないこと。迷惑メールと判断され、送信が制御されることがあります。割合の基準は公表されていません。"
                ),
                SOFTBANK,
                check=Check.UNKNOWN_USERS,
            ),
            Guideline(
                _("DMARC でなりすましを判定しています。「なりすましメールの拒否」は初期設定で有効です。"),
                SOFTBANK_DMARC,
                _("2024年4月上旬から順次"),
                Check.DMARC_PASS,
            ),
            Guideline(_("差出人のドメインに SPF を公開すること。"), SOFTBANK_SPF, check=Check.AUTHOR_SPF),
            Guideline(
                _("一度に大量に送るときは時間をかけること。通数の基準は公表されていません。"),
                SOFTBANK,
                check=Check.VOLUME,
            ),
            Guideline(NO_COMPLAINT_FIGURE, SOFTBANK, check=Check.COMPLAINTS, is_notice=True),
        ),
        NO_DESK,
    ),
    "yahoo_jp": Guide(
        (
            Guideline(
                _(
                    "SPF・DKIM・DMARC のいずれかに対応し、認証に通ること。通らないメールは迷惑メールと判定されるか、受信を拒否されることがあります。"
                ),
                YAHOO_JP,
                _("2024年12月11日のお知らせ"),
                Check.SPF_OR_DKIM,
            ),
            Guideline(
                _("DMARC にも対応しています。設定しておくこと。"), YAHOO_JP, _("2024年12月11日のお知らせ"), Check.DMARC
            ),
            Guideline(
                _("Gmail と同様の措置を行う予定はないとされています(2024年12月時点)。通数の基準は公表されていません。"),
                YAHOO_JP,
                _("2024年12月11日のお知らせ"),
                Check.VOLUME,
                is_notice=True,
            ),
            Guideline(
                _("宛先不明の割合の基準: 公表されていません。"),
                YAHOO_JP,
                check=Check.UNKNOWN_USERS,
                is_notice=True,
            ),
            Guideline(NO_COMPLAINT_FIGURE, YAHOO_JP, check=Check.COMPLAINTS, is_notice=True),
        ),
        NO_DESK,
    ),
    "gmail": Guide(
        (
            Guideline(
                _(
                    "1日に約5,000通以上を個人の Gmail 宛てに送ると、一括送信者の条件がすべて適用されます。満たさないメールは一時的・恒久的に拒否されることがあります。"
                ),
                GMAIL_FAQ,
                _("2024年2月1日(2025年11月から強化)"),
                Check.VOLUME,
                5000,
            ),
            Guideline(_("SPF か DKIM を設定すること(一括送信者は両方)。"), GMAIL, _("2024年2月1日"), Check.SPF),
            Guideline(_("一括送信者は DKIM も設定すること。"), GMAIL, _("2024年2月1日"), Check.DKIM),
            Guideline(_("一括送信者は DMARC を設定すること(p=none でもよい)。"), GMAIL, _("2024年2月1日"), Check.DMARC),
            Guideline(
                _("一括送信者は、差出人のドメインが SPF か DKIM のドメインと一致(整合)していること。"),
                GMAIL,
                _("2024年2月1日"),
                Check.ALIGNMENT,
            ),
            Guideline(
                _(
                    "一括送信者の宣伝・購読のメールは、ワンクリックで登録を解除でき(RFC 8058)、48時間以内に解除すること。"
                ),
                GMAIL_FAQ,
                _("2024年6月1日"),
                Check.ONE_CLICK,
            ),
            Guideline(
                _(
                    "迷惑メール率を0.10%未満に保ち、0.30%に決して達しないこと。正しい値は Postmaster Tools で確かめられます。"
                ),
                GMAIL,
                _("2024年2月1日"),
                Check.COMPLAINTS,
                0.10,
            ),
            Guideline(_("送信元IPアドレスの逆引き(PTR)と正引きが一致すること。"), GMAIL, _("2024年2月1日"), Check.PTR),
            Guideline(_("TLS で暗号化して送ること。"), GMAIL, _("2023年12月に追加"), Check.TLS),
        ),
        _(
            "Gmail のヘルプ「メール送信者のガイドライン」から、Postmaster Tools の確認と送信者向けの問い合わせフォームへ進めます。"
        ),
    ),
    "icloud": Guide(
        (
            Guideline(_("SPF で認証すること。"), APPLE, check=Check.SPF),
            Guideline(_("DKIM で署名すること。"), APPLE, check=Check.DKIM),
            Guideline(_("DMARC のポリシーを公開すること。"), APPLE, _("2025年2月25日更新のページ"), Check.DMARC),
            Guideline(_("本文に登録解除のリンクがあり、すぐに解除できること。"), APPLE, check=Check.ONE_CLICK),
            Guideline(_("はっきり登録した人だけに送り、購入・借用したリストを使わないこと。"), APPLE),
            Guideline(_("送信元IPアドレスの逆引きを公開すること。"), APPLE, check=Check.PTR),
            Guideline(_("いつも同じIPアドレスとドメインから送り、差出人名とアドレスも変えないこと。"), APPLE),
            Guideline(
                _(
                    "エラーになったアドレスの扱いを決め、反応のない宛先を定期的に外すこと。割合の基準は公表されていません。"
                ),
                APPLE,
                check=Check.UNKNOWN_USERS,
            ),
            Guideline(
                _("迷惑メール報告は送信者に知らされません。割合の基準: 公表されていません。"),
                APPLE,
                check=Check.COMPLAINTS,
                is_notice=True,
            ),
        ),
        _(
            "Apple の postmaster 窓口 icloudadmin@apple.com へ、会社名・ドメイン・送信元IPアドレス・応答の文面・発生時期を添えて送ります。"
        ),
    ),
    "microsoft": Guide(
        (
            Guideline(
                _("1日に5,000通を超えて送るドメインには、SPF・DKIM・DMARC が必須です。"),
                MICROSOFT,
                _("2025年5月5日"),
                Check.VOLUME,
                5000,
            ),
            Guideline(_("SPF に通ること。"), MICROSOFT, _("2025年5月5日"), Check.SPF),
            Guideline(_("DKIM に通ること。"), MICROSOFT, _("2025年5月5日"), Check.DKIM),
            Guideline(
                _("DMARC を p=none 以上で公開すること。満たさないと迷惑メールに入るか、550 5.7.515 で拒否されます。"),
                MICROSOFT,
                _("2025年5月5日"),
                Check.DMARC,
            ),
            Guideline(
                _("差出人のドメインが、SPF か DKIM(できれば両方)のドメインと一致(整合)していること。"),
                MICROSOFT,
                _("2025年5月5日"),
                Check.ALIGNMENT,
            ),
            Guideline(_("登録解除の方法が明記され、見つけやすく使いやすいこと。"), MICROSOFT, check=Check.ONE_CLICK),
            Guideline(_("送信サーバーに有効な逆引きがあること。"), MICROSOFT, check=Check.PTR),
            Guideline(
                _("迷惑メール報告の割合の基準: 公表されていません。JMRP に登録すると報告が1件ずつ届きます。"),
                MICROSOFT_JMRP,
                check=Check.COMPLAINTS,
                is_notice=True,
            ),
            Guideline(
                _(
                    "恒久的なエラー(500番台)になったメールを、その宛先へ送り直さないこと。割合の基準は公表されていません。"
                ),
                MICROSOFT,
                check=Check.UNKNOWN_USERS,
            ),
        ),
        _("Outlook.com の送信者サポート(Sender Support)のフォームから、ブロックされたIPアドレスの解除を依頼できます。"),
        tells_complaints=True,
    ),
    "yahoo": Guide(
        (
            Guideline(_("SPF か DKIM で認証すること(一括送信者は両方)。"), YAHOO, _("2024年2月"), Check.SPF),
            Guideline(_("一括送信者は DKIM でも署名すること。"), YAHOO, _("2024年2月"), Check.DKIM),
            Guideline(
                _("一括送信者は DMARC を設定し(p=none でもよい)、認証に通ること。"),
                YAHOO,
                _("2024年2月"),
                Check.DMARC_PASS,
            ),
            Guideline(
                _("一括送信者は、差出人のドメインが SPF か DKIM のドメインと一致(整合)していること。"),
                YAHOO,
                _("2024年2月"),
                Check.ALIGNMENT,
            ),
            Guideline(
                _(
                    "一括送信者の宣伝・購読のメールは、ワンクリックで登録を解除でき(RFC 8058 を推奨)、2日以内に解除すること。"
                ),
                YAHOO,
                _("2024年6月"),
                Check.ONE_CLICK,
            ),
            Guideline(_("送信元IPアドレスの逆引き(PTR)と正引きが一致すること。"), YAHOO, _("2024年2月"), Check.PTR),
            Guideline(
                _(
                    "迷惑メール率(受信トレイに届いたメールのうち)を0.3%未満に保つこと。DKIM のドメインを Sender Hub に登録すると、報告が1件ずつ届きます。"
                ),
                YAHOO,
                _("2024年2月"),
                Check.COMPLAINTS,
                0.30,
            ),
            Guideline(
                _("一括送信者とされる通数の基準: 公表しないとされています。"),
                YAHOO_FAQ,
                _("2024年2月"),
                Check.VOLUME,
                is_notice=True,
            ),
        ),
        _("Yahoo Sender Hub の問い合わせフォームから、ドメイン・送信元IPアドレス・応答の文面を添えて連絡します。"),
        tells_complaints=True,
    ),
    "other": Guide(
        (
            Guideline(_("SPF を公開すること。"), RFC_9989, check=Check.SPF),
            Guideline(_("作成者のドメインで DKIM 署名をすること。"), RFC_9989, check=Check.DKIM),
            Guideline(_("DMARC を公開すること。"), RFC_9989, check=Check.DMARC),
            Guideline(_("ワンクリックで登録を解除できること。"), RFC_8058, check=Check.ONE_CLICK),
            Guideline(
                _("同意した人だけに送り、送信者の名称・住所・連絡先・解除方法を表示すること(特定電子メール法)。"), LAW
            ),
            Guideline(
                _("迷惑メール報告の割合の基準はサーバーごとに違います(多くは公表されていません)。"),
                RFC_5965,
                check=Check.COMPLAINTS,
                is_notice=True,
            ),
            Guideline(
                _("宛先不明の割合の基準はサーバーごとに違います(多くは公表されていません)。"),
                RFC_5965,
                check=Check.UNKNOWN_USERS,
                is_notice=True,
            ),
        ),
        _(
            "宛先のドメインの管理者(postmaster@ドメイン)へ、応答の文面を添えて連絡します(RFC 5321 が受信を求める宛先です)。"
        ),
    ),
}


def guide_of(provider: str) -> Guide:
    """Return the rules of a provider; one that publishes none of its own is asked what every server asks."""
    return GUIDES.get(provider) or GUIDES["other"]

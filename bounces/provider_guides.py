"""What each provider asks of senders, as data: the rule in our words, where it is told, since when, how it is checked.

Facts only; where a provider publishes no figure, none is given. Looked up in November 2026.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

DOCOMO: Final = "https://www.docomo.ne.jp/service/docomo_mail/smtp_notice/"
DOCOMO_MASS: Final = "https://www.docomo.ne.jp/service/imode_mail/notice/mass_send/"
AU: Final = "https://www.au.com/mobile/service/attention/specification/"
AU_FAQ: Final = "https://www.au.com/mobile/service/attention/faq/"
AU_SPF: Final = "https://www.au.com/mobile/service/mail/attention/spf-record/"
SOFTBANK: Final = "https://www.softbank.jp/mobile/support/antispam/wrestle/"
SOFTBANK_DMARC: Final = "https://www.softbank.jp/mobile/info/personal/news/support/20240213a/"
GMAIL: Final = "https://support.google.com/mail/answer/81126"
GMAIL_FAQ: Final = "https://support.google.com/a/answer/14229414"
YAHOO_JP: Final = "https://whatsnewmail.yahoo.co.jp/yahoo/20241211a.html"
APPLE: Final = "https://support.apple.com/en-us/102322"
MICROSOFT: Final = "https://sendersupport.olc.protection.outlook.com/pm/policies.aspx"
LAW: Final = "https://laws.e-gov.go.jp/law/414AC1000000026"
RFC_8058: Final = "https://www.rfc-editor.org/rfc/rfc8058"
RFC_5965: Final = "https://www.rfc-editor.org/rfc/rfc5965"
RFC_9989: Final = "https://www.rfc-editor.org/rfc/rfc9989"


class Check(Enum):
    """What our own data can say about a rule."""

    SPF = auto()
    DKIM = auto()
    DMARC = auto()
    SPF_OR_DKIM = auto()
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
    source: str
    since: Any = ""
    check: Check | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Guide:
    """The rules of a provider and the way to write to it about a block."""

    guidelines: tuple[Guideline, ...]
    contact: Any
    # Whether it tells senders of each complaint (RFC 5965); without that our number of complaints says nothing.
    tells_complaints: bool = False


NO_DESK: Final = _(
    "送信者専用の窓口は公表されていません。受信者(契約者)ご本人から、プロバイダのお客さま窓口へ問い合わせていただくのが確実です。"
)
NO_COMPLAINT_FIGURE: Final = _("迷惑メール報告の割合の基準: 公表されていません。")

GUIDES: Final[dict[str, Guide]] = {
    "docomo": Guide(
        (
            Guideline(
                _("DMARC の認証に成功すること。失敗すると警告が表示され、届かないこともあります。"),
                DOCOMO,
                _("警告表示は2024年10月以降"),
                Check.DMARC,
            ),
            Guideline(_("ヘッダーの差出人(From)のドメインに SPF を公開すること。"), DOCOMO, check=Check.SPF),
            Guideline(
                _("SPF とあわせて DKIM も設定すること(転送されたメールが DMARC に失敗しないため)。"),
                DOCOMO,
                check=Check.DKIM,
            ),
            Guideline(_("差出人のドメインに A レコードか MX レコードがあること。"), DOCOMO),
            Guideline(
                _(
                    "宛先不明のアドレスへ大量に送らないこと。送信元ネットワークが一時的に受信ブロックされることがあります。割合の基準は公表されていません。"
                ),
                DOCOMO_MASS,
                check=Check.UNKNOWN_USERS,
            ),
            Guideline(NO_COMPLAINT_FIGURE, DOCOMO, check=Check.COMPLAINTS),
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
                _("送信に使うドメインの SPF を TXT レコードで公開すること(IPv4 で指定)。"), AU_SPF, check=Check.SPF
            ),
            Guideline(
                _("DMARC と DKIM でなりすましを判定しています。どちらも設定しておくこと。"),
                AU_SPF,
                _("2023年10月"),
                Check.DMARC,
            ),
            Guideline(_("1通の大きさは3MBまで、1通あたりの宛先は100件まで(本製品は1件ずつ送ります)。"), AU),
            Guideline(NO_COMPLAINT_FIGURE, AU_FAQ, check=Check.COMPLAINTS),
        ),
        NO_DESK,
    ),
    "softbank": Guide(
        (
            Guideline(
                _(
                    "宛先不明のアドレスを大量に含めないこと。迷惑メールと判断され、受信が制御されることがあります。割合の基準は公表されていません。"
                ),
                SOFTBANK,
                check=Check.UNKNOWN_USERS,
            ),
            Guideline(
                _("DMARC でなりすましを判定しています。「なりすましメールの拒否」は初期設定で有効です。"),
                SOFTBANK_DMARC,
                _("2024年4月"),
                Check.DMARC,
            ),
            Guideline(_("差出人のドメインに SPF を公開すること。"), SOFTBANK_DMARC, check=Check.SPF),
            Guideline(
                _("一度に大量に送るときは時間をかけること。通数の基準は公表されていません。"),
                SOFTBANK,
                check=Check.VOLUME,
            ),
            Guideline(NO_COMPLAINT_FIGURE, SOFTBANK, check=Check.COMPLAINTS),
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
                _("2024年12月11日"),
                Check.SPF_OR_DKIM,
            ),
            Guideline(_("DMARC にも対応しています。設定しておくこと。"), YAHOO_JP, _("2024年12月11日"), Check.DMARC),
            Guideline(
                _("Gmail のような1日の通数による条件は設けられていません(2024年12月時点)。"),
                YAHOO_JP,
                _("2024年12月11日"),
                Check.VOLUME,
            ),
            Guideline(
                _("宛先不明の割合の基準: 公表されていません(多いと拒否する応答があります)。"),
                YAHOO_JP,
                check=Check.UNKNOWN_USERS,
            ),
            Guideline(NO_COMPLAINT_FIGURE, YAHOO_JP, check=Check.COMPLAINTS),
        ),
        NO_DESK,
    ),
    "gmail": Guide(
        (
            Guideline(
                _("1日に約5,000通以上を個人の Gmail 宛てに送ると、一括送信者の条件がすべて適用されます。"),
                GMAIL_FAQ,
                _("2024年2月1日"),
                Check.VOLUME,
                5000,
            ),
            Guideline(_("SPF を設定すること(一括送信者は SPF と DKIM の両方)。"), GMAIL, _("2024年2月1日"), Check.SPF),
            Guideline(_("DKIM を設定すること。"), GMAIL, _("2024年2月1日"), Check.DKIM),
            Guideline(
                _("DMARC を設定し(p=none でもよい)、差出人のドメインと一致させること。"),
                GMAIL,
                _("2024年2月1日"),
                Check.DMARC,
            ),
            Guideline(_("ワンクリックで登録を解除できること(RFC 8058)。"), GMAIL, _("2024年6月1日"), Check.ONE_CLICK),
            Guideline(
                _(
                    "迷惑メール率を0.10%未満に保ち、0.30%に決して達しないこと。正しい値は Postmaster Tools で確かめられます。"
                ),
                GMAIL,
                _("2024年2月1日"),
                Check.COMPLAINTS,
                0.10,
            ),
            Guideline(_("送信元IPアドレスの逆引き(PTR)と正引きが一致すること。"), GMAIL, _("2024年2月1日")),
            Guideline(_("TLS で送ること(相手が対応していれば本製品は暗号化します)。"), GMAIL, _("2023年12月")),
            Guideline(_("条件を満たさないメールは一時的・恒久的に拒否されます。"), GMAIL_FAQ, _("2025年11月から強化")),
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
            Guideline(_("送信元IPアドレスの逆引きを公開し、同じIPアドレスとドメインから送り続けること。"), APPLE),
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
                _(
                    "DMARC を p=none 以上で公開し、SPF か DKIM と一致させること。満たさないと 550 5.7.515 で拒否されます。"
                ),
                MICROSOFT,
                _("2025年5月5日"),
                Check.DMARC,
            ),
            Guideline(_("登録解除のリンクが分かりやすく、確実に働くこと。"), MICROSOFT, check=Check.ONE_CLICK),
            Guideline(
                _("迷惑メール報告の割合の基準: 公表されていません。JMRP に登録すると報告が1件ずつ届きます。"),
                MICROSOFT,
                check=Check.COMPLAINTS,
            ),
            Guideline(_("宛先不明の割合の基準: 公表されていません。"), MICROSOFT, check=Check.UNKNOWN_USERS),
        ),
        _("Outlook.com の送信者サポート(Sender Support)のフォームから、ブロックされたIPアドレスの解除を依頼できます。"),
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
            ),
            Guideline(
                _("宛先不明の割合の基準はサーバーごとに違います(多くは公表されていません)。"),
                RFC_5965,
                check=Check.UNKNOWN_USERS,
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

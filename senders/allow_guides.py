"""How recipients let our mail in, at the mail services of Japanese readers, as data (受信設定のお願い, F5).

The names of the settings are those of the sources. Where a menu stands changes with apps and models, so the ways there are
told in general.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from senders.guide_sources import Source

# On this day the sources were read, as copies that bear no date.
READ: Final = date(2026, 11, 22)

GMAIL: Final = Source("https://support.google.com/mail/answer/9008?hl=ja", read=READ)
APPLE: Final = Source("https://support.apple.com/ja-jp/102376", read=READ)
MICROSOFT: Final = Source(
    "https://support.microsoft.com/ja-jp/office/%E9%9B%BB%E5%AD%90%E3%83%A1%E3%83%BC%E3%83%AB%E3%81%AE%E9%80%81%E4%BF%A1"
    "%E5%85%88%E3%82%92%E5%B7%AE%E5%87%BA%E4%BA%BA%E3%82%BB%E3%83%BC%E3%83%95-%E3%83%AA%E3%82%B9%E3%83%88%E3%81%AB"
    "%E8%BF%BD%E5%8A%A0%E3%81%99%E3%82%8B-be1baea0-beab-4a30-b968-9004332336ce",
    read=READ,
    note=_("パソコン版 Outlook の案内です。Outlook.com では名前が違うことがあります。"),
)
SOFTBANK: Final = Source("https://cdn.softbank.jp/mobile/support/mail/antispam/email-i/antispoof-rescue/", read=READ)
AU: Final = Source(
    "https://au.com/online-manual/scg19/scg19_02/m_05_02_01.html",
    read=READ,
    note=_("ある機種の取扱説明書です。機種によって違うことがあります。"),
)
DOCOMO: Final = Source(
    "https://www.dekyo.or.jp/soudan/contents/taisaku/2-4docomo-details.html",
    read=READ,
    is_official=False,
    note=_("ドコモのページではなく、迷惑メール相談センターの案内です。"),
)


@dataclass(frozen=True, slots=True)
class AllowGuide:
    """What a reader does at one service.

    `domains` are some of its address domains, by which a reader finds it; `page` is where a reader goes on: the help
    that was read, or a front page that was not opened (docomo, au). `source` is where the names of the settings were read.
    """

    key: str
    name: Any
    domains: tuple[str, ...]
    steps: tuple[Any, ...]
    page: str
    source: Source


GUIDES: Final = (
    AllowGuide(
        "docomo",
        _("ドコモ"),
        ("docomo.ne.jp",),
        (
            _("「My docomo」またはドコモメールのアプリから、「メール設定」の「迷惑メール対策」を開きます。"),
            _("「受信リスト」(指定受信)に、このページのドメインを登録します。"),
            _(
                "「迷惑メールおまかせブロック」をお使いのときは、このページのメールアドレスをドコモ電話帳にも登録します。"
            ),
        ),
        "https://www.docomo.ne.jp/",
        DOCOMO,
    ),
    AllowGuide(
        "au",
        _("au・UQ mobile"),
        ("au.com", "ezweb.ne.jp", "uqmobile.jp"),
        (
            _("メールの設定から「迷惑メールフィルター」を開きます。"),
            _("「個別設定」の「受信リストに登録」に、このページのドメインを登録します。"),
            _("「必ず受信」を選べるときは、チェックを入れます。"),
        ),
        "https://www.au.com/",
        AU,
    ),
    AllowGuide(
        "softbank",
        _("ソフトバンク・ワイモバイル"),
        ("softbank.ne.jp", "i.softbank.jp", "ymobile.ne.jp"),
        (
            _("「My SoftBank」(ワイモバイルの方は「My Y!mobile」)で、「メール設定」の「迷惑メール対策」を開きます。"),
            _("「受信許可リスト」に、このページのドメインを登録します。"),
        ),
        "https://www.softbank.jp/mobile/support/mail/antispam/spammailfilter/",
        SOFTBANK,
    ),
    AllowGuide(
        "gmail",
        "Gmail",
        ("gmail.com",),
        (
            _("「迷惑メール」に届いていたときは、そのメールを開いて「迷惑メールではない」を押します。"),
            _("このページのメールアドレスを「連絡先」に登録します。"),
            _(
                "パソコンでは、このページのドメインを差出人にしたフィルタを作り、「迷惑メールにしない」を選ぶ方法もあります。"
            ),
        ),
        GMAIL.url,
        GMAIL,
    ),
    AllowGuide(
        "outlook",
        _("Outlook.com・Hotmail"),
        ("outlook.jp", "outlook.com", "hotmail.com", "hotmail.co.jp", "live.jp"),
        (
            _("「迷惑メール」に届いていたときは、そのメールを選んで「迷惑メールではない」を押します。"),
            _(
                "設定の「迷惑メール」で、「差出人セーフ リスト」(信頼できる差出人とドメイン)に、このページのドメインを追加します。"
            ),
        ),
        MICROSOFT.url,
        MICROSOFT,
    ),
    AllowGuide(
        "icloud",
        "iCloud",
        ("icloud.com", "me.com", "mac.com"),
        (
            _(
                "「迷惑メール」に届いていたときは、そのメールを開いて「迷惑メールではない」を押すか、受信ボックスに移動します。"
            ),
            _("このページのメールアドレスを「連絡先」に登録します。"),
        ),
        APPLE.url,
        APPLE,
    ),
)

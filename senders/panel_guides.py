"""How records are typed into the DNS panels that customers use, and a record as one of them wants it; pure.

What stands here was read in the pages named in `sources`. Panels change: nothing is said that no page said,
and where a panel's own page was not to be found, the words are those that fit every panel.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from senders.guide_sources import Source
from senders.models import CheckKind, DnsPanel
from senders.records import ExpectedRecord

# On this day the pages were read, as copies whose day is not known. Only few pages bear a date of their own.
READ = date(2026, 11, 22)
# Their values are long, and may be a CNAME into the installation's own zone instead.
KEY_KINDS = (CheckKind.DKIM, CheckKind.NEXT_KEY, CheckKind.OLD_KEY)
# These do not say how a value of more than 255 characters is typed: both ways are shown.
UNKNOWN_LENGTHS = (DnsPanel.ONAMAE, DnsPanel.MUUMUU, DnsPanel.XSERVER, DnsPanel.OTHER)


class Apex(StrEnum):
    """What stands in the field of the host for the domain itself."""

    BLANK = "blank"
    AT = "at"
    # No page said which.
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class PanelGuide:
    """One panel.

    `host_label` and `value_label` are the names of its fields where a page told them, `menu` is where the panel is found,
    `notes` what else is to be known; `txt_limit` is in characters, None where none is known of. `wants_quotes` = a TXT value
    is typed as strings in quotation marks, of 255 characters at most, with a space between.
    """

    panel: DnsPanel
    menu: tuple[Promise, ...] = ()
    host_label: str = ""
    value_label: str = ""
    apex: Apex = Apex.EITHER
    txt_limit: int | None = None
    wants_quotes: bool = False
    has_proxy: bool = False
    notes: tuple[Promise, ...] = ()
    sources: tuple[Source, ...] = ()

    def is_official(self) -> bool:
        """Say whether the service's own page was read."""
        return any(source.is_official for source in self.sources)


GUIDES: dict[DnsPanel, PanelGuide] = {
    guide.panel: guide
    for guide in (
        PanelGuide(
            DnsPanel.ONAMAE,
            menu=(
                gettext_lazy("お名前.com の管理画面で、このドメインの DNS レコード設定を開きます。"),
                gettext_lazy("「TYPE」で種別を選び、ホスト名と「VALUE」に下の値を貼り付けて追加し、保存します。"),
            ),
            host_label="ホスト名",
            value_label="VALUE",
            notes=(
                gettext_lazy(
                    "ドメインがお名前.com でも、ネームサーバーがエックスサーバーなど別の会社のときは、その会社の画面で登録します。"
                ),
            ),
            sources=(
                Source("https://www.beginnerweb.net/spf.html", read=READ, is_official=False),
                Source(
                    "https://73megane.hatenablog.com/entry/2020/09/02/081545",
                    read=READ,
                    dated=date(2020, 9, 2),
                    is_official=False,
                ),
                # Where the record is set when the name servers are another company's.
                Source("https://help.utage-system.com/archives/9085", read=READ, is_official=False),
            ),
        ),
        PanelGuide(
            DnsPanel.MUUMUU,
            menu=(
                gettext_lazy(
                    "コントロールパネルの「ドメイン操作」→「ムームーDNS」で、このドメインの「変更」を開きます。"
                ),
                gettext_lazy("カスタム設定の「設定2」に、サブドメイン、種別、内容を入力して保存します。"),
            ),
            host_label="サブドメイン",
            value_label="内容",
            apex=Apex.BLANK,
            notes=(gettext_lazy("反映の目安は1時間ほどと案内されています。"),),
            sources=(
                Source("https://support.muumuu-domain.com/hc/ja/articles/6836857454483", read=READ),
                Source("https://support.heteml.jp/hc/ja/articles/360041679414", read=READ, is_official=False),
            ),
        ),
        PanelGuide(
            DnsPanel.SAKURA,
            menu=(
                gettext_lazy("会員メニューの「契約中のドメイン一覧」から、このドメインのゾーン編集を開きます。"),
                gettext_lazy("エントリを追加し、種別と値を入力して保存します。"),
            ),
            txt_limit=255,
            notes=(gettext_lazy("反映までに数時間から48時間かかることがあると案内されています。"),),
            sources=(Source("https://help.sakura.ad.jp/domain/2712/", read=READ),),
        ),
        PanelGuide(
            DnsPanel.XSERVER,
            menu=(
                gettext_lazy("サーバーパネルの「DNSレコード設定」を開き、このドメインを選びます。"),
                gettext_lazy("ホスト名、種別、内容を入力して追加します。"),
            ),
            host_label="ホスト名",
            value_label="内容",
            apex=Apex.BLANK,
            sources=(Source("https://light-reader.com/spf/", read=READ, is_official=False),),
        ),
        PanelGuide(
            DnsPanel.ROUTE53,
            menu=(
                gettext_lazy(
                    "Route 53 のコンソールで、このドメインのホストゾーンを開き、「レコードを作成」を選びます。"
                ),
                gettext_lazy(
                    "ルーティングポリシーは「シンプルルーティング」、「レコード名」と「値」に下の値を貼り付けます。"
                ),
            ),
            host_label="レコード名",
            value_label="値",
            apex=Apex.BLANK,
            wants_quotes=True,
            notes=(
                gettext_lazy(
                    "同じ名前の TXT レコードがすでにあるときは、新しく作らずにそのレコードを編集し、値の欄に1行ずつ並べます。"
                ),
            ),
            sources=(
                Source(
                    "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-values-shared.html",
                    read=READ,
                ),
                Source("https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html", read=READ),
            ),
        ),
        PanelGuide(
            DnsPanel.CLOUDFLARE,
            menu=(
                gettext_lazy("Cloudflare のダッシュボードでこのドメインを選び、「DNS」を開きます。"),
                gettext_lazy("レコードを追加し、種別(Type)、名前(Name)、内容(Content)を入力して保存します。"),
            ),
            host_label="Name",
            value_label="Content",
            apex=Apex.AT,
            has_proxy=True,
            notes=(gettext_lazy("長い TXT の値は、Cloudflare が255文字ごとに自動で分けます。"),),
            sources=(
                Source(
                    "https://developers.cloudflare.com/dns/manage-dns-records/reference/dns-record-types/", read=READ
                ),
                Source("https://github.com/cloudflare/cloudflare-typescript/pull/1777", read=READ),
            ),
        ),
        PanelGuide(
            DnsPanel.OTHER,
            menu=(
                gettext_lazy("ドメインのネームサーバーを管理している会社の画面で、DNS レコードの設定を開きます。"),
                gettext_lazy("種別、ホスト名、値を入力して追加し、保存します。"),
            ),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class PanelRecord:
    """A record as a panel wants it typed. `host` is empty where the field stays empty; the hints are for people."""

    record: ExpectedRecord
    key: str
    host: str
    host_label: str
    host_hint: str
    value: str
    value_label: str
    priority: str
    hints: tuple[str, ...]
    # The value cut into strings, where it is long and the panel does not say how long values are typed.
    strings: str = ""


def guide_of(panel: str) -> PanelGuide:
    """Return the guide of a panel; the neutral one where none was chosen."""
    return GUIDES[DnsPanel(panel) if panel else DnsPanel.OTHER]


def adapt(record: ExpectedRecord, guide: PanelGuide, *, key: str, has_cname: bool = False) -> PanelRecord:
    """Return a record as a panel wants it.

    `key` is what its ids on the page begin with; `has_cname` = the installation lets keys be set as CNAME instead.
    """
    host, host_hint = write_host(record, guide)
    value, priority = split_priority(record)
    strings = quote_strings(record)
    is_long = record.type == "TXT" and len(record.strings()) > 1
    if record.type == "TXT" and guide.wants_quotes:
        value = strings
    return PanelRecord(
        record=record,
        key=key,
        host=host,
        host_label=guide.host_label or _("ホスト名"),
        host_hint=host_hint,
        value=value,
        value_label=guide.value_label or _("値"),
        priority=priority,
        hints=tuple(list_hints(record, guide, has_cname=has_cname)),
        strings=strings if is_long and guide.panel in UNKNOWN_LENGTHS else "",
    )


def write_host(record: ExpectedRecord, guide: PanelGuide) -> tuple[str, str]:
    """Return what stands in the field of the host, and what to know about it."""
    if record.host != "@":
        return record.host, ""
    if guide.apex is Apex.BLANK:
        return "", _("この欄は空欄のままにします(「@」は入力しません)。")
    if guide.apex is Apex.AT:
        return "@", ""
    return "@", _("「@」を入力できない画面では空欄にします。")


def split_priority(record: ExpectedRecord) -> tuple[str, str]:
    """Return the value of a record and its priority, which panels ask for apart; empty where the type has none."""
    if record.type != "MX":
        return record.value, ""
    priority, _space, host = record.value.partition(" ")
    return host, priority


def quote_strings(record: ExpectedRecord) -> str:
    """Return a value as strings in quotation marks (RFC 1035 section 5.1)."""
    return " ".join(f'"{part}"' for part in record.strings())


def list_hints(record: ExpectedRecord, guide: PanelGuide, *, has_cname: bool) -> list[str]:
    """Return what people must know to type a record into a panel."""
    hints = []
    if record.type == "TXT" and guide.wants_quotes:
        hints.append(
            _('「"」(引用符)も含めて、そのまま貼り付けます。')
            if len(record.strings()) == 1
            else _('255文字ごとに「"」(引用符)で区切ってあります。引用符と間の空白も含めて、そのまま貼り付けます。')
        )
    if record.type == "TXT" and guide.txt_limit is not None and len(record.value) > guide.txt_limit:
        values = {"length": len(record.value), "limit": guide.txt_limit, "panel": guide.panel.label}
        hints.append(
            _("この値は%(length)d文字あります。%(panel)sの案内では、TXT の値は%(limit)d文字までです。") % values
        )
        if has_cname and record.kind in KEY_KINDS:
            hints.append(_("入力できないときは、「DKIM の鍵」のページで、短い CNAME での登録に切り替えてください。"))
        else:
            hints.append(
                _("入力できないときは、%(panel)sのサポートに、長い TXT の値の登録方法を確認してください。") % values
            )
    if record.type == "CNAME":
        hints.append(_("行き先の最後に「.」が必要な画面では、「%(value)s.」と入力します。") % {"value": record.value})
        if guide.has_proxy:
            hints.append(_("プロキシはオフ(「DNS only」、灰色の雲)にします。オンのままだと確認できません。"))
    return hints

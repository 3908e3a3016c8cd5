"""What others said about the content of a draft, as findings. What could not be asked is no fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.utils.translation import gettext as _

from campaigns.content_kinds import Contents, digests_of
from campaigns.models import Campaign, CheckState, ContentCheck, ContentCheckKind
from campaigns.preflight.content import read_contents
from campaigns.preflight.findings import Finding, green, yellow
from campaigns.preflight.markup import few, shorten_one
from campaigns.web_asking import Verdict

# Bytes of one picture, and of all together, that phones wait for.
HEAVY: Final = 300_000
HEAVY_TOGETHER: Final = 1_000_000
# SpamAssassin calls 5.0 spam; mails with some faults fewer are near it.
SPAM_SCORE: Final = 3.0
GONE: Final = (404, 410)


def asked_findings(campaign: Campaign) -> list[Finding]:
    """Return what is known of the content of a mailing and its variants as it is now."""
    return [finding for check in current_checks(campaign, read_contents(campaign)) for finding in findings_of(check)]


def current_checks(campaign: Campaign, contents: Contents) -> list[ContentCheck]:
    """Return the checks of these contents of a mailing, of the kinds that this installation asks for."""
    digests = digests_of(contents)
    rows = campaign.content_checks.order_by("kind") if digests else ()
    return [row for row in rows if digests.get(ContentCheckKind(row.kind)) == row.digest]


def findings_of(check: ContentCheck) -> Iterator[Finding]:
    """Return what came of one check."""
    if check.state != CheckState.DONE:
        return
    if check.kind == ContentCheckKind.LINKS:
        yield from link_findings(check.result)
        yield from picture_findings(check.result["sizes"])
    else:
        yield from spam_findings(check.result)


def link_findings(result: dict[str, Any]) -> Iterator[Finding]:
    """Tell of addresses that cannot be opened."""
    if broken := result["broken"]:
        yield yellow(
            "link_broken",
            _("開けないリンクや画像が%d件あります。アドレスの綴りと、ページが公開されているかを確かめてください。")
            % len(broken),
            place="\n".join(sorted(url for url, _verdict, _status in broken)),
            details=shorten_rows(broken),
        )
    if opened := result["told"] - len(broken):
        yield green("links_open", _("リンクと画像を調べ、%d件が開けることを確かめました。") % opened)
    if unsure := result["unsure"]:
        yield green(
            "links_unsure",
            _("%d件は、開けるかどうかを確かめられませんでした。気になるときはブラウザーで開いてみてください。")
            % len(unsure),
            details=shorten_rows(unsure),
        )


def shorten_rows(rows: list[list[Any]]) -> list[str]:
    """Return a line for each of the first few addresses: what it is, and what is wrong."""
    return few(f"{shorten_one(url)} … {words_of(Verdict(verdict), status)}" for url, verdict, status in rows)


def words_of(verdict: Verdict, status: int) -> str:
    """Return what a verdict means, with the status of HTTP where there is one."""
    words = {
        Verdict.STATUS: _("ページがありません")
        if status in GONE
        else _("サーバーでエラーが起きています")
        if status >= 500
        else _("エラーになります"),
        Verdict.NO_HOST: _("ドメインがないか、インターネットから開けません"),
        Verdict.REFUSED: _("サーバーに接続できません"),
        Verdict.TLS: _("証明書に問題があり、ブラウザーが警告を出します"),
        Verdict.SLOW: _("応答がありません"),
        Verdict.GARBLED: _("Webサーバーの正しい応答ではありません"),
        Verdict.UNTOLD: _("相手のサーバーが確認に応じません"),
        Verdict.PORT: _("80番・443番以外のポートは調べません"),
        Verdict.FAR: _("転送が何度も続くため、途中まで調べました"),
        Verdict.NO_DNS: _("DNSの返事がありません"),
        Verdict.NO_NET: _("こちらのネットワークから接続できません"),
        Verdict.LATE: _("時間内に調べ終わりませんでした"),
    }
    return f"{words[verdict]}({status})" if status else words[verdict]


def picture_findings(sizes: dict[str, int]) -> Iterator[Finding]:
    """Tell of pictures that take long to load."""
    heavy = {url: size for url, size in sizes.items() if size > HEAVY}
    together = sum(sizes.values())
    if heavy:
        yield yellow(
            "image_heavy",
            _("300 kBを超える画像が%d枚あります。表示に時間がかかるため、縮小してください。") % len(heavy),
            place="\n".join(sorted(heavy)),
            details=few(f"{shorten_one(url)} … {size // 1000:,} kB" for url, size in heavy.items()),
        )
    elif together > HEAVY_TOGETHER:
        yield yellow(
            "image_heavy",
            _("画像が合わせて%.1f MBあります。表示に時間がかかるため、減らすか縮小してください。")
            % (together / 1_000_000),
        )


def spam_findings(result: dict[str, Any]) -> Iterator[Finding]:
    """Tell what SpamAssassin thinks."""
    score = result["score"]
    if score < SPAM_SCORE:
        yield green("spam_score", _("SpamAssassin の判定は%.1f点です(5点以上が迷惑メール)。") % score)
        return
    yield yellow(
        "spam_score",
        _(
            "SpamAssassin の判定が%.1f点です(5点以上が迷惑メール)。件名や本文の大げさな言葉、記号の繰り返し、画像だけの本文を"
            "見直してください。"
        )
        % score,
        details=[_("当てはまった規則: %s") % "、".join(result["rules"])] if result["rules"] else [],
    )

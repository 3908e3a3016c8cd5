"""The figures of a report as the rows of a file; what is written is guarded by whoever writes it (lists)."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.report.figures import MailingReport
from campaigns.split_pages import SplitState, result_words
from tracking.figures import HourCount, Hours

# Section, item, detail, number, per cent, of what.
Line = tuple[str, str, str, object, object, str]


def report_rows(report: MailingReport) -> Iterator[Line]:
    """Yield the header and every figure of a report; what was not measured is left empty, not 0."""
    yield _("区分"), _("項目"), _("内訳"), _("数"), _("割合(%)"), _("割合の分母")
    yield from result_rows(report)
    yield from failure_rows(report)
    yield from reaction_rows(report)
    if report.split:
        yield from split_rows(report.split, is_tracked=report.campaign.is_tracked)
    if report.hours:
        yield from hour_rows(report.hours)
    yield from comparison_rows(report)


def result_rows(report: MailingReport) -> Iterator[Line]:
    """Yield what the mailing is and how it ended."""
    campaign, result = report.campaign, report.result
    mailing, outcome = _("配信"), _("結果")
    yield mailing, _("件名"), campaign.title, "", "", ""
    yield mailing, _("配信開始"), moment(campaign.started_at), "", "", ""
    yield mailing, _("配信終了"), moment(campaign.finished_at), "", "", ""
    yield mailing, _("速報・確定"), _("確定") if result.is_final else _("速報"), "", "", ""
    yield mailing, _("集計"), moment(campaign.tally_at), "", "", ""
    tried, accepted = _("配信数"), _("受信サーバー受付")
    yield outcome, tried, "", result.tried, "", ""
    yield outcome, accepted, "", result.accepted, share(result.accepted, result.tried), tried
    yield outcome, _("失敗"), "", result.failed, share(result.failed, result.tried), tried
    yield outcome, _("結果不明"), "", result.doubt, share(result.doubt, result.tried), tried
    yield outcome, _("配信停止した人"), "", report.left, share(report.left, result.accepted), accepted
    yield outcome, _("迷惑メール報告"), "", report.complaints, share(report.complaints, result.tried), tried
    for said in report.reasons:
        yield _("配信停止の理由"), said.label, "", said.number, round(said.percent, 2), _("理由を答えた人")


def failure_rows(report: MailingReport) -> Iterator[Line]:
    """Yield the results at each provider, and the kinds and reasons of 失敗."""
    for row in report.providers:
        section = _("プロバイダ別")
        yield section, row.label, _("配信数"), row.tried, "", ""
        yield section, row.label, _("受信サーバー受付"), row.accepted, share(row.accepted, row.tried), _("配信数")
        yield section, row.label, _("失敗"), row.failed, share(row.failed, row.tried), _("配信数")
    for cause in report.causes:
        section = _("失敗の種別")
        yield section, cause.label, "", cause.number, round(cause.percent, 2), _("失敗")
        for reason in cause.reasons:
            yield section, cause.label, reason.label, reason.number, round(reason.percent, 2), _("失敗")


def reaction_rows(report: MailingReport) -> Iterator[Line]:
    """Yield opens and clicks as far as they were measured, and the clicks of each link."""
    found, accepted = report.reactions, report.result.accepted
    if found is None:
        return
    section, whole = _("開封とクリック"), _("受信サーバー受付")
    if found.has_picture:
        yield section, _("開封した人"), "", found.opened, share(found.opened, accepted), whole
        yield section, _("うち画像の中継だけ"), "", found.proxy_only, share(found.proxy_only, accepted), whole
        yield section, _("開封数"), "", found.opens, "", ""
        yield section, _("機械による開封"), "", found.machine_opens, "", ""
    if found.links:
        yield section, _("クリックした人"), "", found.clicked, share(found.clicked, accepted), whole
        yield section, _("クリック数"), "", found.clicks, "", ""
        yield section, _("機械によるクリック"), "", found.machine_clicks, "", ""
    for link in found.links:
        name = _("リンク %d") % link.number
        yield name, link.target, _("クリックした人"), link.people, share(link.people, accepted), whole
        yield name, link.target, _("クリック数"), link.clicks, "", ""
        yield name, link.target, _("機械によるクリック"), link.machine, "", ""


def split_rows(split: SplitState, *, is_tracked: bool) -> Iterator[Line]:
    """Yield how the variants of an A/Bテスト fared, and the winner."""
    test = split.test
    if test.winner is not None:
        yield _("A/Bテスト"), _("勝者"), test.winner_letter(), "", "", result_words(test)
        yield _("A/Bテスト"), _("判定"), moment(test.decided_at), "", "", ""
    for row in split.rows:
        section, own, whole = _("A/Bテスト %s案") % row.letter, row.now, _("受信サーバー受付")
        yield section, row.subject, _("宛先"), own.recipients, "", ""
        yield section, row.subject, whole, own.accepted, share(own.accepted, own.recipients), _("宛先")
        if is_tracked:
            yield section, row.subject, _("開封した人"), own.opened, share(own.opened, own.accepted), whole
            yield section, row.subject, _("クリックした人"), own.clicked, share(own.clicked, own.accepted), whole
        yield section, row.subject, _("失敗"), own.failed, share(own.failed, own.recipients), _("宛先")
        yield section, row.subject, _("配信停止した人"), own.left, share(own.left, own.accepted), whole


def hour_rows(hours: Hours) -> Iterator[Line]:
    """Yield what each hour added, and all that came later."""
    for count in hours.counts:
        if count.opens or count.clicks:
            begins_at = hours.begun_at + timedelta(hours=count.hour)
            yield from hour_lines(count, _("%d時間後から") % count.hour, moment(begins_at))
    yield from hour_lines(hours.later, _("%d時間後以降") % hours.later.hour, "")


def hour_lines(count: HourCount, section: str, begins_at: str) -> Iterator[Line]:
    """Yield the figures of one hour."""
    yield section, begins_at, _("はじめて開封した人"), count.opened, "", ""
    yield section, begins_at, _("開封数"), count.opens, "", ""
    yield section, begins_at, _("はじめてクリックした人"), count.clicked, "", ""
    yield section, begins_at, _("クリック数"), count.clicks, "", ""


def comparison_rows(report: MailingReport) -> Iterator[Line]:
    """Yield the rates of the mailing and of those before it."""
    for row in report.compared:
        name = f"{moment(row.started_at)} {row.subject}"
        rates = (
            (_("エラー率"), row.error_percent, _("配信数")),
            (_("開封率"), row.open_percent, _("受信サーバー受付")),
            (_("クリック率"), row.click_percent, _("受信サーバー受付")),
            (_("停止率"), row.left_percent, _("受信サーバー受付")),
        )
        yield _("これまでの配信"), name, _("配信数"), row.tried, "", ""
        for label, rate, whole in rates:
            yield _("これまでの配信"), name, label, "", "" if rate is None else round(rate, 2), whole


def share(part: int, whole: int) -> object:
    """Return what per cent of `whole` is `part`; nothing where there is no whole."""
    return round(100 * part / whole, 2) if whole else ""


def moment(at: datetime | None) -> str:
    """Write a moment as the page does."""
    return f"{timezone.localtime(at):%Y/%m/%d %H:%M}" if at else ""

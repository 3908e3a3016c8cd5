"""What the report of a mailing says. All of it comes from figures that were counted before, never from deliveries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from campaigns.models import Campaign, DeliveryState
from campaigns.report.comparing import Compared, compare_with_earlier
from campaigns.report.leavings import Said, read_leavings
from campaigns.results import ProviderResult, Result, describe, results_by_provider
from campaigns.split_pages import SplitState, read_split
from campaigns.tally import Figures, figures, normal_percent, percent
from mta.verdicts import Kind, Reason
from tracking.figures import Hours, Reactions, hours_of, reactions_of


@dataclass(frozen=True, slots=True)
class Cause:
    """失敗 of one kind, or of one reason within it: `percent` is of all 失敗, `value` what the URL of its rows has."""

    value: str
    label: str
    number: int
    percent: float
    reasons: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True)
class MailingReport:
    """The figures of one mailing."""

    campaign: Campaign
    result: Result
    # The workspace's usual エラー率, None where there is none yet.
    normal: float | None
    providers: list[ProviderResult]
    causes: list[Cause]
    # 迷惑メール報告 that came in, and those who stopped all mail by the link of this one.
    complaints: int
    left: int
    # Why, of those who said it.
    reasons: list[Said]
    # None where neither opens nor clicks are measured.
    reactions: Reactions | None
    hours: Hours | None
    compared: list[Compared]
    # None where it has no A/Bテスト.
    split: SplitState | None

    @property
    def open_percent(self) -> float:
        """開封率: 開封した人 ÷ 受信サーバー受付, in per cent."""
        return percent(self.reactions.opened, self.result.accepted) if self.reactions else 0.0

    @property
    def click_percent(self) -> float:
        """クリック率: クリックした人 ÷ 受信サーバー受付, in per cent."""
        return percent(self.reactions.clicked, self.result.accepted) if self.reactions else 0.0

    @property
    def left_percent(self) -> float:
        """停止率: 停止した人 ÷ 受信サーバー受付, in per cent."""
        return percent(self.left, self.result.accepted)

    @property
    def without_hour(self) -> bool:
        """Say whether some reactions are of a time before they were counted by hour."""
        if self.reactions is None or self.hours is None:
            return False
        every = (*self.hours.counts, self.hours.later)
        placed = sum(hour.opens for hour in every), sum(hour.clicks for hour in every)
        return placed[0] < self.reactions.opens or placed[1] < self.reactions.clicks


def read_report(campaign: Campaign, *, now: datetime) -> MailingReport:
    """Return the report of a mailing that was started. A bounded number of queries and rows."""
    counted = figures([campaign.pk])
    normal = normal_percent(campaign.workspace, apart_from=campaign)
    left, reasons = read_leavings(campaign)
    return MailingReport(
        campaign=campaign,
        result=describe(campaign, counted, normal=normal, now=now),
        normal=normal,
        providers=results_by_provider(counted),
        causes=find_causes(counted),
        complaints=counted.number((DeliveryState.COMPLAINED,)),
        left=left,
        reasons=reasons,
        reactions=reactions_of(campaign.pk) if campaign.is_tracked else None,
        hours=hours_of(campaign.pk) if campaign.is_tracked else None,
        compared=compare_with_earlier(campaign, now=now),
        split=read_split(campaign),
    )


def find_causes(counted: Figures) -> list[Cause]:
    """Return the kinds of 失敗 with their reasons, the commonest first (B10, B11)."""
    failures = counted.failures()
    whole = failures.number()
    kinds, reasons = dict(Kind.choices), dict(Reason.choices)
    return [
        Cause(
            kind,
            str(kinds.get(kind) or _("未分類")),
            rows.number(),
            percent(rows.number(), whole),
            tuple(
                Cause(reason, str(reasons.get(reason) or _("未分類")), part.number(), percent(part.number(), whole))
                for reason, part in rows.grouped("reason").items()
            ),
        )
        for kind, rows in failures.grouped("kind").items()
    ]

"""One provider: its rules and our figures against them (A12, B15)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bounces.error_report import Mailing, read_figures, read_mailings
from bounces.provider_guides import Check, Guideline, guide_of
from bounces.report_scope import Scope
from bounces.trend import busiest_day
from campaigns.tally import Figures, percent
from mta.verdicts import Kind, Reason
from senders.models import CheckKind, CheckResult, SenderDomain

NEEDED = {
    Check.SPF: (CheckKind.SPF,),
    Check.DKIM: (CheckKind.DKIM,),
    Check.DMARC: (CheckKind.DMARC,),
    Check.SPF_OR_DKIM: (CheckKind.SPF, CheckKind.DKIM),
}


class Outcome(Enum):
    """Whether a rule is kept: a tone and a word of the traffic light."""

    MET = ("ok", gettext_lazy("満たしています"))
    NOT_MET = ("bad", gettext_lazy("満たしていません"))
    UNKNOWN = ("muted", gettext_lazy("判断できません"))
    # There is a figure of ours and no limit to compare it with.
    FIGURE = ("muted", gettext_lazy("参考値"))

    @property
    def tone(self) -> str:
        """The tone of the light."""
        return self.value[0]

    @property
    def label(self) -> Any:
        """The word beside it."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of our mail to a provider in a period."""

    provider: str
    figures: Figures
    mailings: list[Mailing]
    # The domains that the mailings came from, with their newest checks.
    domains: list[SenderDomain]

    @property
    def unknown(self) -> int:
        """宛先不明."""
        return sum(number for (_kind, reason), number in self.reasons() if reason == Reason.USER_UNKNOWN)

    @property
    def blocked(self) -> int:
        """ブロック."""
        return sum(number for (kind, _reason), number in self.reasons() if kind == Kind.BLOCK)

    @property
    def complaints(self) -> int:
        """迷惑メール報告 that we were told of."""
        return sum(number for (kind, _reason), number in self.reasons() if kind == Kind.COMPLAINT)

    @property
    def busiest(self) -> int:
        """The most mails on one day."""
        return busiest_day(self.mailings)

    def reasons(self) -> Sequence[tuple[tuple[str, str], int]]:
        """Return the failures by kind and reason."""
        return list(self.figures.by_reason().items())

    @property
    def complaint_percent(self) -> float:
        """Complaints in per cent of what was accepted, them included."""
        return percent(self.complaints, self.figures.accepted + self.complaints)

    @property
    def unknown_percent(self) -> float:
        """宛先不明 in per cent of what was tried."""
        return percent(self.unknown, self.figures.tried)

    @property
    def blocked_percent(self) -> float:
        """ブロック in per cent of what was tried."""
        return percent(self.blocked, self.figures.tried)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A rule, whether it is kept (None where nothing of ours can say), and our figure."""

    guideline: Guideline
    outcome: Outcome | None
    figure: str


@dataclass(frozen=True, slots=True)
class Criterion:
    """One of the five things that receivers look at (B15), with our figure."""

    name: str
    figure: str
    advice: str


def read_facts(scope: Scope) -> Facts:
    """Return what is known of one provider. `scope.provider` is set."""
    used = SenderDomain.objects.filter(
        workspace=scope.workspace, senders__campaigns__in=scope.campaigns().values("pk")
    ).distinct()
    return Facts(
        provider=scope.provider,
        figures=read_figures(scope),
        mailings=read_mailings(scope),
        domains=list(used.prefetch_related("checks").order_by("name")),
    )


def judge_all(facts: Facts) -> list[Judgement]:
    """Return every rule of the provider with our figure against it."""
    return [judge(guideline, facts) for guideline in guide_of(facts.provider).guidelines]


def judge(guideline: Guideline, facts: Facts) -> Judgement:
    """Compare one rule with what is known."""
    if guideline.check is None:
        return Judgement(guideline, None, "")
    if guideline.check in NEEDED:
        return Judgement(guideline, *judge_domains(facts.domains, guideline.check))
    if guideline.check is Check.ONE_CLICK:
        return Judgement(guideline, Outcome.MET, _("すべてのメールに自動で付きます"))
    if guideline.check is Check.COMPLAINTS:
        return Judgement(guideline, *judge_complaints(guideline.limit, facts))
    if guideline.check is Check.VOLUME:
        return Judgement(guideline, Outcome.FIGURE, tell_volume(guideline.limit, facts.busiest))
    return Judgement(guideline, Outcome.FIGURE if facts.figures.tried else Outcome.UNKNOWN, tell_unknown(facts))


def judge_domains(domains: Sequence[SenderDomain], check: Check) -> tuple[Outcome, str]:
    """Say whether all domains that were sent from have a record that their newest check found right."""
    if not domains:
        return Outcome.UNKNOWN, _("この期間の送信元がありません")
    results = {domain.name: result_of(domain, check) for domain in domains}
    bad = [name for name, result in results.items() if result in (CheckResult.MISSING, CheckResult.WRONG)]
    if bad:
        return Outcome.NOT_MET, _("設定が必要: %(names)s") % {"names": "、".join(bad)}
    unknown = [name for name, result in results.items() if result != CheckResult.OK]
    if unknown:
        return Outcome.UNKNOWN, _("未確認: %(names)s") % {"names": "、".join(unknown)}
    return Outcome.MET, _("確認済み: %(names)s") % {"names": "、".join(results)}


def result_of(domain: SenderDomain, check: Check) -> str | None:
    """Return the best of the wanted results; None where the domain was never checked."""
    found = [one.result for one in domain.checks.all() if one.kind in NEEDED[check]]
    order = (CheckResult.OK, CheckResult.UNKNOWN, CheckResult.WRONG, CheckResult.MISSING)
    return min(found, key=lambda result: order.index(CheckResult(result)), default=None)


def judge_complaints(limit: float | None, facts: Facts) -> tuple[Outcome, str]:
    """Say whether complaints stay below a limit. Where no report comes in, that there are none proves nothing."""
    figure = _("届いた報告 %(number)s件(%(percent).2f%%)") % {
        "number": f"{facts.complaints:,}",
        "percent": facts.complaint_percent,
    }
    if limit is not None and facts.complaints and facts.complaint_percent >= limit:
        return Outcome.NOT_MET, figure
    if not guide_of(facts.provider).tells_complaints:
        return Outcome.UNKNOWN, _("%(figure)s。このプロバイダは報告を1件ずつ知らせないことがあります") % {
            "figure": figure
        }
    if limit is None:
        return Outcome.FIGURE, figure
    return (Outcome.MET if facts.complaints else Outcome.UNKNOWN), figure


def tell_volume(limit: float | None, busiest: int) -> str:
    """Return our busiest day, and whether the rules for many mails hold for it."""
    figure = _("最も多い日 %(number)s通") % {"number": f"{busiest:,}"}
    if limit is None:
        return figure
    holds = _("条件の対象です") if busiest >= limit else _("この期間は対象外です")
    return f"{figure}({holds})"


def tell_unknown(facts: Facts) -> str:
    """Return our share of 宛先不明."""
    return _("宛先不明 %(number)s件(配信数の%(percent).2f%%)") % {
        "number": f"{facts.unknown:,}",
        "percent": facts.unknown_percent,
    }


def five_criteria(facts: Facts) -> list[Criterion]:
    """Return the five things that receivers look at, each with our figure (B15)."""
    _domains, authentic = judge_domains(facts.domains, Check.DMARC)
    ips = "、".join(settings.SENDING_IPS)
    return [
        Criterion(
            _("一度に届く量"),
            tell_volume(None, facts.busiest),
            _("急に増やさず、少しずつ増やします。"),
        ),
        Criterion(
            _("エラーの量"),
            _("エラー率 %(percent).2f%%、%(unknown)s")
            % {"percent": facts.figures.error_percent, "unknown": tell_unknown(facts)},
            _("宛先不明のアドレスをリストから外します。"),
        ),
        Criterion(
            _("迷惑メール報告"),
            _("%(number)s件(受け付けられたメールの%(percent).2f%%)")
            % {"number": f"{facts.complaints:,}", "percent": facts.complaint_percent},
            _("報告が届かないプロバイダもあるため、0件でも報告がなかったとは限りません。"),
        ),
        Criterion(
            _("差出人の正しさ"),
            f"DMARC: {authentic}",
            _("SPF・DKIM・DMARC を「送信元」の画面で確かめます。"),
        ),
        Criterion(
            _("送信サーバーの安全性"),
            _("送信元IPアドレス: %(ips)s") % {"ips": ips} if ips else _("送信元IPアドレスは未設定です(SENDING_IPS)"),
            _("逆引き(PTR)と、ブロックリストに載っていないことを運用担当者が確かめます。"),
        ),
    ]

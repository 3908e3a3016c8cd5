"""One provider: its rules and our figures against them (A12, B15)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bounces.domain_rules import RULES, Outcome, judge_domains, judge_servers
from bounces.error_report import Mailing, read_figures, read_mailings
from bounces.provider_guides import Check, Guideline, guide_of
from bounces.report_scope import Scope
from bounces.trend import busiest_day
from campaigns.tally import Figures, percent
from mta.verdicts import Kind, Reason
from senders.models import SenderDomain, ServerCheck, ServerCheckKind
from senders.server_store import list_checks

LISTING_WORDS = {Outcome.MET: gettext_lazy("載っていません"), Outcome.NOT_MET: gettext_lazy("載っています")}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of our mail to a provider in a period."""

    provider: str
    figures: Figures
    mailings: list[Mailing]
    # The domains that the mailings came from, with their newest checks.
    domains: list[SenderDomain]
    # What is known of our own servers.
    servers: Sequence[ServerCheck] = ()
    # Whether receivers get the mails by TLS; None where another server hands them over.
    is_encrypted: bool | None = None

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
        servers=list_checks(),
    )


def judge_all(facts: Facts) -> list[Judgement]:
    """Return every rule of the provider with our figure against it."""
    return [judge(guideline, facts) for guideline in guide_of(facts.provider).guidelines]


def judge(guideline: Guideline, facts: Facts) -> Judgement:
    """Compare one rule with what is known."""
    if guideline.check is None:
        return Judgement(guideline, None, "")
    if guideline.check in RULES:
        return Judgement(guideline, *judge_domains(facts.domains, guideline.check, facts.servers))
    if guideline.check is Check.PTR:
        return Judgement(guideline, *judge_servers(facts.servers, ServerCheckKind.PTR))
    if guideline.check is Check.TLS:
        return Judgement(guideline, *judge_encryption(facts.is_encrypted))
    if guideline.check is Check.ONE_CLICK:
        return Judgement(guideline, Outcome.MET, _("すべてのメールに自動で付きます"))
    if guideline.check is Check.COMPLAINTS:
        return Judgement(guideline, *judge_complaints(guideline.limit, facts))
    if guideline.check is Check.VOLUME:
        is_beyond = guideline.limit is not None and facts.busiest < guideline.limit
        outcome = Outcome.OUT_OF_SCOPE if is_beyond else Outcome.FIGURE
        return Judgement(guideline, outcome, tell_volume(guideline.limit, facts.busiest))
    return Judgement(guideline, Outcome.FIGURE if facts.figures.tried else Outcome.UNKNOWN, tell_unknown(facts))


def judge_encryption(is_encrypted: bool | None) -> tuple[Outcome, str]:
    """Say whether mails are encrypted on their way to the receivers."""
    if is_encrypted is None:
        return Outcome.UNKNOWN, _("中継サーバーの設定によります")
    if not is_encrypted:
        return Outcome.NOT_MET, _("配信経路の暗号化が「なし」になっています")
    return Outcome.MET, _("受信サーバーが対応していれば暗号化します")


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
    _domains, authentic = judge_domains(facts.domains, Check.DMARC_PASS, facts.servers)
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
            tell_servers(facts.servers),
            _("逆引き(PTR)と、ブロックリストに載っていないことを当サービスの運用担当者が確かめます。"),
        ),
    ]


def tell_servers(servers: Sequence[ServerCheck]) -> str:
    """Return our sending addresses, and what is known of their reverse names and of blocklists."""
    if not settings.SENDING_IPS:
        return _("送信元IPアドレスは未設定です(SENDING_IPS)")
    ips = _("送信元IPアドレス: %(ips)s") % {"ips": "、".join(settings.SENDING_IPS)}
    outcome, _figure = judge_servers(servers, ServerCheckKind.PTR)
    words = [ips, _("逆引き: %(word)s") % {"word": outcome.label}]
    if any(check.kind == ServerCheckKind.BLOCKLIST for check in servers):
        outcome, _figure = judge_servers(servers, ServerCheckKind.BLOCKLIST)
        words.append(_("ブロックリスト: %(word)s") % {"word": LISTING_WORDS.get(outcome, outcome.label)})
    return _("、").join(words)

"""配信診断: all that is known of how a sender's mail is received, from what is stored; nothing is asked of the DNS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Workspace
from bounces.diagnosis_mail import SampleMail, make_sample
from bounces.domain_rules import Outcome
from bounces.error_report import Mailing, read_figures
from bounces.provider_guides import Guideline
from bounces.provider_report import Criterion, Facts, Judgement, five_criteria, judge_all
from bounces.report_scope import DEFAULT_DAYS, Period, Scope
from campaigns.routing import choose_route
from campaigns.tally import TRIED, Figures
from mta.errors import MtaError
from mta.mail_routes import load_route
from mta.providers import PROVIDER_LABELS
from senders.lights import TONES, Light, light_of, light_of_sender
from senders.models import CheckKind, CheckResult, Sender, SenderDomain, ServerCheck
from senders.server_store import list_checks, result_word
from senders.shown_checks import ShownCheck, show_check

# Whose rules are compared, in the order of the page (keys of mta.providers).
PROVIDERS: Final = ("gmail", "yahoo", "microsoft", "yahoo_jp", "docomo", "au", "softbank", "icloud")
# Rows in these tones are shown first, the others folded.
ALARMS: Final = ("bad", "warn")
# A figure without a limit tells neither that a rule is met nor that it is not.
WORDS: Final[dict[Outcome | None, tuple[str, Any]]] = {
    Outcome.MET: ("ok", gettext_lazy("満たす")),
    Outcome.NOT_MET: ("bad", gettext_lazy("満たさない")),
    Outcome.OUT_OF_SCOPE: ("muted", gettext_lazy("対象外")),
    Outcome.FIGURE: ("muted", gettext_lazy("参考")),
}


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One stored check of our own servers with the tone and the word of its light."""

    check: ServerCheck
    tone: str
    word: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a provider: whether it is met, as a word; `figure` is what we know."""

    guideline: Guideline
    word: str
    tone: str
    figure: str


@dataclass(frozen=True, slots=True)
class ProviderRules:
    """The rules of one provider (a key of mta.providers), and what it tells senders without asking anything of them.

    Rules that are broken come first.
    """

    key: str
    label: str
    rules: list[Rule]
    notices: list[Guideline]

    def not_met(self) -> list[Rule]:
        """Return the rules that are broken."""
        return [rule for rule in self.rules if rule.tone == "bad"]

    def tell_others(self) -> str:
        """Return how many of the other rules came out how."""
        numbers = Counter(rule.word for rule in self.rules if rule.tone != "bad")
        return _("、").join(_("%(word)s %(number)d件") % {"word": word, "number": numbers[word]} for word in numbers)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the page of one sender shows. `never` names the checks that were not done yet."""

    sender: Sender
    light: Light
    checks: list[ShownCheck]
    never: list[str]
    servers: list[CheckRow]
    sample: SampleMail
    period: Period
    criteria: list[Criterion]
    providers: list[ProviderRules]

    def open_checks(self) -> list[ShownCheck]:
        """Return the checks of the domain that ask for something."""
        return [row for row in self.checks if row.tone in ALARMS]

    def done_checks(self) -> list[ShownCheck]:
        """Return the other checks of the domain."""
        return [row for row in self.checks if row.tone not in ALARMS]

    def open_servers(self) -> list[CheckRow]:
        """Return the checks of our servers that ask for something."""
        return [row for row in self.servers if row.tone in ALARMS]

    def done_servers(self) -> list[CheckRow]:
        """Return the other checks of our servers."""
        return [row for row in self.servers if row.tone not in ALARMS]

    def strict_providers(self) -> list[ProviderRules]:
        """Return the providers with a rule that is broken."""
        return [provider for provider in self.providers if provider.not_met()]


def read_diagnosis(workspace: Workspace, sender: Sender, *, now: datetime) -> Diagnosis:
    """Return the diagnosis of a sender, which comes with its domain and the domain's checks and keys."""
    servers = list_checks()
    period = Period.latest(DEFAULT_DAYS, today=timezone.localdate(now))
    facts = read_all_facts(Scope(workspace, period, sender_domain=sender.domain), sender, servers)
    checks = sorted(sender.domain.checks.all(), key=lambda check: CheckKind.values.index(check.kind))
    by_kind = {check.kind: check for check in checks}
    return Diagnosis(
        sender=sender,
        light=light_of_sender(sender, light_of(sender.domain)),
        checks=[show_check(check, by_kind) for check in checks],
        never=[str(kind.label) for kind in (CheckKind.SPF, CheckKind.DKIM, CheckKind.DMARC) if kind not in by_kind],
        servers=[CheckRow(check, TONES[CheckResult(check.result)], result_word(check)) for check in servers],
        sample=make_sample(sender, servers, now=now),
        period=period,
        criteria=five_criteria(facts[""]),
        providers=[describe_provider(key, facts[key]) for key in PROVIDERS],
    )


def describe_provider(key: str, facts: Facts) -> ProviderRules:
    """Return the rules of a provider with what is known of each."""
    judged = judge_all(facts)
    rules = [decide(one) for one in judged if not one.guideline.is_notice]
    return ProviderRules(
        key,
        _(PROVIDER_LABELS[key]),
        rules=sorted(rules, key=lambda rule: rule.tone != "bad"),
        notices=[one.guideline for one in judged if one.guideline.is_notice],
    )


def decide(judgement: Judgement) -> Rule:
    """Return a judgement in the words of this page."""
    tone, word = WORDS.get(judgement.outcome, ("muted", gettext_lazy("判定できない")))
    return Rule(judgement.guideline, str(word), tone, judgement.figure)


def read_all_facts(scope: Scope, sender: Sender, servers: Sequence[ServerCheck]) -> dict[str, Facts]:
    """Return the facts of each provider, and under "" those of all together. Five queries."""
    figures = read_figures(scope)
    by_provider = figures.by_provider()
    mailings = read_mailings_by_provider(scope)
    domains: list[SenderDomain] = [sender.domain]
    is_encrypted = encrypts(sender)
    everything = [mailing for rows in mailings.values() for mailing in rows]
    facts = {"": Facts("", figures, everything, domains, servers, is_encrypted)}
    for key in PROVIDERS:
        found = by_provider.get(key, Figures())
        facts[key] = Facts(key, found, mailings.get(key, []), domains, servers, is_encrypted)
    return facts


def read_mailings_by_provider(scope: Scope) -> dict[str, list[Mailing]]:
    """Return how much of each mailing went to each provider. Two queries."""
    starts = dict(scope.campaigns().order_by().values_list("pk", "started_at"))
    counted = scope.tallies().filter(state__in=TRIED).values_list("provider", "campaign_id")
    mailings: dict[str, list[Mailing]] = {}
    for provider, campaign, tried in counted.annotate(tried=Sum("number")).order_by():
        started_at = starts.get(campaign)
        if started_at is not None:
            row = Mailing(campaign, started_at, tried, accepted=0, failed=0, blocked=0)
            mailings.setdefault(provider, []).append(row)
    return mailings


def encrypts(sender: Sender) -> bool | None:
    """Say whether receivers get a sender's mails by TLS; None where another server hands them over.

    The way that mails leave directly encrypts wherever the receiver can.
    """
    try:
        route = load_route(choose_route(sender.workspace, sender.address))
    except MtaError:
        return None
    return route.security != "none" if route.kind == "direct" else None

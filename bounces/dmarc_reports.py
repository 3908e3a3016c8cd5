"""Keeps DMARC aggregate reports by the domains they are on, and adds them up for a page (C26)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q, Sum

from bounces.dmarc_reading import read_dmarc_report
from bounces.models import DmarcReport, DmarcSource
from campaigns.tally import percent
from senders.models import SenderDomain

KEPT: Final = timedelta(days=400)
# Reports that one call clears out.
CHUNK: Final = 100
SOURCES_SHOWN: Final = 50
REPORTERS_SHOWN: Final = 30
_PASSED: Final = Q(dkim=True) | Q(spf=True)


def store_dmarc_report(content: bytes) -> int:
    """Store the report in a mail for each workspace that proved the domain; return for how many.

    A report that comes twice is one. Called within the transaction that settles the notice.
    """
    report = read_dmarc_report(content)
    if report is None:
        return 0
    stored = 0
    for domain in SenderDomain.objects.filter(name=report.domain, verified_at__isnull=False):
        row, is_new = DmarcReport.objects.get_or_create(
            domain=domain,
            reporter=report.reporter,
            report_id=report.report_id,
            defaults={"policy": report.policy, "begins": report.begins, "ends": report.ends},
        )
        if is_new:
            DmarcSource.objects.bulk_create(
                [
                    DmarcSource(
                        report=row,
                        source_ip=source.source_ip,
                        messages=source.messages,
                        disposition=source.disposition,
                        dkim=source.dkim,
                        spf=source.spf,
                        header_from=source.header_from,
                    )
                    for source in report.rows
                ],
                batch_size=1000,
            )
            stored += 1
    return stored


@dataclass(frozen=True, slots=True)
class SourceLine:
    """What all reports of a time say of one address. `is_ours`: one of SENDING_IPS."""

    source_ip: str
    messages: int
    passed: int
    dkim: int
    spf: int
    stopped: int
    is_ours: bool

    @property
    def percent(self) -> float:
        """Per cent of the mails that DMARC passed."""
        return percent(self.passed, self.messages)


@dataclass(frozen=True, slots=True)
class ReporterLine:
    """What one receiver reported."""

    reporter: str
    messages: int
    newest: datetime


@dataclass(frozen=True, slots=True)
class DmarcSummary:
    """The reports on a domain, added up; `sources` are those with most mails, `more` how many others there are."""

    messages: int
    passed: int
    sources: Sequence[SourceLine]
    more: int
    reporters: Sequence[ReporterLine]

    @property
    def percent(self) -> float:
        """Per cent of all mails that DMARC passed."""
        return percent(self.passed, self.messages)

    @property
    def failing_ours(self) -> list[SourceLine]:
        """Our own addresses some of whose mails did not pass."""
        return [source for source in self.sources if source.is_ours and source.passed < source.messages]

    @property
    def strangers(self) -> list[SourceLine]:
        """Other addresses some of whose mails did not pass."""
        return [source for source in self.sources if not source.is_ours and source.passed < source.messages]


def sum_up(domain: SenderDomain, *, since: datetime) -> DmarcSummary:
    """Add up the reports on a domain that end after a time. Four queries."""
    rows = DmarcSource.objects.filter(report__domain=domain, report__ends__gte=since).order_by()
    whole = rows.aggregate(total=Sum("messages", default=0), passed=Sum("messages", filter=_PASSED, default=0))
    by_source = rows.values("source_ip").annotate(
        total=Sum("messages"),
        passed=Sum("messages", filter=_PASSED, default=0),
        dkim_passed=Sum("messages", filter=Q(dkim=True), default=0),
        spf_passed=Sum("messages", filter=Q(spf=True), default=0),
        stopped=Sum("messages", filter=~Q(disposition="none"), default=0),
    )
    ours = {str(ip_address(address)) for address in settings.SENDING_IPS}
    sources = [
        SourceLine(
            source_ip=row["source_ip"],
            messages=row["total"],
            passed=row["passed"],
            dkim=row["dkim_passed"],
            spf=row["spf_passed"],
            stopped=row["stopped"],
            is_ours=row["source_ip"] in ours,
        )
        for row in by_source.order_by("-total", "source_ip")[:SOURCES_SHOWN]
    ]
    by_reporter = rows.values("report__reporter").annotate(total=Sum("messages"), newest=Max("report__ends"))
    reporters = [
        ReporterLine(row["report__reporter"], row["total"], row["newest"])
        for row in by_reporter.order_by("-total", "report__reporter")[:REPORTERS_SHOWN]
    ]
    more = rows.values("source_ip").distinct().count() - len(sources) if len(sources) == SOURCES_SHOWN else 0
    return DmarcSummary(whole["total"], whole["passed"], sources, more, reporters)


def clear_old_reports(*, now: datetime) -> int:
    """Delete reports that ended more than KEPT ago; return how many, at most CHUNK."""
    old = list(DmarcReport.objects.filter(ends__lt=now - KEPT).order_by("ends").values_list("pk", flat=True)[:CHUNK])
    if old:
        with transaction.atomic():
            DmarcSource.objects.filter(report__in=old).delete()
            DmarcReport.objects.filter(pk__in=old).delete()
    return len(old)

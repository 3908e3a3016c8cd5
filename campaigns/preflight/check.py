"""Puts the checks together: of the content alone while it is written, of everything before it is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import chain
from typing import Final

from django.utils.translation import gettext as _

from accounts.models import User
from campaigns.audiences import audience_of
from campaigns.draft_mails import draft_mail
from campaigns.models import Campaign
from campaigns.preflight.asked import asked_findings
from campaigns.preflight.content import (
    check_legal,
    check_preheader,
    check_size,
    check_subject,
    check_tags,
    check_text,
    read_content,
)
from campaigns.preflight.findings import Finding, Level, Report
from campaigns.preflight.leftovers import check_leftovers
from campaigns.preflight.markup import check_elements, check_links, check_pictures
from campaigns.preflight.people import check_people
from campaigns.preflight.regions import check_conditions, check_marks
from campaigns.preflight.setting import (
    check_approval,
    check_audience,
    check_hour,
    check_provider_rules,
    check_sender,
    check_test_mail,
    check_workspace,
)
from campaigns.preflight.splits import check_split
from campaigns.sendable import CampaignError
from lists.segment_counts import Slice

ORDER: Final = {Level.RED: 0, Level.YELLOW: 1, Level.GREEN: 2}


def check(
    campaign: Campaign,
    *,
    now: datetime,
    at: datetime | None = None,
    counted: Slice | None = None,
    actor: User | None = None,
) -> Report:
    """Return all that is found out about a mailing, and of the hour where it would be sent `at` a time.

    `counted` is how many people it has where a page counted them already; `actor` is who would send it.
    """
    audience = audience_of(campaign)
    return arrange(
        chain(
            check_sender(campaign),
            check_audience(campaign, audience, counted),
            check_workspace(campaign),
            check_approval(campaign, actor),
            content_findings(campaign),
            check_split(campaign, content_findings, people=counted.active if counted and counted.is_complete else None),
            check_people(campaign, audience, counted, now=now),
            check_conditions(campaign, audience, now=now),
            check_provider_rules(campaign),
            check_hour(campaign, at=at, now=now) if at else (),
            check_test_mail(campaign),
        )
    )


def check_content(campaign: Campaign) -> Report:
    """Return what is found in the content of a mailing, which need not be stored."""
    return arrange(content_findings(campaign))


def arrange(findings: Iterable[Finding]) -> Report:
    """Return findings with the gravest first, else in the order of the checks."""
    return Report(tuple(sorted(findings, key=lambda finding: ORDER[finding.level])))


def content_findings(campaign: Campaign) -> list[Finding]:
    """Return what the words, links and pictures of a mailing lead to."""
    content = read_content(campaign)
    return [
        *check_subject(content),
        *check_preheader(content),
        *check_leftovers(content),
        *check_tags(content),
        *check_marks(content),
        *check_text(content),
        *check_legal(content),
        *check_links(content),
        *check_pictures(content),
        *check_elements(content),
        *check_size(content, size=len(draft_mail(campaign))),
    ]


def require_clear(
    campaign: Campaign, ticks: Collection[str] | None, *, at: datetime, now: datetime, actor: User | None = None
) -> Report:
    """Return what is found; raises CampaignError where something red stops the start or a yellow thing lacks its tick.

    Where `ticks` is None nobody is asked for them.
    """
    found = check(campaign, at=at, now=now, actor=actor)
    report = arrange(chain(found.findings, asked_findings(campaign)))
    if report.reds:
        raise CampaignError(campaign, report.reds[0].sentence, report.reds[0].url)
    if ticks is not None and (unticked := report.unticked(ticks)):
        raise CampaignError(
            campaign,
            _("配信前チェックに、確認が必要な項目が%(number)d件あります: %(first)s")
            % {"number": len(unticked), "first": unticked[0].sentence},
        )
    return report

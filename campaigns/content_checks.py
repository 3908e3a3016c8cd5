"""Asks others about the content of drafts: who saves a draft asks, a worker does it, the check page shows it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from campaigns.content_kinds import KINDS, digests_of
from campaigns.models import Campaign, CheckState, ContentCheck, ContentCheckKind
from campaigns.preflight.content import read_contents
from campaigns.sendable import CampaignError

# What no worker did within this time is given up.
GIVE_UP: Final = timedelta(seconds=60)
# A worker that has not ended by then has died; another may take it.
TAKEN_FOR: Final = timedelta(seconds=30)
# A result of the same content is asked for anew when a draft is saved after this.
FRESH: Final = timedelta(hours=12)
# Drafts of one workspace that others are asked about within a minute: nobody shall be knocked at by us again and again.
A_MINUTE: Final = 20


def ask(campaign: Campaign, *, now: datetime, is_again: bool = False) -> None:
    """Have a draft checked where its content was not yet; `is_again` = in any case. Raises CampaignError for too many."""
    digests = digests_of(read_contents(campaign))
    rows = {row.kind: row for row in campaign.content_checks.all()}
    wanted = {
        kind: digest for kind, digest in digests.items() if needs(rows.get(kind), digest, now=now, is_again=is_again)
    }
    if wanted and is_too_many(campaign, now=now):
        raise CampaignError(campaign, _("続けて何度も調べられません。1分ほどおいて、もう一度お試しください。"))
    for kind, digest in wanted.items():
        fields = {"digest": digest, "state": CheckState.WAITING, "asked_at": now, "taken_at": None}
        ContentCheck.objects.update_or_create(
            campaign=campaign, kind=kind, defaults={**fields, "result": {}, "checked_at": None}
        )


def ask_quietly(campaign: Campaign, *, now: datetime) -> None:
    """Have a draft checked while its writer goes on; who saves very often is not kept from it."""
    try:
        ask(campaign, now=now)
    except CampaignError:
        return


def needs(row: ContentCheck | None, digest: str, *, now: datetime, is_again: bool) -> bool:
    """Say whether something is to be asked; what is on its way is not asked twice."""
    if row is None or row.digest != digest:
        return True
    if row.state == CheckState.WAITING:
        return not is_waiting(row, now=now)
    return is_again or row.state == CheckState.FAILED or row.checked_at is None or row.checked_at < now - FRESH


def is_waiting(row: ContentCheck, *, now: datetime) -> bool:
    """Say whether a check will still be done."""
    return row.state == CheckState.WAITING and row.asked_at > now - GIVE_UP


def is_too_many(campaign: Campaign, *, now: datetime) -> bool:
    """Say whether a workspace asked for more than a person does."""
    asked = ContentCheck.objects.filter(
        campaign__workspace=campaign.workspace, asked_at__gt=now - timedelta(minutes=1)
    ).values("campaign")
    return asked.distinct().count() >= A_MINUTE


def waiting(*, now: datetime) -> QuerySet[ContentCheck]:
    """Return the checks that a worker may take."""
    free = Q(taken_at=None) | Q(taken_at__lte=now - TAKEN_FOR)
    return ContentCheck.objects.filter(free, state=CheckState.WAITING, asked_at__gt=now - GIVE_UP)


def run(pk: int, *, now: datetime) -> None:
    """Do a check that waits; whoever took it first does it, and a newer wish drops what this one finds."""
    if not waiting(now=now).filter(pk=pk).update(taken_at=now):
        return
    check = ContentCheck.objects.select_related("campaign__workspace", "campaign__sender__domain").get(pk=pk)
    kind = KINDS[ContentCheckKind(check.kind)]
    contents = read_contents(check.campaign)
    state, result = kind.check(contents)
    own = ContentCheck.objects.filter(pk=pk, state=CheckState.WAITING, taken_at=now)
    own.update(state=state, result=result, digest=kind.digest(contents), checked_at=now)

"""What is wrong in a workspace: domains that may not send, mailboxes that cannot be read, providers whose mail waits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Workspace
from bounces.models import Mailbox
from campaigns.lane_overview import list_providers
from campaigns.models import Campaign, CampaignState
from senders.domain_names import display_domain
from senders.lights import light_of
from senders.models import SenderDomain
from tracking.models import LinkHost

# At most so many of each sort are named.
MOST = 3
# A mailbox that cannot be read once may be read the next time.
FAILURES = 2
# How long a mailing that could not start is told of.
LATELY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One note: `tone` is bad or warn, `url` leads to where it is mended."""

    tone: str
    sentence: str
    url: str


def find_troubles(workspace: Workspace) -> list[Trouble]:
    """Return what somebody should look at; asks nothing but the database."""
    return [
        *domain_troubles(workspace),
        *mailbox_troubles(workspace),
        *host_troubles(workspace),
        *draft_troubles(workspace),
        *lane_troubles(workspace, now=timezone.now()),
    ]


def domain_troubles(workspace: Workspace) -> Iterator[Trouble]:
    """Yield the domains in use whose proof is lost, not there yet or about to be lost."""
    if not settings.REQUIRE_VERIFIED_SENDERS:
        return
    in_use = SenderDomain.objects.filter(workspace=workspace, senders__archived_at=None, senders__isnull=False)
    found = 0
    for domain in in_use.distinct().prefetch_related("checks").order_by("pk"):
        light = light_of(domain)
        if light.tone in ("bad", "warn") and found < MOST:
            found += 1
            words = {"domain": display_domain(domain.name), "label": light.label, "why": light.sentence}
            sentence = _("送信元ドメイン %(domain)s(%(label)s): %(why)s") % words
            yield Trouble(light.tone, sentence, reverse("domain_detail", args=[domain.pk]))


def mailbox_troubles(workspace: Workspace) -> Iterator[Trouble]:
    """Yield the mailboxes that could not be read several times in a row: errors are not counted meanwhile."""
    failing = Mailbox.objects.filter(workspace=workspace, is_active=True, failures__gte=FAILURES).exclude(problem="")
    for mailbox in failing.order_by("pk")[:MOST]:
        words = {"name": mailbox.username, "why": mailbox.problem}
        sentence = (
            _("受信メールボックス %(name)s を読み取れないため、エラーメールを数えられていません: %(why)s") % words
        )
        yield Trouble("warn", sentence, reverse("mailbox_detail", args=[mailbox.pk]))


def lane_troubles(workspace: Workspace, *, now: datetime) -> Iterator[Trouble]:
    """Yield the providers whose mail waits although a mailing is being sent; asked only while there is one."""
    if not Campaign.objects.for_workspace(workspace).filter(state=CampaignState.SENDING).exists():
        return
    held = [row for row in list_providers(workspace, now=now) if row.waiting and not row.is_moving]
    for row in held[:MOST]:
        words = {"provider": row.label, "standing": row.standing.label, "number": f"{row.waiting:,}"}
        sentence = _("%(provider)s 宛て(%(standing)s): %(number)s 件が送信を待っています。") % words
        yield Trouble("warn", sentence, reverse("lane_index"))


def draft_troubles(workspace: Workspace) -> Iterator[Trouble]:
    """Yield the mailings that could not start lately and are drafts again."""
    fallen = Campaign.objects.for_workspace(workspace).filter(state=CampaignState.DRAFT).exclude(problem="")
    for campaign in fallen.filter(updated_at__gt=timezone.now() - LATELY).defer("text", "html").order_by("-pk")[:MOST]:
        words = {"title": campaign.title, "why": campaign.problem}
        sentence = _("配信「%(title)s」を始められませんでした(下書きにあります): %(why)s") % words
        yield Trouble("bad", sentence, reverse("campaign_preview", args=[campaign.pk]))


def host_troubles(workspace: Workspace) -> Iterator[Trouble]:
    """Yield the host of the links where it does not lead here: mailings do without it meanwhile."""
    for host in LinkHost.objects.filter(workspace=workspace).exclude(problem=""):
        yield Trouble("warn", _("リンクのドメイン: %s") % host.problem, reverse("link_host"))

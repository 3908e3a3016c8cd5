"""What the home page shows of a workspace."""

from dataclasses import dataclass

from django.db.models import QuerySet

from accounts.models import Workspace
from campaigns.approvals import waiting_approvals
from campaigns.holds import open_holds
from campaigns.models import Campaign, CampaignState
from campaigns.progress import Progress, measure
from hypermail.troubles import Trouble, find_troubles
from lists.headcounts import ListCounts, count_workspace
from lists.models import MailingList
from senders.models import Sender

RUNNING = (CampaignState.STARTING, CampaignState.SENDING, CampaignState.PAUSED)
FINISHED = (CampaignState.DONE, CampaignState.CANCELLED)
# At most so many campaigns of each sort; each of those with numbers costs one count.
NEWEST = 5


@dataclass(frozen=True, slots=True)
class Mailing:
    """A campaign and its numbers."""

    campaign: Campaign
    progress: Progress


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything on the home page."""

    running: list[Mailing]
    scheduled: list[Campaign]
    newest: list[Mailing]
    people: ListCounts
    has_list: bool
    has_sender: bool
    has_campaign: bool
    # Stops that wait for a person's decision (B16).
    holds: int
    # Mailings that wait for another person's word (承認).
    approvals: int
    troubles: list[Trouble]

    @property
    def is_set_up(self) -> bool:
        """Say whether the first steps are all done."""
        return self.has_list and self.people.total > 0 and self.has_sender and self.has_campaign


def read_dashboard(workspace: Workspace) -> Dashboard:
    """Return what the home page of a workspace shows."""
    campaigns = Campaign.objects.for_workspace(workspace)
    finished = campaigns.filter(state__in=FINISHED, started_at__isnull=False)
    people = count_workspace(workspace)
    return Dashboard(
        running=measure_newest(campaigns.filter(state__in=RUNNING)),
        scheduled=list(campaigns.filter(state=CampaignState.SCHEDULED).order_by("scheduled_at")[:NEWEST]),
        newest=measure_newest(finished),
        people=people,
        has_list=MailingList.objects.filter(workspace=workspace).exists(),
        has_sender=Sender.objects.filter(workspace=workspace, archived_at=None).exists(),
        has_campaign=campaigns.exclude(state=CampaignState.DRAFT).exists(),
        holds=open_holds(workspace).count(),
        approvals=waiting_approvals(workspace).count(),
        troubles=find_troubles(workspace),
    )


def measure_newest(campaigns: QuerySet[Campaign]) -> list[Mailing]:
    """Return the newest campaigns with their numbers."""
    return [Mailing(campaign, measure(campaign)) for campaign in campaigns.order_by("-started_at", "-pk")[:NEWEST]]

"""Which mailings an archive may hold, and which of them it shows."""

from django.db.models import BooleanField, Case, F, OuterRef, Q, Subquery, Value, When

from archive.models import Archive, Choice
from campaigns.models import Campaign, CampaignQuerySet, CampaignState


def mailings_of(archive: Archive, *, only: bool | None = None) -> CampaignQuerySet:
    """Return the mailings to the list whose sending ended normally, the newest first, each with `is_shown`.

    `only` keeps those that the archive shows, or does not. What people chose counts; of itself a mailing is shown as
    `is_added` says.
    """
    own = Choice.objects.filter(archive=archive, campaign=OuterRef("pk")).values("is_shown")[:1]
    mailings = Campaign.objects.for_workspace(archive.mailing_list.workspace).filter(
        state=CampaignState.DONE, audiences__mailing_list=archive.mailing_list_id
    )
    shown = Case(
        When(chosen__isnull=False, then=F("chosen")),
        When(is_added(archive), then=Value(True)),
        default=Value(False),
        output_field=BooleanField(),
    )
    found = mailings.alias(chosen=Subquery(own, output_field=BooleanField())).annotate(is_shown=shown)
    return (found if only is None else found.filter(is_shown=only)).order_by("-started_at", "-pk")


def is_added(archive: Archive) -> Q:
    """Return which mailings are shown without anybody's word.

    What began before the archive was opened, or was meant for a part of the list alone, waits for a person.
    """
    if archive.adds_since is None:
        return Q(pk__in=[])
    return Q(started_at__gte=archive.adds_since, is_narrowed=False, conditions=[], resend_of=None)


def shown_mailings(archive: Archive) -> CampaignQuerySet:
    """Return the mailings that everybody may read, the newest first."""
    return mailings_of(archive, only=True).select_related("workspace", "sender")

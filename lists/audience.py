"""Who receives a campaign: the active subscribers of its lists and segments, each once, without those it leaves out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Exists, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.db.models.lookups import Exact

from accounts.models import Workspace
from lists.exclusions import exclude_condition, has_exclusions
from lists.models import MailingList, Segment, Subscriber, SubscriberQuerySet, Subscription
from lists.segments import compile_segment


@dataclass(frozen=True, slots=True)
class Audience:
    """What a mailing is sent to, and whom it leaves out: ids of lists, and segments."""

    lists: Sequence[int] = ()
    segments: Sequence[Segment] = ()
    excluded_lists: Sequence[int] = ()
    excluded_segments: Sequence[Segment] = ()

    @property
    def is_empty(self) -> bool:
        """Say whether it names nobody."""
        return not self.lists and not self.segments

    @property
    def is_plain(self) -> bool:
        """Say whether it consists of lists alone."""
        return not (self.segments or self.excluded_lists or self.excluded_segments)


def people_of(workspace: Workspace, audience: Audience, *, now: datetime) -> SubscriberQuerySet:
    """Return the active subscribers of an audience, each once and in no particular order. Raises SegmentRefused.

    A segment's people are those of them who are on a list at all: whom a replacement took off every list has no place
    that a permission to send belongs to.
    """
    people = Subscriber.objects.for_workspace(workspace).active()
    return people.filter(audience_condition(workspace, audience, now=now))


@dataclass(frozen=True, slots=True)
class Stages:
    """The condition on Subscriber of an audience, whatever their status, in the steps that take people away.

    `included` are those whom it names, `allowed` those who are not on the 除外リスト, `kept` those whom it does not leave
    out.
    """

    included: Q
    allowed: Q
    kept: Q


def audience_condition(workspace: Workspace, audience: Audience, *, now: datetime) -> Q:
    """Return the condition on Subscriber of an audience, whatever their status. Raises SegmentRefused.

    Who is on the 除外リスト does not belong to it.
    """
    stages = audience_stages(workspace, audience, now=now)
    return stages.included & stages.allowed & stages.kept


def audience_stages(workspace: Workspace, audience: Audience, *, now: datetime) -> Stages:
    """Return the condition of an audience step by step. Raises SegmentRefused."""
    included = Q(Exists(places_on(audience.lists)))
    if audience.segments:
        anywhere = Q()
        for segment in audience.segments:
            anywhere |= compile_segment(segment, now=now)
        included = included | (anywhere & listed(workspace)) if audience.lists else anywhere & listed(workspace)
    allowed = exclude_condition(workspace.pk, now=now) if has_exclusions(workspace.pk) else Q()
    kept = ~Q(Exists(places_on(audience.excluded_lists))) if audience.excluded_lists else Q()
    for segment in audience.excluded_segments:
        kept &= is_not(compile_segment(segment, now=now))
    return Stages(included, allowed, kept)


def is_not(condition: Q) -> Q:
    """Return who does not fulfil a condition: also those for whom it is unknown, since they have no value."""
    fulfilled = Case(When(condition, then=Value(1)), default=Value(0), output_field=IntegerField())
    return Q(Exact(fulfilled, 0))


def listed(workspace: Workspace) -> Q:
    """Return the condition of being on a list of the workspace that is not being deleted."""
    places = Subscription.objects.filter(subscriber=OuterRef("pk"))
    going = MailingList.everything.filter(workspace=workspace, deleted_at__isnull=False).values_list("pk", flat=True)
    return Q(Exists(places.exclude(mailing_list__in=list(going))))


def places_on(list_ids: Sequence[int]) -> QuerySet[Subscription]:
    """Return a person's places on any of the lists, for an EXISTS over subscribers."""
    return Subscription.objects.filter(subscriber=OuterRef("pk"), mailing_list__in=list_ids)

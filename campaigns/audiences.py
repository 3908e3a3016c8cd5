"""Whom a campaign is sent to, as lists.audience asks for it, and in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from campaigns.models import AudiencePart, Campaign, Part
from lists.audience import Audience, people_of
from lists.models import MailingList, Segment, SubscriberQuerySet


def audience_of(campaign: Campaign) -> Audience:
    """Return what a stored campaign is sent to and whom it leaves out; lists that are being deleted count no more."""
    parts = list(campaign.audience_parts.select_related("segment__workspace", "mailing_list"))
    segments: dict[str, list[Segment]] = {Part.INCLUDE_SEGMENT: [], Part.EXCLUDE_SEGMENT: []}
    for found in parts:
        if found.segment is not None:
            segments[found.part].append(found.segment)
    excluded = [found.mailing_list for found in parts if found.mailing_list is not None]
    return Audience(
        lists=sorted(campaign.mailing_lists.values_list("pk", flat=True)),
        segments=segments[Part.INCLUDE_SEGMENT],
        excluded_lists=sorted(found.pk for found in excluded if found.deleted_at is None),
        excluded_segments=segments[Part.EXCLUDE_SEGMENT],
    )


def frozen_people(campaign: Campaign, audience: Audience, *, now: datetime) -> SubscriberQuerySet:
    """Return the recipients of a campaign. Raises SegmentRefused.

    Days are counted from its start, so that a freezing that goes on over midnight, or in another process, means the
    same people.
    """
    return people_of(campaign.workspace, audience, now=campaign.started_at or now)


def left_out_names(campaign: Campaign) -> list[str]:
    """Return the names of the lists and segments whose people are left out."""
    parts = campaign.audience_parts.exclude(part=Part.INCLUDE_SEGMENT).select_related("mailing_list", "segment")
    return [str(found.mailing_list or found.segment) for found in parts]


def set_parts(campaign: Campaign, chosen: Mapping[Part, Iterable[MailingList | Segment]]) -> None:
    """Store the segments and the lists beside those that a campaign is sent to, in place of what there was."""
    campaign.audience_parts.all().delete()
    AudiencePart.objects.bulk_create(
        AudiencePart(
            campaign=campaign,
            part=part,
            mailing_list=found if isinstance(found, MailingList) else None,
            segment=found if isinstance(found, Segment) else None,
        )
        for part, members in chosen.items()
        for found in members
    )


def copy_audience(source: Campaign, copy: Campaign) -> None:
    """Send the copy to whom the source is sent to."""
    copy.mailing_lists.set(source.mailing_lists.all())
    copy_parts(source, copy)


def copy_parts(source: Campaign, copy: Campaign, *parts: Part) -> None:
    """Copy what the source has beside the lists that it is sent to, or only some of it."""
    found = source.audience_parts.filter(part__in=parts or list(Part))
    AudiencePart.objects.bulk_create(
        AudiencePart(campaign=copy, part=row.part, mailing_list_id=row.mailing_list_id, segment_id=row.segment_id)
        for row in found
    )

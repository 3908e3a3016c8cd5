"""For whom the blocks of a mailing are that have a condition: as the bits of `Delivery.shown`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import reduce
from operator import add
from typing import Any

from django.db.models import Case, Expression, IntegerField, Q, Value, When
from django.utils.translation import gettext as _

from campaigns.models import Campaign
from designs.regions import ALL_SHOWN
from lists.conditions import Group, SegmentRefused, read_conditions
from lists.models import Subscriber
from lists.segment_fields import fields_of
from lists.segment_words import describe
from lists.segments import compile_group


def groups_of(campaign: Campaign) -> Iterator[tuple[int, Group]]:
    """Yield the conditions of a mailing with their numbers. Raises SegmentRefused for what cannot be read."""
    for number, condition in enumerate(campaign.conditions, 1):
        if condition is not None:
            yield number, read_conditions(condition)


def condition_words(campaign: Campaign) -> dict[int, str]:
    """Return the conditions of a mailing in words, by their numbers; those that can be read."""
    fields = fields_of(campaign.workspace, has_archived=True) if campaign.conditions else {}
    with suppress(SegmentRefused):
        return {number: str(describe(group, fields)) for number, group in groups_of(campaign)}
    return {}


def compile_condition(campaign: Campaign, group: Group, *, now: datetime) -> Q:
    """Return one condition of a mailing on Subscriber. Raises SegmentRefused, naming it, where it cannot be asked."""
    workspace = campaign.workspace
    try:
        named = {condition.attribute for condition in group.conditions()} - {""}
        if workspace.attribute_definitions.filter(name__in=named).count() < len(named):
            raise SegmentRefused(_("条件にある差し込み項目が削除されています。"))
        return compile_group(group, workspace, now=now)
    except SegmentRefused as error:
        words = {"condition": describe(group, fields_of(workspace, group)), "why": error.sentence}
        raise SegmentRefused(_("ブロックを表示する条件「%(condition)s」は使えません: %(why)s") % words) from error


def shown_value(campaign: Campaign, *, now: datetime) -> Expression | None:
    """Return the number for `Delivery.shown` of each Subscriber of a query; None where the mailing has no conditions.

    Raises SegmentRefused. Days are counted from the start of the mailing, as those of its segments are.
    """
    at = campaign.started_at or now
    bits: list[Any] = [
        Case(
            When(compile_condition(campaign, group, now=at), then=Value(1 << (number - 1))),
            default=Value(0),
            output_field=IntegerField(),
        )
        for number, group in groups_of(campaign)
    ]
    return reduce(add, bits) if bits else None


def shown_to(campaign: Campaign, person: Subscriber, *, now: datetime) -> int:
    """Return which regions of a mailing somebody would get; all of them where that cannot be asked, which a check says."""
    try:
        value = shown_value(campaign, now=now)
    except SegmentRefused:
        return ALL_SHOWN
    if value is None:
        return 0
    found = Subscriber.objects.for_workspace(campaign.workspace).filter(pk=person.pk)
    return found.values_list(value, flat=True).first() or 0

"""The rows of recipients: where each goes, made with one statement for all of one place, and dropped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db import connection

from campaigns.jitter import start_offset
from campaigns.lanes import find_lane
from campaigns.models import NEVER, UNDECIDED, Campaign, Delivery, DomainCap, Lane
from campaigns.routing import route_for
from lists.models import Subscriber
from mta.mail_domains import find_providers
from mta.providers import OTHER, provider_of


class Place(NamedTuple):
    """What is the same for the rows of one statement: a lane, when they are due, which regions and variant they show."""

    lane: int
    due_at: datetime
    shown: int = 0
    variant: int = 0


def find_places(
    campaign: Campaign, by_domain: Mapping[str, Sequence[int]], *, now: datetime
) -> tuple[dict[Place, list[int]], frozenset[str]]:
    """Return the people of each lane and due time, and the domains that nobody knows.

    Provider by name, else by MX; a domain with a cap has its own lane.
    """
    providers = {domain: provider_of(domain) for domain in by_domain}
    unnamed = {domain for domain, provider in providers.items() if provider == OTHER}
    by_mx = find_providers(unnamed)
    providers |= {domain: provider or OTHER for domain, provider in by_mx.items()}
    capped = set(DomainCap.objects.filter(workspace=campaign.workspace).values_list("domain", flat=True))
    people: dict[tuple[str, str], list[int]] = {}
    for domain, ids in by_domain.items():
        people.setdefault((providers[domain], domain if domain in capped else ""), []).extend(ids)
    lanes = find_lanes(campaign, people)
    found = {Place(lanes[key], now + start_offset(key[0], campaign, now)): ids for key, ids in people.items()}
    return found, frozenset(unnamed - set(by_mx))


def split_by_shown(places: Mapping[Place, Sequence[int]], shown: Mapping[int, int]) -> dict[Place, list[int]]:
    """Return the people of each place by the regions that they are shown; who is not in `shown` gets none."""
    found: dict[Place, list[int]] = {}
    for place, ids in places.items():
        for pk in ids:
            found.setdefault(place._replace(shown=shown.get(pk, 0)), []).append(pk)
    return found


def split_by_variant(places: Mapping[Place, list[int]], drawn: Mapping[int, int]) -> dict[Place, list[int]]:
    """Return the people of each place by the variants that they drew; who waits for the winner is never due."""
    found: dict[Place, list[int]] = {}
    for place, ids in places.items():
        for pk in ids:
            own = place._replace(variant=drawn[pk])
            found.setdefault(own._replace(due_at=NEVER) if drawn[pk] == UNDECIDED else own, []).append(pk)
    return found


def find_lanes(campaign: Campaign, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Return the lane of each provider and domain, making those that are missing."""
    route = route_for(campaign)
    lanes = Lane.objects.filter(workspace=campaign.workspace, route=route).values_list("provider", "domain", "pk")
    known = {(provider, domain): pk for provider, domain, pk in lanes}
    return {
        key: known.get(key) or find_lane(campaign.workspace, route=route, provider=key[0], domain=key[1]).pk
        # In one order, so that two campaigns that make lanes do not wait for each other in a circle.
        for key in sorted(keys)
    }


# Columns that are copied from the subscriber.
COPIED: Final = {"subscriber_id": "id"} | {name: name for name in ("address", "address_key", "name", "attributes")}
# One parameter, however many people a chunk has.
AMONG: Final = {"postgresql": "= ANY(%s)", "sqlite": "IN (SELECT value FROM json_each(%s))"}


def insert_rows(campaign: Campaign, ids: list[int], place: Place) -> int:
    """Insert a row for each of these people; return how many. Who was erased just now is nobody any more."""
    new = Delivery(
        workspace_id=campaign.workspace_id,
        campaign=campaign,
        lane_id=place.lane,
        due_at=place.due_at,
        shown=place.shown,
        variant=place.variant,
    )
    values: dict[str, str] = {}
    parameters: list[Any] = []
    for column in Delivery._meta.concrete_fields:
        if column.primary_key:
            continue
        if column.attname in COPIED:
            values[column.attname] = f"person.{COPIED[column.attname]}"
            continue
        values[column.attname] = "%s"
        parameters.append(column.get_db_prep_save(getattr(new, column.attname), connection))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Delivery._meta.db_table} ({', '.join(values)}) SELECT {', '.join(values.values())} "  # noqa: S608
            f"FROM {Subscriber._meta.db_table} AS person WHERE person.id {AMONG[connection.vendor]}",
            [*parameters, json.dumps(ids) if connection.vendor == "sqlite" else ids],
        )
        return int(cursor.rowcount)


def drop_deliveries(campaign: Campaign, *, limit: int) -> int:
    """Delete up to `limit` rows of a campaign that has sent nothing yet, without reading them; return how many.

    No bounce can point to them; the ORM would load every row to look for some.
    """
    table = Delivery._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE campaign_id = %s LIMIT %s)",  # noqa: S608
            [campaign.pk, limit],
        )
        return int(cursor.rowcount)

"""Freezes the recipients of a starting campaign into deliveries: chunks of INSERT … SELECT with a cursor."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from accounts import audit
from campaigns.audiences import audience_of, find_audience_refusal, frozen_people
from campaigns.authors import freeze_author
from campaigns.jitter import start_offset
from campaigns.lanes import find_lane
from campaigns.models import Campaign, CampaignState, Delivery, DomainCap, Lane
from campaigns.routing import route_for
from lists.audience import Audience
from lists.exclusions import has_exclusions
from lists.models import MailingList, Subscriber, SubscriberQuerySet, SubscriberStatus, Subscription
from lists.people_states import lock_people
from mta import mail_domains
from mta.providers import OTHER, provider_of
from senders.errors import SenderError
from senders.verification import require_verified

# Recipients of the first chunk, and of any. A chunk holds locks on the campaign and its lists, on SQLite on everything:
# it shall stay well below a second, also where a machine is suddenly busy.
FIRST_CHUNK: Final = 2000
SMALLEST_CHUNK: Final = 500
LARGEST_CHUNK: Final = 50_000
# Seconds that a chunk is to take; the next one is fitted to the time of this one, in steps of at most 2.
AIM: Final = 0.3
# The part of a chunk's time that SQLite is left to others before the next one, and the longest such rest in seconds:
# who waits for SQLite's lock looks for it in growing intervals of up to 0.1 s, and shall find it free.
REST_SHARE: Final = 0.25
LONGEST_REST: Final = 0.11
# Who freezes says so with each chunk. After a silence of this length the tick asks another worker to go on.
SILENCE: Final = timedelta(seconds=5)


def starts_to_hint(*, now: datetime) -> QuerySet[Campaign]:
    """Return the starting campaigns at which nobody is at work."""
    starting = Campaign.objects.filter(state=CampaignState.STARTING)
    return starting.exclude(recipient_count__isnull=False, updated_at__gt=now - SILENCE)


def freeze_recipients(campaign_id: int, *, now: datetime, chunk: int = FIRST_CHUNK) -> bool:
    """Make a row for every recipient, chunk by chunk; return whether the campaign now sends.

    `chunk` is the number of recipients of the first chunk. Each chunk is one transaction that first moves the cursor on
    the campaign, so a second worker goes on where the first one is, who then stops, and a crash goes on behind the last
    whole chunk. If a list was changed by an import in between, the rows are dropped and the freezing starts again: the
    audience is one state of the lists, never a mix.
    """
    for _seconds in freeze_in_chunks(campaign_id, now=now, chunk=chunk):
        pass
    return Campaign.objects.filter(pk=campaign_id, state=CampaignState.SENDING).exists()


def freeze_in_chunks(
    campaign_id: int, *, now: datetime, chunk: int = FIRST_CHUNK, clock: Callable[[], float] = monotonic
) -> Iterator[float]:
    """Freeze step by step until nothing is left to do; yield how long each step held its locks, in seconds."""
    first, left_at = chunk, None
    while True:
        with transaction.atomic():
            campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
            begun = clock()
            if left_at not in (None, campaign.start_cursor):
                # Somebody else has gone on, and will.
                return
            step = take_step(campaign, now=now, chunk=chunk)
        held, left_at = clock() - begun, campaign.start_cursor
        yield held
        if step.is_last:
            return
        mail_domains.note_domains(step.strangers, now=now)
        if campaign.expected_count is None:
            expect_recipients(campaign, now=now)
        # Rows are dropped faster than they are made.
        chunk = first if step.is_anew else next_size(chunk, held)
        leave_to_others(held)


@dataclass(frozen=True, slots=True)
class Step:
    """What was done under one lock."""

    is_last: bool = False
    # The cursor was put before the first recipient.
    is_anew: bool = False
    # The domains of the step's recipients that belong to no known provider.
    strangers: frozenset[str] = frozenset()


def next_size(chunk: int, seconds: float) -> int:
    """Return how many recipients the next chunk has after one that took so long."""
    fitting = chunk * AIM / max(seconds, AIM / 2)
    return round(min(max(fitting, chunk / 2, min(chunk, SMALLEST_CHUNK)), LARGEST_CHUNK))


def leave_to_others(held: float) -> None:
    """Let others come to the database after a step that kept them off so long. PostgreSQL serves them in their turn."""
    if connection.vendor == "sqlite":
        sleep(min(held * REST_SHARE, LONGEST_REST))


def take_step(campaign: Campaign, *, now: datetime, chunk: int) -> Step:
    """Do the next piece of work for a locked campaign."""
    if campaign.state != CampaignState.STARTING:
        return Step(is_last=True)
    is_new = campaign.recipient_count is None
    if is_new and (refusal := find_refusal(campaign)):
        send_back(campaign, refusal)
        return Step(is_last=True)
    audience = audience_of(campaign)
    generations = lock_people_and_lists(campaign, audience)
    if is_new or (campaign.people_generation, campaign.list_generations) != generations:
        if drop_deliveries(campaign, limit=chunk):
            campaign.save(update_fields=["updated_at"])
            return Step()
        if refusal := find_audience_refusal(campaign, audience, now=now):
            send_back(campaign, refusal)
            return Step(is_last=True)
        start_anew(campaign, generations)
        return Step(is_anew=True)
    strangers = freeze_chunk(campaign, audience, now=now, chunk=chunk)
    if strangers is None:
        begin_sending(campaign, now=now)
        return Step(is_last=True)
    return Step(strangers=strangers)


def find_refusal(campaign: Campaign) -> str:
    """Return why the sender may not send any more, or nothing: much can happen between schedule and start."""
    if campaign.sender is None:
        return _("送信元が選ばれていません。編集画面で送信元を選んでください。")
    try:
        require_verified(campaign.sender)
    except SenderError as error:
        return error.sentence
    return ""


def send_back(campaign: Campaign, refusal: str) -> None:
    """starting → draft, with the reason for the page and the audit log. Nothing was sent, no row is left."""
    campaign.state, campaign.scheduled_at, campaign.started_at = CampaignState.DRAFT, None, None
    campaign.recipient_count, campaign.expected_count, campaign.people_generation = None, None, None
    campaign.start_cursor, campaign.list_generations = 0, {}
    campaign.problem = refusal[:500]
    freezing = ["recipient_count", "expected_count", "people_generation", "start_cursor", "list_generations"]
    campaign.save(update_fields=["state", "scheduled_at", "started_at", "problem", *freezing])
    audit.record(campaign.workspace, None, "campaign.refused", str(campaign.pk), why=refusal)


Generations = tuple[int | None, dict[str, int]]


def lock_people_and_lists(campaign: Campaign, audience: Audience) -> Generations:
    """Return the generation of the workspace's people, where segments ask for them, and that of each list, locked.

    No import changes them until the chunk is made. A segment that is changed counts as its people changed.
    """
    has_segments = audience.segments or audience.excluded_segments
    people = lock_people(campaign.workspace_id) if has_segments else None
    named = [*audience.lists, *audience.excluded_lists]
    lists = MailingList.objects.filter(pk__in=named).select_for_update(no_key=True, of=("self",))
    return people, {str(found.pk): found.generation for found in lists.order_by("pk")}


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


def start_anew(campaign: Campaign, generations: Generations) -> None:
    """Put the cursor before the first recipient of lists and people as they are now; there are no rows."""
    campaign.people_generation, campaign.list_generations = generations
    campaign.start_cursor, campaign.recipient_count, campaign.expected_count = 0, 0, None
    fields = ["people_generation", "list_generations", "start_cursor", "recipient_count", "expected_count"]
    campaign.save(update_fields=[*fields, "updated_at"])


def expect_recipients(campaign: Campaign, *, now: datetime) -> None:
    """Count the recipients for the progress. Reads only, so it holds nobody up."""
    number = frozen_people(campaign, audience_of(campaign), now=now).count()
    Campaign.objects.filter(pk=campaign.pk).update(expected_count=number)


def freeze_chunk(campaign: Campaign, audience: Audience, *, now: datetime, chunk: int) -> frozenset[str] | None:
    """Move the cursor behind the next recipients and insert their rows; None where there are no more.

    Returns the domains of the chunk that belong to no known provider.
    """
    end = find_end(campaign, audience, chunk)
    if end is None:
        return None
    # Lists alone have a statement of their own, which reads the places of the chunk and nothing else.
    is_plain = audience.is_plain and not has_exclusions(campaign.workspace_id)
    people = None if is_plain else frozen_people(campaign, audience, now=now)
    source = Source(audience.lists, people, campaign.start_cursor, end)
    destinations = find_destinations(campaign, source.domains(), now=now)
    campaign.start_cursor = end
    campaign.recipient_count = (campaign.recipient_count or 0) + source.insert(campaign, destinations)
    campaign.save(update_fields=["start_cursor", "recipient_count", "updated_at"])
    return destinations.strangers


def find_end(campaign: Campaign, audience: Audience, chunk: int) -> int | None:
    """Return the id of the last subscriber of a chunk: at most `chunk` of each list are in it, or of the workspace
    where segments are sent to. None = nobody is left.
    """
    ends: list[int] = []
    last: int | None
    if audience.segments:
        people = Subscriber.objects.for_workspace(campaign.workspace).active().filter(pk__gt=campaign.start_cursor)
        ends += people.order_by("pk").values_list("pk", flat=True)[chunk - 1 : chunk]
        if not ends:
            last = people.aggregate(last=Max("pk"))["last"]
            return last
        return min(ends)
    places = Subscription.objects.filter(subscriber__gt=campaign.start_cursor)
    for pk in audience.lists:
        ids = places.filter(mailing_list=pk).order_by("subscriber").values_list("subscriber", flat=True)
        ends += ids[chunk - 1 : chunk]
    if ends:
        return min(ends)
    last = places.filter(mailing_list__in=audience.lists).aggregate(last=Max("subscriber"))["last"]
    return last


@dataclass(frozen=True, slots=True)
class Destinations:
    """The lane and the due time of each domain's rows; domains that are not named have the first ones."""

    lane: int
    due_at: datetime
    named: dict[str, tuple[int, datetime]]
    strangers: frozenset[str]


def find_destinations(campaign: Campaign, domains: set[str], *, now: datetime) -> Destinations:
    """Return where the rows to these domains go: provider by name, else by MX; a domain with a cap has its own lane.

    A row whose domain came up since goes the way of those that belong to no known provider.
    """
    providers = {domain: provider_of(domain) for domain in domains}
    unnamed = {domain for domain, provider in providers.items() if provider == OTHER}
    by_mx = mail_domains.find_providers(unnamed)
    providers |= {domain: provider or OTHER for domain, provider in by_mx.items()}
    capped = set(DomainCap.objects.filter(workspace=campaign.workspace).values_list("domain", flat=True))
    keys = {domain: (provider, domain if domain in capped else "") for domain, provider in providers.items()}
    lanes = find_lanes(campaign, {*keys.values(), (OTHER, "")})
    found = {key: (pk, now + start_offset(key[0], campaign, now)) for key, pk in lanes.items()}
    lane, due_at = found[OTHER, ""]
    named = {domain: found[key] for domain, key in keys.items() if key != (OTHER, "")}
    return Destinations(lane, due_at, named, frozenset(unnamed - set(by_mx)))


def find_lanes(campaign: Campaign, keys: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Return the lane of each provider and domain, making those that are missing."""
    route = route_for(campaign)
    lanes = Lane.objects.filter(workspace=campaign.workspace, route=route).values_list("provider", "domain", "pk")
    known = {(provider, domain): pk for provider, domain, pk in lanes}
    return {
        key: known.get(key) or find_lane(campaign.workspace, route=route, provider=key[0], domain=key[1]).pk
        # In one order, so that two campaigns that make lanes do not wait for each other in a circle.
        for key in sorted(keys)
    }


# What stands behind the last @; a quoted local part may hold others.
DOMAIN: Final = {
    "postgresql": "split_part(person.address_key, '@', -1)",
    # Cutting everything that is no @ off the end leaves what is before the domain.
    "sqlite": "substr(person.address_key, length(rtrim(person.address_key, replace(person.address_key, '@', ''))) + 1)",
}
# Domain, lane and due time from one JSON list.
NAMED: Final = {
    "postgresql": """SELECT value->>0 AS domain, (value->>1)::bigint AS lane_id, (value->>2)::timestamptz AS due_at
        FROM jsonb_array_elements(%s::jsonb) AS value""",
    "sqlite": """SELECT json_extract(value, '$[0]') AS domain, json_extract(value, '$[1]') AS lane_id,
        json_extract(value, '$[2]') AS due_at FROM json_each(%s)""",
}
# Columns that are copied from the subscriber, and those that the domain decides.
COPIED: Final = {"subscriber_id": "id"} | {name: name for name in ("address", "address_key", "name", "attributes")}
DECIDED: Final = ("lane_id", "due_at")


@dataclass(frozen=True, slots=True)
class Source:
    """The recipients of one chunk: the active subscribers of the lists behind the id `after`, up to `end`.

    With `people` those of them, whatever the lists.
    """

    lists: Sequence[int]
    people: SubscriberQuerySet | None
    after: int
    end: int

    def domains(self) -> set[str]:
        """Return their domains."""
        where, parameters = self.condition()
        table = Subscriber._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT DISTINCT {DOMAIN[connection.vendor]} FROM {table} AS person WHERE {where}",  # noqa: S608
                parameters,
            )
            return {domain for (domain,) in cursor.fetchall()}

    def insert(self, campaign: Campaign, destinations: Destinations) -> int:
        """Insert a row for each of them; return how many."""
        values, parameters = self.columns(campaign, destinations)
        where, bounds = self.condition()
        named = [[domain, lane, as_text(due_at)] for domain, (lane, due_at) in destinations.named.items()]
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {Delivery._meta.db_table} ({', '.join(values)}) "  # noqa: S608
                f"WITH named AS MATERIALIZED ({NAMED[connection.vendor]}) SELECT {', '.join(values.values())} "
                f"FROM {Subscriber._meta.db_table} AS person LEFT JOIN named ON named.domain = {DOMAIN[connection.vendor]} "
                f"WHERE {where} ORDER BY person.id",
                [json.dumps(named), *parameters, *bounds],
            )
            return int(cursor.rowcount)

    def columns(self, campaign: Campaign, destinations: Destinations) -> tuple[dict[str, str], list[Any]]:
        """Return what is selected for each column of a row, and the parameters of that."""
        new = Delivery(
            workspace_id=campaign.workspace_id,
            campaign=campaign,
            lane_id=destinations.lane,
            due_at=destinations.due_at,
        )
        values: dict[str, str] = {}
        parameters: list[Any] = []
        for field in Delivery._meta.concrete_fields:
            if field.primary_key:
                continue
            if field.attname in COPIED:
                values[field.attname] = f"person.{COPIED[field.attname]}"
                continue
            values[field.attname] = f"COALESCE(named.{field.attname}, %s)" if field.attname in DECIDED else "%s"
            parameters.append(field.get_db_prep_save(getattr(new, field.attname), connection))
        return values, parameters

    def condition(self) -> tuple[str, list[Any]]:
        """Return the condition for `person`, and its parameters."""
        if self.people is not None:
            chosen = self.people.filter(pk__gt=self.after, pk__lte=self.end).order_by().values("pk")
            inner, parameters = chosen.query.sql_with_params()
            return f"person.id > %s AND person.id <= %s AND person.id IN ({inner})", [self.after, self.end, *parameters]
        lists = ", ".join(["%s"] * len(self.lists))
        bounds = [self.after, self.end]
        return (
            "person.id > %s AND person.id <= %s AND person.status = %s AND person.id IN ("  # noqa: S608
            f"SELECT subscriber_id FROM {Subscription._meta.db_table} "
            f"WHERE mailing_list_id IN ({lists}) AND subscriber_id > %s AND subscriber_id <= %s)",
            [*bounds, SubscriberStatus.ACTIVE.value, *self.lists, *bounds],
        )


def as_text(moment: datetime) -> str:
    """Return a time as the database reads it from JSON."""
    return (
        str(connection.ops.adapt_datetimefield_value(moment)) if connection.vendor == "sqlite" else moment.isoformat()
    )


def begin_sending(campaign: Campaign, *, now: datetime) -> None:
    """starting → sending: every recipient has a row; their number and what the mails say of the sender are fixed."""
    campaign.state = CampaignState.SENDING
    campaign.lifetime_from = now
    campaign.tally_due_at = now
    freeze_author(campaign)
    campaign.save(update_fields=["state", "lifetime_from", "tally_due_at", "author"])

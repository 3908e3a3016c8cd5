"""Freezes the recipients of a starting campaign into deliveries: chunks of INSERT … SELECT with a cursor."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import partial
from time import monotonic, sleep
from typing import Final

from django.db import connection, transaction
from django.db.models import Max, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from campaigns.approvals import lost_approval, void_changed
from campaigns.audiences import audience_of, frozen_people
from campaigns.authors import freeze_author
from campaigns.models import Campaign, CampaignState
from campaigns.reactions import freeze_tracking
from campaigns.recipient_rows import Place, drop_deliveries, find_places, insert_rows, split_by_shown, split_by_variant
from campaigns.showing import shown_value
from campaigns.split_tests import begin_test
from campaigns.test_mails import queue_seeds
from campaigns.variants import draw_all
from lists.audience import Audience
from lists.conditions import SegmentRefused
from lists.exclusions import has_exclusions
from lists.models import MailingList, Subscriber, SubscriberQuerySet, Subscription
from lists.people_states import hold_people, lock_people, release_people, renew_hold
from mta.mail_domains import Enquiry
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


def freeze_recipients(
    campaign_id: int, *, now: datetime, chunk: int = FIRST_CHUNK, enquiry: Enquiry | None = None
) -> bool:
    """Make a row for every recipient, chunk by chunk; return whether the campaign now sends.

    `chunk` is the number of recipients of the first chunk. Each chunk is one transaction that first moves the cursor on
    the campaign, so a second worker goes on where the first one is, who then stops, and a crash goes on behind the last
    whole chunk. If a list was changed by an import in between, the rows are dropped and the freezing starts again: the
    audience is one state of the lists, never a mix.
    """
    for _seconds in freeze_in_chunks(campaign_id, now=now, chunk=chunk, enquiry=enquiry):
        pass
    return Campaign.objects.filter(pk=campaign_id, state=CampaignState.SENDING).exists()


def freeze_in_chunks(
    campaign_id: int,
    *,
    now: datetime,
    chunk: int = FIRST_CHUNK,
    enquiry: Enquiry | None = None,
    clock: Callable[[], float] = monotonic,
) -> Iterator[float]:
    """Freeze step by step until nothing is left to do; yield how long each step held its locks, in seconds.

    Whose servers take the mail of a domain that nobody knows yet is asked by `enquiry` before its rows are made.
    """
    first, ours, held, left = chunk, None, 0.0, clock()
    enquiry = enquiry or Enquiry()
    while True:
        seen = Campaign.objects.get(pk=campaign_id)
        if ours not in (None, progress_of(seen)):
            # Somebody else has gone on, and will.
            return
        # What takes long is read before anything is locked.
        people = read_chunk(seen, now=now, size=chunk)
        if enquiry.ask_about(people.strangers, now=timezone.now(), on_look=partial(say_at_work, seen)):
            people = read_chunk(seen, now=now, size=chunk)
        leave_to_others(held, since=clock() - left)
        with transaction.atomic():
            campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
            begun = clock()
            if progress_of(campaign) != progress_of(seen):
                return
            step = take_step(campaign, people, now=now, limit=chunk)
        left, ours = clock(), progress_of(campaign)
        held = left - begun
        yield held
        if step == Step.LAST:
            release_people(campaign.workspace_id)
            return
        if step == Step.ANEW and seen.recipient_count is not None:
            # Others changed the people under it: it has its turn now, or a stream of them would keep it here for ever.
            hold_people(campaign.workspace_id, now=timezone.now())
        else:
            renew_hold(campaign.workspace_id, now=timezone.now())
        if campaign.expected_count is None:
            expect_recipients(campaign, now=now)
        # Rows are dropped faster than they are made.
        chunk = first if step == Step.ANEW else next_size(chunk, held)


def say_at_work(campaign: Campaign) -> None:
    """Keep other workers, imports and bulk actions off while a chunk takes its time."""
    now = timezone.now()
    Campaign.objects.filter(pk=campaign.pk).update(updated_at=now)
    renew_hold(campaign.workspace_id, now=now)


def progress_of(campaign: Campaign) -> tuple[object, ...]:
    """Return how far the freezing came, and in which state of people and lists."""
    return campaign.start_cursor, campaign.recipient_count, campaign.people_generation, campaign.list_generations


class Step(Enum):
    """What was done under one lock: rows made, rows dropped, the cursor put before the first recipient, the end."""

    FROZEN = auto()
    DROPPED = auto()
    ANEW = auto()
    LAST = auto()


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next recipients as they were read: ids, by what their rows have in common. Without `end` there are none left."""

    end: int | None = None
    people: Mapping[Place, list[int]] = field(default_factory=dict)
    # Their domains that belong to no known provider.
    strangers: frozenset[str] = frozenset()
    # Why nobody can be found: a segment, or the condition of a block, lost what it asks for.
    refusal: str = ""


def next_size(chunk: int, seconds: float) -> int:
    """Return how many recipients the next chunk has after one that took so long."""
    fitting = chunk * AIM / max(seconds, AIM / 2)
    return round(min(max(fitting, chunk / 2, min(chunk, SMALLEST_CHUNK)), LARGEST_CHUNK))


def leave_to_others(held: float, *, since: float) -> None:
    """Let others come to the database after a step that kept them off so long, and ended so many seconds ago.

    PostgreSQL serves them in their turn.
    """
    if connection.vendor == "sqlite":
        sleep(max(min(held * REST_SHARE, LONGEST_REST) - since, 0))


def take_step(campaign: Campaign, chunk: Chunk, *, now: datetime, limit: int) -> Step:
    """Do the next piece of work for a locked campaign: insert the chunk, or drop up to `limit` rows to begin anew."""
    if campaign.state != CampaignState.STARTING:
        return Step.LAST
    is_new = campaign.recipient_count is None
    if is_new and (refusal := find_refusal(campaign)):
        send_back(campaign, refusal)
        return Step.LAST
    audience = audience_of(campaign)
    generations = lock_people_and_lists(campaign, audience)
    is_stale = is_new or (campaign.people_generation, campaign.list_generations) != generations
    # Asked when the audience is fixed and when the sender is; in between neither can change.
    lost = lost_approval(campaign) if is_stale or chunk.end is None else ""
    refusal = chunk.refusal or lost
    if is_stale or refusal:
        if drop_deliveries(campaign, limit=limit):
            campaign.save(update_fields=["updated_at"])
            return Step.DROPPED
        if refusal:
            send_back(campaign, refusal)
            return Step.LAST
        start_anew(campaign, generations)
        return Step.ANEW
    if chunk.end is None:
        begin_sending(campaign, audience, now=now)
        return Step.LAST
    number = sum(insert_rows(campaign, ids, place) for place, ids in chunk.people.items())
    campaign.start_cursor, campaign.recipient_count = chunk.end, (campaign.recipient_count or 0) + number
    campaign.save(update_fields=["start_cursor", "recipient_count", "updated_at"])
    return Step.FROZEN


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
    campaign.problem, campaign.back_to_mail = refusal[:500], True
    freezing = ["recipient_count", "expected_count", "people_generation", "start_cursor", "list_generations"]
    campaign.save(update_fields=["state", "scheduled_at", "started_at", "problem", "back_to_mail", *freezing])
    void_changed(campaign, is_told=True)
    audit.record(campaign.workspace, None, "campaign.refused", str(campaign.pk), why=refusal)


Generations = tuple[int | None, dict[str, int]]


def lock_people_and_lists(campaign: Campaign, audience: Audience) -> Generations:
    """Return the generation of the workspace's people, where conditions ask for them, and that of each list, locked.

    No import changes them until the chunk is made. A segment that is changed counts as its people changed.
    """
    asks = audience.segments or audience.excluded_segments or campaign.conditions
    people = lock_people(campaign.workspace_id) if asks else None
    named = [*audience.lists, *audience.excluded_lists]
    lists = MailingList.objects.filter(pk__in=named).select_for_update(no_key=True, of=("self",))
    return people, {str(found.pk): found.generation for found in lists.order_by("pk")}


def start_anew(campaign: Campaign, generations: Generations) -> None:
    """Put the cursor before the first recipient of lists and people as they are now; there are no rows."""
    campaign.people_generation, campaign.list_generations = generations
    campaign.start_cursor, campaign.recipient_count, campaign.expected_count = 0, 0, None
    fields = ["people_generation", "list_generations", "start_cursor", "recipient_count", "expected_count"]
    campaign.save(update_fields=[*fields, "updated_at"])


def expect_recipients(campaign: Campaign, *, now: datetime) -> None:
    """Count the recipients for the progress. Reads only, so it holds nobody up."""
    # What is wrong with a segment is said by the next step.
    with suppress(SegmentRefused):
        number = frozen_people(campaign, audience_of(campaign), now=now).count()
        Campaign.objects.filter(pk=campaign.pk).update(expected_count=number)


def read_chunk(campaign: Campaign, *, now: datetime, size: int) -> Chunk:
    """Return the recipients behind the cursor, at most `size` of each list; of a campaign that has none yet nothing.

    Nothing is locked: what an import changes meanwhile, the generations tell under the lock.
    """
    audience = audience_of(campaign)
    try:
        people = frozen_people(campaign, audience, now=now)
    except SegmentRefused as error:
        return Chunk(refusal=_("%s セグメントか配信先を直してから、もう一度予約してください。") % error.sentence)
    try:
        shown = shown_value(campaign, now=now)
    except SegmentRefused as error:
        return Chunk(refusal=_("%s 編集画面で条件を直してから、もう一度予約してください。") % error.sentence)
    if campaign.recipient_count is None or (end := find_end(campaign, audience, size)) is None:
        return Chunk()
    by_domain: dict[str, list[int]] = {}
    bits: dict[int, int] = {}
    columns = ("pk", "address_key") if shown is None else ("pk", "address_key", shown)
    for pk, key, *more in people_up_to(end, campaign, audience, people).values_list(*columns):
        # What stands behind the last @; a quoted local part may hold others.
        by_domain.setdefault(key.rpartition("@")[2], []).append(pk)
        if more:
            bits[pk] = more[0]
    places, strangers = find_places(campaign, by_domain, now=now)
    if shown is not None:
        places = split_by_shown(places, bits)
    if drawn := draw_all(campaign, [pk for ids in places.values() for pk in ids]):
        places = split_by_variant(places, drawn)
    return Chunk(end, places, strangers)


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


def people_up_to(end: int, campaign: Campaign, audience: Audience, people: SubscriberQuerySet) -> SubscriberQuerySet:
    """Return those of the people who stand behind the cursor, up to the id `end`."""
    after = campaign.start_cursor
    if not audience.is_plain or has_exclusions(campaign.workspace_id):
        return people.filter(pk__gt=after, pk__lte=end)
    # For lists alone the places of the chunk are read and nothing else.
    places = Subscription.objects.filter(mailing_list__in=audience.lists, subscriber__gt=after, subscriber__lte=end)
    return Subscriber.objects.active().filter(pk__gt=after, pk__lte=end, pk__in=places.values("subscriber"))


def begin_sending(campaign: Campaign, audience: Audience, *, now: datetime) -> None:
    """starting → sending: every recipient has a row; their number and what the mails say of the sender are fixed."""
    campaign.state = CampaignState.SENDING
    campaign.lifetime_from = now
    campaign.tally_due_at = now
    campaign.is_narrowed = not audience.is_plain
    freeze_author(campaign)
    freeze_tracking(campaign, now=now)
    begin_test(campaign, now=now)
    queue_seeds(campaign)
    campaign.save(update_fields=["state", "lifetime_from", "tally_due_at", "is_narrowed", "author", "is_tracked"])

"""Runs A/Bテスト: when one is decided, by whom, and how the rest gets the winner. Every step may be repeated."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.manager_mails import managers, one_line, send
from accounts.models import User
from campaigns.closed_times import opening
from campaigns.jitter import start_offset
from campaigns.models import (
    LETTERS,
    NEVER,
    UNDECIDED,
    Campaign,
    CampaignState,
    Delivery,
    DeliveryQuerySet,
    DeliveryState,
    Lane,
    SplitRule,
    SplitTest,
)
from campaigns.sendable import CampaignError
from campaigns.split_figures import Standing, as_stored, by_variant, choose, count_variants
from campaigns.tally import mark_due
from campaigns.variants import variants_of
from lists.transactions import retry_transaction

# Rows that one statement makes due.
CHUNK: Final = 2000
# How often one task goes through the lanes.
ROUNDS: Final = 3
# Tests that one tick asks for; the next one goes on.
BATCH: Final = 20
# Where nothing of a test could be sent by its time, it is looked at again after so long.
LATER: Final = timedelta(minutes=10)
# How long after its time the managers are written to about a test that nobody decided.
PATIENCE: Final = timedelta(days=1)
# Where a test goes on. One that waits for its decision does so in 配信完了 too, where nobody is left over.
DECIDABLE: Final = (CampaignState.SENDING, CampaignState.DONE)
RELEASABLE: Final = (CampaignState.SENDING, CampaignState.PAUSED, CampaignState.DONE)


def count_waiting(campaign: Campaign) -> int:
    """Return how many rows of a mailing wait for the decision; for one that is not large."""
    return Delivery.objects.waiting().filter(campaign=campaign, variant=UNDECIDED).count()


def begin_test(campaign: Campaign, *, now: datetime) -> None:
    """Set when the test of a mailing is decided whose sending begins; time in 配信禁止時間 does not count."""
    test = SplitTest.objects.filter(campaign=campaign).first()
    if test is not None:
        test.decide_at = (opening(campaign, now) or now) + test.wait()
        test.save(update_fields=["decide_at"])


def due_tests(*, now: datetime) -> QuerySet[SplitTest]:
    """Return the tests to decide, or whose rest is to be released."""
    undecided = Q(winner=None, decide_at__lte=now, campaign__state__in=DECIDABLE) & ~Q(rule=SplitRule.HAND)
    return SplitTest.objects.filter(
        undecided | Q(winner__isnull=False, campaign__state__in=RELEASABLE),
        released_at=None,
        decide_at__isnull=False,
    )


def tests_to_hint(*, now: datetime) -> list[int]:
    """Return the next tests that there is something to do for."""
    return list(due_tests(now=now).order_by("decide_at").values_list("pk", flat=True)[:BATCH])


def go_on(test_id: int, *, now: datetime) -> None:
    """Decide a test that is due, and release the rest of one that is decided."""
    test = due_tests(now=now).select_related("campaign__workspace").filter(pk=test_id).first()
    if test is None:
        return
    if test.winner is None and not decide_by_figures(test, now=now):
        return
    release_rest(test.pk, now=now)


def decide_by_figures(test: SplitTest, *, now: datetime) -> bool:
    """Choose the winner by the rule; False where it was decided meanwhile, or is put off since nothing was sent yet.

    Nothing counted and a tie are the mailing itself.
    """
    standings = standings_now(test.campaign)
    if not any(own.accepted for own in standings) and any(own.waiting for own in standings):
        SplitTest.objects.filter(pk=test.pk, winner=None).update(decide_at=now + LATER)
        return False
    return keep_decision(test, choose(standings, test.rule) or 0, standings, actor=None, now=now)


def standings_now(campaign: Campaign) -> list[Standing]:
    """Return the figures of a mailing's variants at this moment."""
    counted = {own.variant: own for own in count_variants(campaign)}
    return by_variant(counted, (0, *(variant.number for variant in variants_of(campaign))))


def decide_by_hand(campaign: Campaign, number: int, *, actor: User, now: datetime) -> None:
    """Make a variant the winner by a person's word, before its time as well.

    Raises CampaignError once it is decided, for a variant that there is none of, and where the mailing does not send.
    """
    test = SplitTest.objects.filter(campaign=campaign, decide_at__isnull=False).first()
    if test is None or number not in (0, *(variant.number for variant in variants_of(campaign))):
        raise CampaignError(campaign, _("選んだ案がありません。最新の状態を確かめてください。"))
    if campaign.state not in DECIDABLE:
        raise CampaignError(
            campaign, _("配信中ではないため、勝者を選べません。一時停止中のときは、再開してから選んでください。")
        )
    if not keep_decision(test, number, standings_now(campaign), actor=actor, now=now):
        raise CampaignError(campaign, _("勝者はすでに決まっています。最新の状態を確かめてください。"))


def keep_decision(
    test: SplitTest, winner: int, standings: list[Standing], *, actor: User | None, now: datetime
) -> bool:
    """Store the winner, once; return whether it was this call that decided."""
    campaign = test.campaign
    with transaction.atomic():
        # Locked, so that no cancellation comes between.
        locked = Campaign.objects.select_for_update(no_key=True, of=("self",)).get(pk=campaign.pk)
        if locked.state not in DECIDABLE:
            return False
        values = {"winner": winner, "decided_at": now, "decided_by": actor, "figures": as_stored(standings)}
        if not SplitTest.objects.filter(pk=test.pk, winner=None).update(**values):
            return False
        record(campaign.workspace, actor, "campaign.split_decide", str(campaign.pk), variant=LETTERS[winner])
    return True


def release_rest(test_id: int, *, now: datetime) -> int:
    """Make those who waited due for the winner, chunk by chunk; return how many.

    A row is moved from UNDECIDED by one guarded update, so whoever dies in between, or does the same at the same time,
    leaves nobody out and moves nobody twice. A row that goes to a lane made meanwhile (campaigns.domain_caps) is found
    in the next round.
    """
    test = SplitTest.objects.select_related("campaign").get(pk=test_id)
    campaign, moved = test.campaign, 0
    if test.winner is None or test.decided_at is None:
        return 0
    for _round in range(ROUNDS):
        released = release_round(test, test.decided_at)
        moved += released
        if not is_anybody_waiting(campaign):
            SplitTest.objects.filter(pk=test.pk, released_at=None).update(released_at=now)
            break
        if not released:
            # Others hold what is left, or move it just now: the next tick goes on.
            break
    mark_due(campaign.pk, now=now)
    return moved


def release_round(test: SplitTest, decided_at: datetime) -> int:
    """Make those who wait due in each of the lanes that there are now; return how many."""
    moved = 0
    for lane in Lane.objects.filter(workspace=test.campaign.workspace_id).order_by("pk"):
        due_at = decided_at + start_offset(lane.provider, test.campaign, decided_at)
        while number := retry_transaction(partial(release_chunk, lane, test, due_at)):
            moved += number
    return moved


def is_anybody_waiting(campaign: Campaign) -> bool:
    """Say whether anybody waits for the decision in any lane there is, asked in one statement: rows change their lanes."""
    last = in_order(Delivery.objects.filter(lane=OuterRef("pk"), campaign=campaign)).values("due_at")[:1]
    lanes = Lane.objects.filter(workspace=campaign.workspace_id)
    return lanes.annotate(last_due_at=Subquery(last)).filter(last_due_at=NEVER).exists()


def waiting_in(lane: Lane, campaign: Campaign) -> QuerySet[Delivery]:
    """Return the rows of a mailing in a lane that wait for the decision."""
    return in_order(Delivery.objects.filter(lane=lane, campaign=campaign, due_at__gte=NEVER))


def in_order(rows: DeliveryQuerySet) -> DeliveryQuerySet:
    """Return those of the rows of a mailing in a lane that are not settled, by the index of due rows, the last due first.

    The order is what makes PostgreSQL use it: where all of a mailing waited at the newest ANALYZE, it expects to come
    upon the next row anywhere, and would read the whole table for the last ones.
    """
    return rows.waiting().order_by("-due_at")


def release_chunk(lane: Lane, test: SplitTest, due_at: datetime) -> int:
    """Move the next rows of a lane that nobody holds; return how many."""
    with transaction.atomic():
        free = waiting_in(lane, test.campaign).select_for_update(skip_locked=True)
        rows = list(free.values_list("pk", flat=True)[:CHUNK])
        own = Delivery.objects.filter(pk__in=rows, state=DeliveryState.PENDING, variant=UNDECIDED)
        return own.update(variant=test.winner, due_at=due_at)


def tests_to_remind(*, now: datetime) -> list[int]:
    """Return tests that a person was to decide a day ago, and that the managers were not written to about."""
    return list(forgotten(now).order_by("decide_at").values_list("pk", flat=True)[:BATCH])


def forgotten(now: datetime) -> QuerySet[SplitTest]:
    """Return the tests that wait for a person for too long while others wait for them."""
    waiting = SplitTest.objects.filter(rule=SplitRule.HAND, winner=None, reminded_at=None, released_at=None)
    return waiting.filter(decide_at__lte=now - PATIENCE, campaign__state=CampaignState.SENDING)


def remind(test_id: int, *, now: datetime) -> int:
    """Write to the managers about a test that nobody decided, once; return how many mails left.

    It is marked as told first: rather no mail than two. The pages say the same.
    """
    if not SplitTest.objects.filter(pk__in=forgotten(now).filter(pk=test_id).values("pk")).update(reminded_at=now):
        return 0
    campaign = Campaign.objects.select_related("workspace").get(split_test=test_id)
    url = settings.BASE_URL + reverse("campaign_detail", args=[campaign.pk])
    text = render_to_string("campaigns/split_mail.txt", {"campaign": campaign, "url": url}).rstrip() + "\n"
    subject = _("[Hypermail] %s: A/Bテストの勝者が選ばれるのを待っています") % one_line(campaign.workspace.name)
    mails = [EmailMessage(subject, text, to=[user.email]) for user in managers(campaign.workspace)]
    return send(mails, f"A/B test of campaign {campaign.pk}")

"""Notices against deliveries, and what each error counts."""

from uuid import uuid4

import pytest
from django.utils import timezone

from campaigns.deliveries import record_evidence
from campaigns.failures import Failure, Recorded, record_notice, weigh
from campaigns.models import DeliveryState
from lists.errors import Weight
from lists.models import AddressError, StopReason
from mta.verdicts import Kind, Reason
from tests.factories import make_delivery, make_workspace

pytestmark = pytest.mark.django_db


def bounce(reason=Reason.MAILBOX_FULL, kind=Kind.SOFT, state=DeliveryState.BOUNCED):
    return Failure(state=state, kind=kind, reason=reason, code="5.2.2", text="552 mailbox full\0", rule="full")


def delivery_in(state):
    now = timezone.now()
    return make_delivery(state=state, lease_token=uuid4(), lease_until=now, fenced_at=now)


@pytest.mark.parametrize("state", [DeliveryState.SENT, DeliveryState.DOUBT])
def test_a_notice_moves_an_accepted_or_doubtful_row_to_bounced(state):
    delivery = delivery_in(state)
    assert record_notice(delivery.pk, bounce(), now=timezone.now()) is Recorded.DONE
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.BOUNCED
    assert delivery.text == "552 mailbox full"
    delivery.subscriber.refresh_from_db()
    assert delivery.subscriber.error_count == 1


@pytest.mark.parametrize("state", [DeliveryState.CLAIMED, DeliveryState.FENCED])
def test_a_notice_that_comes_before_the_250_is_recorded_waits(state):
    delivery = delivery_in(state)
    assert record_notice(delivery.pk, bounce(), now=timezone.now()) is Recorded.TOO_EARLY
    delivery.refresh_from_db()
    assert delivery.state == state


@pytest.mark.parametrize(
    "state",
    [
        DeliveryState.FAILED,
        DeliveryState.EXPIRED,
        DeliveryState.BOUNCED,
        DeliveryState.COMPLAINED,
        DeliveryState.EXCLUDED,
        DeliveryState.CANCELLED,
    ],
)
def test_a_notice_moves_no_other_state(state):
    delivery = delivery_in(state)
    assert record_notice(delivery.pk, bounce(), now=timezone.now()) is Recorded.IGNORED
    delivery.refresh_from_db()
    assert delivery.state == state
    assert not AddressError.objects.exists()


@pytest.mark.parametrize("state", [DeliveryState.PENDING, DeliveryState.DEFERRED])
def test_a_notice_about_the_first_copy_waits_for_the_second(state):
    delivery = delivery_in(state)
    assert record_notice(delivery.pk, bounce(), now=timezone.now()) is Recorded.TOO_EARLY
    delivery.refresh_from_db()
    assert delivery.state == state
    assert not AddressError.objects.exists()


def test_the_same_notice_twice_counts_once():
    delivery = delivery_in(DeliveryState.SENT)
    record_notice(delivery.pk, bounce(), now=timezone.now())
    assert record_notice(delivery.pk, bounce(), now=timezone.now()) is Recorded.IGNORED
    assert AddressError.objects.count() == 1


def test_a_complaint_stops_at_once_and_is_no_error():
    delivery = delivery_in(DeliveryState.SENT)
    complaint = bounce(Reason.COMPLAINT, Kind.COMPLAINT, DeliveryState.COMPLAINED)
    record_notice(delivery.pk, complaint, now=timezone.now())
    delivery.refresh_from_db()
    delivery.subscriber.refresh_from_db()
    assert delivery.state == DeliveryState.COMPLAINED
    assert delivery.subscriber.stop_reason == StopReason.COMPLAINT
    assert delivery.subscriber.error_count == 0


@pytest.mark.parametrize("state", [DeliveryState.BOUNCED, DeliveryState.PENDING, DeliveryState.FAILED])
def test_a_complaint_stops_the_address_whatever_became_of_the_delivery(state):
    delivery = delivery_in(state)
    complaint = bounce(Reason.COMPLAINT, Kind.COMPLAINT, DeliveryState.COMPLAINED)
    told = record_notice(delivery.pk, complaint, now=timezone.now())
    results = {DeliveryState.BOUNCED: Recorded.DONE, DeliveryState.PENDING: Recorded.TOO_EARLY}
    assert told is results.get(state, Recorded.IGNORED)
    delivery.subscriber.refresh_from_db()
    assert delivery.subscriber.stop_reason == StopReason.COMPLAINT


def test_a_notice_for_a_deleted_subscriber_is_still_recorded():
    delivery = delivery_in(DeliveryState.SENT)
    delivery.subscriber.delete()
    assert record_notice(delivery.pk, bounce(), now=timezone.now()) is Recorded.DONE


def test_evidence_settles_a_doubt_and_nothing_else():
    doubt, failed = delivery_in(DeliveryState.DOUBT), delivery_in(DeliveryState.FAILED)
    assert record_evidence(doubt.pk, now=timezone.now())
    assert not record_evidence(doubt.pk, now=timezone.now())
    assert not record_evidence(failed.pk, now=timezone.now())
    doubt.refresh_from_db()
    assert doubt.state == DeliveryState.SENT


@pytest.mark.parametrize(
    ("kind", "reason", "weight"),
    [
        (Kind.HARD, Reason.USER_UNKNOWN, Weight.STOP),
        (Kind.SOFT, Reason.USER_UNKNOWN, Weight.COUNT),
        (Kind.HARD, Reason.HOST_UNKNOWN, Weight.COUNT),
        (Kind.SOFT, Reason.MAILBOX_FULL, Weight.COUNT),
        (Kind.SOFT, Reason.SUSPENDED, Weight.COUNT),
        (Kind.REFUSED, Reason.REFUSED, Weight.COUNT),
        (Kind.SOFT, Reason.TEMPORARY, Weight.ONCE_PER_CAMPAIGN),
        (Kind.SOFT, Reason.RATE_LIMITED, Weight.NEVER),
        (Kind.BLOCK, Reason.REPUTATION, Weight.NEVER),
        (Kind.BLOCK, Reason.AUTH, Weight.NEVER),
        (Kind.BLOCK, Reason.SPAM_CONTENT, Weight.NEVER),
        (Kind.BLOCK, Reason.TOO_LARGE, Weight.NEVER),
        (Kind.BLOCK, Reason.POLICY, Weight.NEVER),
        (Kind.UNKNOWN, Reason.UNKNOWN, Weight.NEVER),
    ],
)
def test_what_each_reason_counts(kind, reason, weight):
    """B11, B17: the table of the design, with the default settings."""
    assert weigh(bounce(reason, kind), make_workspace()) is weight


def test_the_workspace_decides_on_unknown_addresses_and_unknown_reasons():
    workspace = make_workspace(stop_unknown_at_once=False, count_unknown_reason=True)
    assert weigh(bounce(Reason.USER_UNKNOWN, Kind.HARD), workspace) is Weight.COUNT
    assert weigh(bounce(Reason.UNKNOWN, Kind.UNKNOWN), workspace) is Weight.COUNT

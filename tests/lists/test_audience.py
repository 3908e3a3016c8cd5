"""Audiences: lists and segments, without those that are left out, each person once."""

import pytest
from django.utils import timezone

from lists.audience import Audience, people_of
from lists.conditions import SegmentRefused
from lists.models import Exclusion, MailingList, Segment, Subscriber, Subscription
from lists.segment_counts import Slice, count_slice, first_people
from lists.segments import compile_segment
from tests.factories import make_list, make_subscriber, make_workspace

pytestmark = pytest.mark.django_db


def make_segment(workspace, rank, **fields):
    conditions = {"v": 1, "all": [{"field": "attribute:ランク", "op": "is", "value": rank}]}
    return Segment.objects.create(workspace=workspace, name=f"{rank}の人", conditions=conditions, **fields)


def found(workspace, **parts):
    people = people_of(workspace, Audience(**parts), now=timezone.now())
    return sorted(person.address.partition("@")[0] for person in people)


@pytest.fixture
def world(workspace):
    """Two lists with one person on both, a stopped one, and one on no list at all."""
    first, second = make_list(workspace), make_list(workspace)
    for name, rank, lists in (
        ("a", "金", [first, second]),
        ("b", "銀", [first]),
        ("c", "金", [second]),
        ("d", "金", []),
    ):
        person = make_subscriber(None, f"{name}@example.jp", workspace=workspace, attributes={"ランク": rank})
        Subscription.objects.bulk_create(Subscription(mailing_list=one, subscriber=person) for one in lists)
    make_subscriber(second, "e@example.jp", status="stopped", attributes={"ランク": "金"})
    make_subscriber(make_list(), "f@example.jp", attributes={"ランク": "金"})
    return first, second


def test_lists_and_segments_are_joined_and_each_person_is_there_once(workspace, world):
    first, second = world
    gold = make_segment(workspace, "金")
    assert found(workspace, lists=[first.pk, second.pk]) == ["a", "b", "c"]
    # Who is on no list gave no permission that counts any more.
    assert found(workspace, segments=[gold]) == ["a", "c"]
    assert found(workspace, lists=[first.pk], segments=[gold]) == ["a", "b", "c"]


def test_who_is_left_out_is_left_out_wherever_else_he_is(workspace, world):
    first, second = world
    gold, silver = make_segment(workspace, "金"), make_segment(workspace, "銀")
    assert found(workspace, lists=[first.pk, second.pk], excluded_lists=[first.pk]) == ["c"]
    assert found(workspace, lists=[first.pk, second.pk], excluded_segments=[gold]) == ["b"]
    assert found(workspace, segments=[gold, silver], excluded_lists=[second.pk]) == ["b"]
    Subscriber.objects.filter(address="b@example.jp").update(attributes={})
    # Nothing is known of b: that is no reason to leave her out.
    assert found(workspace, lists=[first.pk], excluded_segments=[silver]) == ["a", "b"]


def test_who_is_on_the_exclusion_list_belongs_to_no_audience(workspace, world):
    first, _second = world
    Exclusion.objects.create(workspace=workspace, kind="address", value="a@example.jp")
    assert found(workspace, lists=[first.pk]) == ["b"]


def test_a_place_on_a_list_that_is_being_deleted_is_none(workspace, world):
    _first, second = world
    MailingList.everything.filter(pk=second.pk).update(deleted_at=timezone.now())
    assert found(workspace, segments=[make_segment(workspace, "金")]) == ["a"]


def test_a_segment_that_lost_its_list_is_refused_and_not_read_otherwise(workspace, world):
    first, second = world
    conditions = {"v": 1, "all": [{"field": "list", "op": "not_on", "value": [second.pk]}]}
    segment = Segment.objects.create(workspace=workspace, name="外", conditions=conditions)
    assert found(workspace, segments=[segment]) == ["b"]
    MailingList.everything.filter(pk=second.pk).update(deleted_at=timezone.now())
    with pytest.raises(SegmentRefused, match="「外」は使えません"):
        found(workspace, lists=[first.pk], excluded_segments=[segment])


def test_a_count_in_slices_is_the_count(workspace, world):
    condition = compile_segment(make_segment(workspace, "金"), now=timezone.now())
    ticks = iter(range(1000))
    # A clock on which every window takes longer than there is time.
    counted = count_slice(workspace, condition, Slice(), budget=0.5, size=2, clock=lambda: next(ticks))
    assert not counted.is_complete
    turns = 0
    while not counted.is_complete:
        counted = count_slice(workspace, condition, counted, budget=0.5, size=2, clock=lambda: next(ticks))
        turns += 1
    assert (counted.found, counted.active) == (4, 3)
    assert turns == 2
    assert count_slice(make_workspace(), condition, Slice()) == Slice(is_complete=True)


def test_the_first_people_are_looked_for_no_longer_than_there_is_time(workspace, world):
    nobody = Subscriber.objects.for_workspace(workspace).filter(address="nobody")
    assert first_people(nobody, workspace, 3) == ([], True)
    ticks = iter(range(1000))
    assert first_people(nobody, workspace, 3, budget=0.5, size=2, clock=lambda: next(ticks)) == ([], False)
    people = Subscriber.objects.for_workspace(workspace)
    assert [person.address for person in first_people(people, workspace, 2)[0]] == ["a@example.jp", "b@example.jp"]

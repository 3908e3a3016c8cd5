"""What figures grow by."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tracking.counting import Counted, count_by_hour, count_hits, hour_of
from tracking.models import ANY_LINK, HOURS, OPEN, HitSource

HUMAN, PROXY, MACHINE = HitSource
HIT = st.tuples(st.integers(1, 4), st.integers(0, 3), st.sampled_from(HitSource))


def test_a_person_counts_once_and_each_hit_counts():
    counted = count_hits([(1, 1, HUMAN), (1, 1, HUMAN), (1, 2, HUMAN), (2, 1, HUMAN)], ())
    assert counted[1] == Counted(human_hits=3, people=2, humans=2)
    assert counted[2] == Counted(human_hits=1, people=1, humans=1)
    assert counted[ANY_LINK] == Counted(human_hits=4, people=2, humans=2)


def test_a_relay_and_then_a_person_are_one_who_opened():
    assert count_hits([(1, 0, PROXY)], ())[OPEN] == Counted(proxy_hits=1, people=1)
    assert count_hits([(1, 0, HUMAN)], [(1, 0, "proxy")])[OPEN] == Counted(human_hits=1, humans=1)
    assert count_hits([(1, 0, PROXY)], [(1, 0, "human")])[OPEN] == Counted(proxy_hits=1)


def test_machines_are_nobody():
    counted = count_hits([(1, 0, MACHINE), (1, 1, MACHINE)], ())
    assert counted == {place: Counted(machine_hits=1) for place in (OPEN, 1, ANY_LINK)}


@given(hits=st.lists(HIT, max_size=30), cut=st.integers(0, 30))
def test_in_pieces_as_at_once(hits, cut):
    """However the hits are cut into batches, the sums are the same."""
    whole = count_hits(hits, ())
    known = [(delivery, number, source.value) for delivery, number, source in hits[:cut] if source != MACHINE]
    parts = [count_hits(hits[:cut], ()), count_hits(hits[cut:], known)]
    for place, figure in whole.items():
        for name in Counted.__slots__:
            assert getattr(figure, name) == sum(getattr(part.get(place, Counted()), name) for part in parts)


@given(hits=st.lists(st.tuples(st.integers(0, 3), HIT), max_size=30), known=st.lists(HIT, max_size=5))
def test_hours_add_up_to_the_whole(hits, known):
    counted = count_by_hour(hits, [(delivery, number, source.value) for delivery, number, source in known])
    whole = count_hits([hit for _hour, hit in hits], known)
    for place, figure in whole.items():
        for name in Counted.__slots__:
            hours = [getattr(figures.get(place, Counted()), name) for figures in counted.values()]
            assert sum(hours) == getattr(figure, name)


def test_hours_begin_with_the_sending_and_end_after_three_days():
    begun = datetime(2026, 11, 22, 1, 17, tzinfo=UTC)
    moments = [
        timedelta(seconds=-1),
        timedelta(minutes=59),
        timedelta(hours=1),
        timedelta(hours=72),
        timedelta(days=90),
    ]
    assert [hour_of(begun + moment, begun) for moment in moments] == [0, 0, 1, HOURS, HOURS]

"""Token buckets in a real Valkey: never more than the rate, shared by all, empty once forgotten."""

import multiprocessing
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from mta import throttle
from mta.throttle import BURST, IDLE_SECONDS, LATE_SECONDS, Bucket, Taken, give_back, take
from tests.throttles import connect, fill, forget_buckets

START = 1_800_000_000.0


@pytest.fixture(autouse=True)
def empty_buckets() -> Iterator[None]:
    forget_buckets()
    yield
    forget_buckets()


def bucket(per_minute: float = 600) -> Bucket:
    """A bucket that nobody else has."""
    return Bucket(f"test:{uuid4()}", per_minute)


def test_holds_a_few_seconds_worth() -> None:
    assert bucket(600).most == 10 * BURST
    # One mail a minute is still a whole mail.
    assert bucket(1).most == 1


def test_begins_empty_and_fills_by_the_clock() -> None:
    one = bucket(60)
    assert take([one], wanted=3, taker="a", now=START) == Taken(0, 2.5)
    assert take([one], wanted=3, taker="a", now=START + 2.5) == Taken(2, 0.0)
    assert take([one], wanted=9, taker="a", now=START + 100).tokens == 5


def test_says_when_to_ask_again() -> None:
    one = bucket(1)
    assert take([one], wanted=200, taker="a", now=START) == Taken(0, 60)
    assert take([one], wanted=200, taker="a", now=START + 59.5) == Taken(0, 60)
    assert take([one], wanted=200, taker="a", now=START + 60).tokens == 1


def test_several_buckets_are_taken_together_or_not_at_all() -> None:
    wide, narrow = bucket(600), bucket(60)
    for now in (START, START + 2):
        found = take([wide, narrow], wanted=200, taker="a", now=now)
    assert found.tokens == 2
    # What the narrow one did not grant is still in the wide one.
    assert take([wide], wanted=200, taker="a", now=START + 2).tokens == 18
    assert take([wide, narrow], wanted=200, taker="a", now=START + 2).tokens == 0


def test_a_clock_that_goes_back_gives_nothing() -> None:
    one = bucket(600)
    take([one], wanted=1, taker="a", now=START)
    assert take([one], wanted=9, taker="a", now=START + 1).tokens == 9
    assert take([one], wanted=9, taker="a", now=START - 3600).tokens == 1
    assert take([one], wanted=9, taker="a", now=START + 1).tokens == 0


def test_returned_tokens_can_be_taken_but_never_make_a_larger_burst() -> None:
    one = bucket(60)
    take([one], wanted=1, taker="a", now=START)
    assert take([one], wanted=5, taker="a", now=START + 5).tokens == 5
    give_back([one], 3)
    assert take([one], wanted=5, taker="a", now=START + 5).tokens == 3
    give_back([one], 1000)
    assert take([one], wanted=1000, taker="a", now=START + 5).tokens == 5
    give_back([one], 0)
    give_back([], 5)


def test_what_was_forgotten_is_not_returned() -> None:
    one = bucket(60)
    give_back([one], 5)
    assert take([one], wanted=5, taker="a", now=START).tokens == 0


def test_whoever_waits_longest_is_served_first() -> None:
    """A16, C28."""
    one = bucket(60)
    assert take([one], wanted=9, taker="a", now=START).tokens == 0
    assert take([one], wanted=9, taker="b", now=START).tokens == 0
    assert take([one], wanted=9, taker="b", now=START + 5).tokens == 0
    assert take([one], wanted=9, taker="a", now=START + 5).tokens == 5
    assert take([one], wanted=9, taker="a", now=START + 6).tokens == 0
    assert take([one], wanted=9, taker="b", now=START + 6).tokens == 1
    assert take([one], wanted=9, taker="a", now=START + 7).tokens == 1


def test_whoever_does_not_come_back_holds_nobody_up() -> None:
    one = bucket(60)
    again = take([one], wanted=9, taker="gone", now=START).again
    assert take([one], wanted=9, taker="b", now=START + 1).tokens == 0
    assert take([one], wanted=9, taker="b", now=START + again + LATE_SECONDS + 1).tokens == 5


def test_a_large_sender_leaves_a_small_one_its_half() -> None:
    """C28: both ask every second, the large one always first."""
    one, got = bucket(60), {"large": 0, "small": 0}
    for second in range(120):
        for taker in ("large", "small"):
            got[taker] += take([one], wanted=200, taker=taker, now=START + second).tokens
    assert abs(got["large"] - got["small"]) <= 5
    assert sum(got.values()) <= 120
    assert sum(got.values()) >= 110


class PlainBucket:
    """What a token bucket is, in its simplest form."""

    def __init__(self, a_second: float, most: float, now: float) -> None:
        self.a_second, self.most, self.tokens, self.at = a_second, most, 0.0, now

    def take(self, wanted: int, now: float) -> int:
        self.tokens = min(self.most, self.tokens + (now - self.at) * self.a_second)
        self.at = now
        granted = min(wanted, int(self.tokens + 1e-6))
        self.tokens = max(0.0, self.tokens - granted)
        return granted

    def give_back(self, tokens: int) -> None:
        self.tokens = min(self.most, self.tokens + tokens)


@settings(max_examples=60)
@given(
    per_minute=st.sampled_from([1, 7, 60, 600, 100_000]),
    steps=st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 300), st.integers(0, 20)), min_size=1, max_size=25),
)
@example(per_minute=60, steps=[(0, 1, 0), (1000, 1, 1), (0, 1, 0)])
def test_does_what_a_plain_bucket_does(per_minute: int, steps: list[tuple[int, int, int]]) -> None:
    """Waits in milliseconds, so that what the script keeps as text is exact enough to compare."""
    one, plain, now, total = bucket(per_minute), None, START, 0
    for waited, wanted, returned in steps:
        now += waited / 1000
        plain = plain or PlainBucket(one.a_second, one.most, now)
        granted = take([one], wanted=wanted, taker="a", now=now).tokens
        assert abs(granted - plain.take(wanted, now)) <= 1
        # Rounding must not add up: both go on from the same.
        with connect() as client:
            plain.tokens = float(client.hget(one.holds(), "tokens"))
        back = min(returned, granted)
        give_back([one], back)
        plain.give_back(back)
        total += granted - back
    assert total <= one.most + (now - START) * one.a_second + 1e-3


def take_for(url: str, key: str, seconds: float, results: Any) -> None:
    """Take all that can be had for some seconds, in a process of its own."""
    django_settings.REDIS_URL = url
    granted, ends = 0, time.monotonic() + seconds
    while time.monotonic() < ends:
        granted += take([Bucket(key, 3000)], wanted=7, taker="both").tokens
    results.put(granted)


def test_two_processes_share_one_bucket(settings: Settings) -> None:
    """C22: together no more than the rate by the clock of Valkey, and nearly all of it."""
    key = f"test:{uuid4()}"
    take([Bucket(key, 3000)], wanted=7, taker="both")
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=take_for, args=(settings.REDIS_URL, key, 2.0, results)) for _ in range(2)]
    with connect() as client:
        began = client.time()
        for process in processes:
            process.start()
        granted = [results.get(timeout=30) for _ in processes]
        ended = client.time()
    for process in processes:
        process.join(timeout=30)
    took = ended[0] - began[0] + (ended[1] - began[1]) / 1e6
    assert 0 < sum(granted) <= 50 * took + Bucket(key, 3000).most


def test_a_flush_is_no_burst() -> None:
    """FLUSHALL in mid send: the bucket begins empty again."""
    one = bucket(600)
    fill(one.key, 50)
    assert take([one], wanted=20, taker="a").tokens == 20
    forget_buckets()
    # The script itself is forgotten too, as after a restart.
    with connect() as client:
        client.script_flush()
    assert take([one], wanted=50, taker="a").tokens == 0


def test_idle_buckets_are_forgotten() -> None:
    one = bucket()
    take([one], wanted=1, taker="a")
    with connect() as client:
        assert 0 < client.ttl(one.holds()) <= IDLE_SECONDS
        assert 0 < client.ttl(one.waits()) <= IDLE_SECONDS
        fill(one.key, 5)
        take([one], wanted=1, taker="a")
        assert client.exists(one.waits()) == 0


def test_a_connection_that_was_cut_is_opened_anew() -> None:
    one = bucket(600)
    take([one], wanted=1, taker="a")
    with connect() as client:
        client.client_kill_filter(_type="normal", skipme=True)
    fill(one.key, 5)
    assert take([one], wanted=5, taker="a").tokens == 5


def test_logs_an_outage_once_and_the_next_one_again(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    good, one = settings.REDIS_URL, bucket()
    for _ in range(2):
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        assert take([one], wanted=1, taker="a") == Taken(0, throttle.AGAIN_SECONDS)
        give_back([one], 1)
        settings.REDIS_URL = good
        assert take([one], wanted=1, taker="a").again < 1
    assert len([record for record in caplog.records if record.name == "mta.throttle"]) == 2

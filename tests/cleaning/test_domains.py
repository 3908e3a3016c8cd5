"""Which domains take no mail, asked of a real DNS server on loopback."""

import pytest

from cleaning import domains
from cleaning.domains import look_up
from cleaning.errors import CleaningGone
from mta.mx import MxResolver
from tests.senders.dns_server import ZoneServer


def test_missing_are_those_that_take_no_mail_a11(zones: ZoneServer, resolver: MxResolver) -> None:
    counts = dict.fromkeys(["shop.example", "plain.example", "text.example", "null.example", "nowhere.example"], 1)
    answers = look_up(counts, resolver)
    assert answers.missing == {"text.example", "null.example", "nowhere.example"}
    assert (answers.asked, answers.unknown, answers.is_silent()) == (5, set(), False)


def test_servfail_and_silence_are_no_answer(zones: ZoneServer, resolver: MxResolver) -> None:
    zones.failing.add("ill.example")
    zones.silent.add("mute.example")
    answers = look_up({"ill.example": 1, "mute.example": 1, "nowhere.example": 1}, resolver)
    assert answers.missing == {"nowhere.example"}
    assert answers.unknown == {"ill.example", "mute.example"}


def test_domains_of_most_rows_come_first_and_the_rest_stays_unknown(zones: ZoneServer, resolver: MxResolver) -> None:
    answers = look_up({"rare.example": 1, "nowhere.example": 5, "shop.example": 9}, resolver, limit=2)
    assert answers.missing == {"nowhere.example"}
    assert answers.unknown == {"rare.example"}
    assert "rare.example" not in zones.asked


def test_time_is_bounded(zones: ZoneServer) -> None:
    zones.silent.add("mute.example")
    patient = MxResolver([zones.address], server_timeout=30, question_timeout=30)
    answers = look_up({"mute.example": 2, "shop.example": 1}, patient, seconds=0.5)
    assert answers.unknown == {"mute.example"}
    assert answers.missing == set()


def test_a_dns_that_knows_nobody_is_not_believed(zones: ZoneServer, resolver: MxResolver) -> None:
    zones.records.clear()
    answers = look_up({"shop.example": 1, "nowhere.example": 1}, resolver)
    assert (answers.missing, answers.unknown) == (set(), {"shop.example", "nowhere.example"})
    assert answers.is_silent()


def test_a_dns_that_falls_silent_is_given_up_soon(zones: ZoneServer) -> None:
    names = {f"domain{number}.example": 1 for number in range(500)}
    zones.silent.update(names)
    resolver = MxResolver([zones.address], server_timeout=0.2, question_timeout=0.2)
    answers = look_up(names, resolver)
    assert answers.is_silent()
    assert (answers.missing, len(answers.unknown)) == (set(), 500)
    assert answers.asked < domains.SILENT_AFTER + domains.LOOKUPS_AT_ONCE


def test_a_dns_out_of_reach_is_given_up_at_once() -> None:
    resolver = MxResolver(["127.0.0.1:9"], server_timeout=0.2, question_timeout=0.2)
    answers = look_up({"shop.example": 1}, resolver)
    assert answers.is_silent()
    assert (answers.missing, answers.unknown, answers.asked) == (set(), {"shop.example"}, 0)


def test_a_name_is_asked_once(zones: ZoneServer, resolver: MxResolver) -> None:
    for _turn in range(2):
        look_up({"shop.example": 1}, resolver)
    assert zones.asked.count("shop.example") == 1


def test_what_the_listener_raises_ends_it(zones: ZoneServer, resolver: MxResolver) -> None:
    def tell(asked: int, total: int) -> None:
        raise CleaningGone("", "token")

    with pytest.raises(CleaningGone):
        look_up({"shop.example": 1, "plain.example": 1}, resolver, tell=tell)

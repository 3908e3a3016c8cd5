"""Programs that are no people, and hits that no person makes."""

from datetime import UTC, datetime, timedelta

import pytest

from tracking.judging import Facts, Handover, judge
from tracking.machines import read_source
from tracking.models import HitSource

NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
HUMAN, PROXY, MACHINE = HitSource
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"


@pytest.mark.parametrize(
    ("agent", "picture", "link"),
    [
        (CHROME, HUMAN, HUMAN),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15", HUMAN, HUMAN),
        ("DoCoMo/2.0 F09B3(c500;TB;W24H16)", HUMAN, HUMAN),
        ("Mozilla/5.0 (Linux; Android 12; CUBOT P50) AppleWebKit/537.36", HUMAN, HUMAN),
        (GMAIL, PROXY, MACHINE),
        ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", PROXY, MACHINE),
        ("Mozilla/5.0", PROXY, MACHINE),
        ("", MACHINE, MACHINE),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", MACHINE, MACHINE),
        ("Mozilla/5.0 (compatible; Barracuda Sentinel (EE))", MACHINE, MACHINE),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", MACHINE, MACHINE),
        ("Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5", MACHINE, MACHINE),
        ("TMES/1.0", MACHINE, MACHINE),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 HotMessenger/5", HUMAN, HUMAN),
        ("python-requests/2.32", MACHINE, MACHINE),
        ("curl/8.0", MACHINE, MACHINE),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/130.0", MACHINE, MACHINE),
    ],
)
def test_programs(agent, picture, link):
    assert (read_source(0, {"HTTP_USER_AGENT": agent}), read_source(1, {"HTTP_USER_AGENT": agent})) == (picture, link)


@pytest.mark.parametrize("name", ["HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_MOZ"])
def test_a_browser_that_asks_ahead_is_no_person(name):
    assert read_source(1, {"HTTP_USER_AGENT": CHROME, name: "prefetch;prerender"}) == MACHINE


def hits(*pairs: tuple[int, float], source: HitSource = HUMAN) -> list[Facts]:
    return [Facts(number, NOW + timedelta(seconds=seconds), source) for number, seconds in pairs]


def judged(found: list[Facts], *, links: int = 3, taken: float | None = 0) -> str:
    """Return the first letters of what hits are judged to be, of a mail that was taken so many seconds after NOW."""
    handover = None if taken is None else Handover(NOW, NOW + timedelta(seconds=taken))
    return "".join(source.value[0] for source in judge(found, links=links, handover=handover))


def test_a_person_reads_and_clicks():
    assert judged(hits((0, 60), (1, 70), (2, 90))) == "hhh"


def test_what_comes_within_seconds_of_the_sending_is_a_machine():
    assert judged(hits((0, 1), (1, 4.9), (1, 5))) == "mmh"
    assert judged(hits((1, -4))) == "m"


def test_what_a_gateway_asks_for_before_it_takes_the_mail_is_a_machine():
    assert judged(hits((1, 8), (1, 24), (1, 25)), taken=20) == "mmh"


def test_a_click_on_the_first_copy_of_a_mail_that_was_sent_twice_is_a_person():
    assert judged(hits((1, -600)), taken=20) == "h"


def test_two_of_two_links_in_tabs_are_a_person_and_both_at_once_a_machine():
    assert judged(hits((1, 60), (2, 62)), links=2) == "hh"
    assert judged(hits((1, 60), (2, 60.5)), links=2) == "mm"


def test_a_relay_that_loads_ahead_stays_a_relay():
    assert judged(hits((0, 1), source=PROXY)) == "p"


def test_all_links_within_seconds_are_a_machine():
    assert judged(hits((1, 60), (2, 61), (3, 65), (0, 62), (1, 99))) == "mmmhh"
    assert judged(hits((3, 65), (1, 60), (2, 61))) == "mmm"


def test_all_links_with_time_between_are_a_person():
    assert judged(hits((1, 60), (2, 63), (3, 66))) == "hhh"


def test_one_link_again_and_again_is_a_person():
    assert judged(hits((1, 60), (1, 61), (1, 62)), links=1) == "hhh"
    assert judged(hits((1, 60), (1, 61), (1, 62)), links=3) == "hhh"


def test_five_of_many_links_are_enough():
    assert judged(hits(*[(number, 60 + number / 2) for number in range(1, 6)]), links=40) == "mmmmm"
    assert judged(hits(*[(number, 60 + number / 2) for number in range(1, 5)]), links=40) == "hhhh"


def test_a_mail_that_is_gone_says_nothing_of_its_time():
    assert judged(hits((1, 0)), taken=None) == "h"


def test_very_many_hits_take_no_time():
    many = hits(*[(number % 7 + 1, number / 10) for number in range(20_000)])
    assert set(judged(many, links=7, taken=None)) == {"m"}

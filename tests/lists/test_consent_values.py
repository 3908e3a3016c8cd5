"""Reading when and from where somebody agreed (A4)."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lists.consent_values import EARLIEST, LONGEST, read_ip, read_moment
from lists.exceptions import ListsError

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
MINUTE = datetime(2026, 4, 1, 3, 34, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-04-01 12:34", MINUTE),
        ("2026/4/1 12:34:00", MINUTE),
        ("2026-04-01T03:34:00.123Z", MINUTE),
        ("2026-04-01T12:34:00+09:00", MINUTE),
        ("2026-04-01 03:34:00+00", MINUTE),
        ("2026-03-31 23:34 -0400", MINUTE),
        ("2026-04-01 03:34:00 UTC", MINUTE),
        ("2026-04-01 12:34 JST", MINUTE),
        # As Google Forms writes it.
        ("2026/04/01 12:34:00 午後 GMT+9", MINUTE),
        ("2026/04/01 午後 0:34:00", MINUTE),
        ("2026/04/01 03:34 AM UTC", MINUTE),
        ("2026年4月1日 12時34分", MINUTE),
        ("２０２６年４月１日１２：３４", MINUTE),
        ("令和8年4月1日 12:34", MINUTE),
        ("20260401 12:34", MINUTE),
        # By the local clock.
        ("2026-04-01", datetime(2026, 3, 31, 15, 0, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 21, 15, 0, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_as_it_is_written(text: str, moment: datetime) -> None:
    assert read_moment(text, now=NOW) == moment


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("はい", "日付として読めません"),
        ("12:34", "日時として読めません"),
        ("2026-04-01 12:34 or so", "日時として読めません"),
        ("2026-02-30", "暦にない"),
        ("2026-02-30 12:00", "暦にない"),
        ("2026-04-01 25:00", "時計にない"),
        ("2026-04-01 24:00", "時計にない"),
        ("2026-04-01 午後 13:61", "時計にない"),
        ("2026-11-22 12:01", "未来"),
        ("2027-01-01", "未来"),
        ("9999-12-31 23:59 -12:00", "未来"),
        ("1900-01-00", "暦にない"),
        ("0001-01-01 00:00 +14:00", f"{EARLIEST}年より前"),
        ("1970-01-01", f"{EARLIEST}年より前"),
        ("2026-04-01" + " " * LONGEST + "x", "日時として読めません"),
    ],
)
def test_what_cannot_be_a_consent_is_told(text: str, sentence: str) -> None:
    with pytest.raises(ListsError) as caught:
        read_moment(text, now=NOW)
    assert sentence in caught.value.sentence


@given(st.datetimes(), st.sampled_from(("minutes", "seconds")))
@example(datetime.fromisoformat("2026-04-01 12:34:56"), "seconds")
def test_the_most_frequent_form_means_what_the_others_mean(moment: datetime, timespec: str) -> None:
    def read(text: str) -> datetime | str:
        try:
            return read_moment(text, now=NOW)
        except ListsError as error:
            return error.sentence

    text = moment.isoformat(" ", timespec)
    assert read(text) == read(text.replace(" ", "T")) == read(text.replace("-", "/"))


@given(st.text("0123456789-/:. T年月日時分秒午前後AMPGUTCZ+JSX令和", max_size=30) | st.text(max_size=30))
def test_any_text_is_a_moment_that_is_over_or_is_refused(text: str) -> None:
    moment = NOW
    with suppress(ListsError):
        moment = read_moment(text, now=NOW)
    assert NOW - timedelta(days=40 * 366) < moment <= NOW


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" １９２．０．２．１ ", "192.0.2.1"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ],
)
def test_an_ip_address_is_stored_in_one_way(text: str, address: str) -> None:
    assert read_ip(text) == address


@pytest.mark.parametrize("text", ["不明", "-", "192.0.2", "192.0.2.256", "192.0.2.1:80", "fe80::1%eth0", "1" * 200])
def test_what_is_no_ip_address_is_told(text: str) -> None:
    with pytest.raises(ListsError, match="IPアドレスとして読めません"):
        read_ip(text)

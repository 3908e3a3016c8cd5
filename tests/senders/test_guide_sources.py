"""What is said of the pages that guides are from."""

from datetime import date

from senders.guide_sources import Source

URL = "https://help.shop.example/"


def test_the_day_of_a_copy_is_told_before_the_day_on_which_it_was_read() -> None:
    source = Source(URL, copied=date(2026, 3, 11), read=date(2026, 11, 22))
    assert source.how_known() == "2026年3月11日時点の写しを確認"


def test_a_copy_without_a_date_is_told_to_be_one() -> None:
    assert Source(URL, read=date(2026, 11, 22)).how_known() == "2026年11月22日に写しを確認(写しの日付は不明)"


def test_a_date_of_the_pages_own_is_told() -> None:
    source = Source(URL, read=date(2026, 11, 22), dated=date(2020, 9, 2))
    assert source.how_known() == "2026年11月22日に写しを確認(ページの日付は2020年9月2日)"


def test_a_page_that_was_not_seen_is_told_to_be_unseen() -> None:
    assert Source(URL).how_known() == "ページを直接確認できていません"

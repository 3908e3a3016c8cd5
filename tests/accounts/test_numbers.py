"""Numbers that come in from outside."""

import pytest

from accounts.numbers import read_number


@pytest.mark.parametrize(("value", "number"), [("7", 7), (7, 7), ("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_reads_whole_numbers_that_an_id_can_be(value, number):
    assert read_number(value) == number


@pytest.mark.parametrize("value", [None, "", "-1", "+1", "1.0", " 1", "1_0", "٣", "²", "9" * 19, "9" * 5000, "x", "\0"])
def test_reads_nothing_else(value):
    assert read_number(value) is None

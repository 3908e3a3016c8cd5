"""Transactions that the database gave up are repeated."""

import pytest
from django.db import OperationalError

from lists.transactions import TRIES, retry_transaction


@pytest.mark.parametrize("failures", range(TRIES))
def test_repeats_until_it_works(failures):
    calls = []

    def run():
        calls.append(1)
        if len(calls) <= failures:
            raise OperationalError("deadlock detected")
        return "done"

    assert retry_transaction(run) == "done"
    assert len(calls) == failures + 1


def test_gives_up_after_the_last_try():
    calls = []

    def run():
        calls.append(1)
        raise OperationalError("deadlock detected")

    with pytest.raises(OperationalError):
        retry_transaction(run)
    assert len(calls) == TRIES

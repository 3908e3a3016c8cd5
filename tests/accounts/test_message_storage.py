"""Messages that wait for the next page."""

import pytest
from django.contrib.messages import constants
from django.http import HttpResponse
from django.test import Client, RequestFactory

from accounts.message_storage import KEPT, DistinctStorage

pytestmark = pytest.mark.django_db


def keep(client: Client, *told: tuple[int, str]) -> list[str]:
    """Say something in one request after the other that no page answers; return what the next page would show."""
    session = client.session
    for level, text in told:
        request = RequestFactory().post("/")
        request.session = session
        storage = DistinctStorage(request)
        storage.add(level, text)
        storage.update(HttpResponse())
    request = RequestFactory().get("/")
    request.session = session
    return [str(message) for message in DistinctStorage(request)]


def test_equal_ones_wait_once(client: Client) -> None:
    told = [(constants.SUCCESS, "saved"), (constants.WARNING, "wait"), (constants.WARNING, "wait")]
    assert keep(client, *told) == ["saved", "wait"]


def test_the_newest_are_kept(client: Client) -> None:
    told = [(constants.INFO, f"number {number}") for number in range(KEPT + 5)]
    assert keep(client, *told) == [text for _level, text in told[-KEPT:]]

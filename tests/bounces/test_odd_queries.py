"""Queries that no form of ours writes: the pages and downloads answer them as they answer no query."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role, User, Workspace
from tests.factories import make_campaign, make_list, make_user
from tests.hypermail.pages import read

pytestmark = pytest.mark.django_db
Log = Callable[[User], Client]
PAGES = (
    "stopped_index",
    "stopped_csv",
    "stopped_xlsx",
    "notice_index",
    "error_report",
    "error_answers",
    "period_failures",
    "period_failures_csv",
    "letter",
)
# Midnight of these days, or of the day after, is before or after all times in UTC.
FIRST, LAST = "0001-01-01", "9999-12-31"


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("query", [{"since": FIRST, "until": "0001-01-02"}, {"until": LAST}, {"since": LAST}])
def test_days_at_the_ends_of_the_calendar_are_left_out(
    workspace: Workspace, client_for: Log, name: str, query: dict[str, str]
) -> None:
    response = client_for(make_user(workspace)).get(reverse(name), query)
    assert response.status_code == 200
    assert read(response)


def test_numbers_that_no_row_has_choose_nothing(workspace: Workspace, client_for: Log) -> None:
    campaign = make_campaign(make_list(workspace), state="done")
    editor = client_for(make_user(workspace, Role.EDITOR))
    for number in ("9" * 22, "１", "9" * 5000):
        data: dict[str, Any] = {"ids": [number], "removal": "stop"}
        response = editor.post(reverse("failed_addresses_remove", args=[campaign.pk]), data)
        assert response.status_code == 302


def test_a_preview_for_a_name_that_no_database_holds(workspace: Workspace, client_for: Log) -> None:
    campaign = make_campaign(make_list(workspace))
    response = client_for(make_user(workspace)).get(reverse("campaign_preview", args=[campaign.pk]), {"q": "a\0b"})
    assert response.status_code == 200

"""The addresses behind the figures of a period: pages, filters, downloads."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook
from pytest_django import DjangoAssertNumQueries

from accounts.models import Workspace
from bounces.period_failures import PAGE_SIZE, Cursor, Place
from campaigns.models import Campaign, DeliveryState, Tally
from campaigns.tally import refresh
from mta.verdicts import Kind, Phase, Reason
from tests.factories import (
    make_campaign,
    make_delivery,
    make_lane,
    make_list,
    make_subscriber,
    make_workspace,
)

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def mail(workspace: Workspace, **fields: Any) -> Campaign:
    began = NOW - timedelta(hours=1)
    return make_campaign(make_list(workspace), state="done", started_at=began, finished_at=NOW, **fields)


def refuse(campaign: Campaign, address: str, provider: str = "gmail", **fields: Any) -> None:
    defaults: dict[str, Any] = {
        "lane": make_lane(campaign.workspace, provider=provider),
        "state": DeliveryState.FAILED,
        "settled_at": NOW,
        "kind": Kind.HARD,
        "reason": Reason.USER_UNKNOWN,
        "code": "5.1.1",
        "text": "550 5.1.1 user unknown",
        "phase": Phase.RCPT,
    }
    make_delivery(campaign, make_subscriber(campaign.mailing_lists.get(), address), **defaults | fields)


def walk(client: Client, **query: str) -> list[list[str]]:
    """Return the addresses of every page, from the first by the links to the last."""
    pages = []
    after: dict[str, str] = {}
    while True:
        response = client.get(reverse("period_failures"), query | after)
        assert response.status_code == 200
        pages.append([delivery.address for _subject, delivery, *_rest in response.context["rows"]])
        if response.context["more"] is None:
            return pages
        after = {"after": str(response.context["more"])}


def test_rows_of_the_period_newest_mailing_first(viewer: Client, workspace: Workspace) -> None:
    """B10: each count leads to its addresses and names, with code, reason, the server's words and the mailing."""
    first, second = mail(workspace, subject="先の便り"), mail(workspace, subject="後の便り")
    refuse(first, "a@x.example")
    refuse(second, "b@x.example")
    refuse(second, "ok@x.example", state="sent", kind="", reason="")
    refuse(mail(make_workspace()), "foreign@x.example")
    for campaign in Campaign.objects.all():
        refresh(campaign, now=NOW)
    assert walk(viewer) == [["b@x.example", "a@x.example"]]
    page = viewer.get(reverse("period_failures")).content.decode()
    for words in (
        "2件の宛先",
        "後の便り",
        "山田 太郎",
        "5.1.1",
        "宛先不明",
        "550 5.1.1 user unknown",
        "SMTP (RCPT TO)",
    ):
        assert words in page


def test_every_row_is_on_one_page_only(viewer: Client, workspace: Workspace) -> None:
    """Over several mailings, providers and kinds, large and small, each row comes once and in the same order."""
    expected = []
    for size in (1, 130, 7, 0, 51, 3):
        campaign = mail(workspace)
        for number in range(size):
            provider = ("gmail", "docomo", "au")[number % 3 if size != 130 else 0]
            kind = (Kind.HARD, Kind.SOFT)[number % 2 if size < 60 else 0]
            address = f"c{campaign.pk}-{number}@x.example"
            refuse(campaign, address, provider, kind=kind)
            expected.append(address)
        refresh(campaign, now=NOW)
    pages = walk(viewer)
    rows = [address for page in pages for address in page]
    assert [len(page) for page in pages] == [50, 50, 50, 42]
    assert sorted(rows) == sorted(expected)
    assert [int(address[1:].partition("-")[0]) for address in rows] == sorted(
        (int(address[1:].partition("-")[0]) for address in rows), reverse=True
    )


def test_rows_that_came_after_the_count_do_no_harm(viewer: Client, workspace: Workspace) -> None:
    campaign = mail(workspace)
    refuse(campaign, "counted@x.example")
    refresh(campaign, now=NOW)
    for number in range(2 * PAGE_SIZE):
        refuse(campaign, f"later{number}@x.example")
    pages = walk(viewer)
    assert all(len(page) <= PAGE_SIZE for page in pages)
    assert pages[0][0] == "counted@x.example"
    assert len({address for page in pages for address in page}) == 1 + 2 * PAGE_SIZE


def test_filters_narrow_the_rows(viewer: Client, workspace: Workspace) -> None:
    campaign = mail(workspace)
    refuse(campaign, "a@x.example")
    refuse(campaign, "b@x.example", "docomo", kind=Kind.BLOCK, reason=Reason.POLICY)
    refuse(campaign, "c@x.example", kind="", reason="", state="bounced")
    other = mail(workspace)
    refuse(other, "d@x.example")
    for one in (campaign, other):
        refresh(one, now=NOW)
    assert walk(viewer, kind="block") == [["b@x.example"]]
    assert walk(viewer, provider="docomo") == [["b@x.example"]]
    assert walk(viewer, kind="none") == [["c@x.example"]]
    assert walk(viewer, state="bounced") == [["c@x.example"]]
    assert walk(viewer, reason="user_unknown", list=str(other.mailing_lists.get().pk)) == [["d@x.example"]]
    assert len(walk(viewer, kind="'; --", reason="nonsense")[0]) == 4
    assert walk(viewer, kind="soft") == [[]]
    assert "条件に合う失敗はありません" in viewer.get(reverse("period_failures"), {"kind": "soft"}).content.decode()
    page = viewer.get(reverse("period_failures"), {"kind": "block", "provider": "docomo"}).content.decode()
    assert "ドコモ" in page
    assert 'href="?provider=docomo"' in page


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "x.gmail.hard.user_unknown.failed.1",
        "1.gmail.hard.user_unknown.failed.x",
        "9" * 30 + ".a.b.c.d.1",
        ".....",
        "².....²",
    ],
)
def test_broken_cursor_is_the_first_page(viewer: Client, workspace: Workspace, text: str) -> None:
    campaign = mail(workspace)
    refuse(campaign, "a@x.example")
    refresh(campaign, now=NOW)
    response = viewer.get(reverse("period_failures"), {"after": text})
    assert "a@x.example" in response.content.decode()


def test_cursor_is_read_as_it_was_written() -> None:
    cursor = Cursor(Place(7, "gmail", "hard", "user_unknown", "failed"), 99)
    assert Cursor.parse(str(cursor)) == cursor


def test_downloads_hold_what_the_pages_show(viewer: Client, workspace: Workspace) -> None:
    """B10, C35: CSV and XLSX over the period, with chosen columns and the filter."""
    first, second = mail(workspace, subject="先の便り"), mail(workspace, subject="後の便り")
    refuse(first, "a@x.example", text="=1+1")
    refuse(second, "b@x.example")
    refuse(second, "c@x.example", "docomo", kind=Kind.BLOCK, reason=Reason.POLICY)
    for campaign in (first, second):
        refresh(campaign, now=NOW)
    query = {"columns": ["address", "subject", "text"], "kind": "hard"}
    response: Any = viewer.get(reverse("period_failures_csv"), query)
    rows = list(csv.reader(io.StringIO(response.getvalue().decode("utf-8-sig"))))
    assert rows[1:] == [
        ["b@x.example", "550 5.1.1 user unknown", "後の便り"],
        ["a@x.example", "'=1+1", "先の便り"],
    ]
    assert f"-{timezone.localdate():%Y%m%d}.csv" in response["Content-Disposition"]
    response = viewer.get(reverse("period_failures_xlsx"), {"provider": "docomo", "columns": "address"})
    sheet = load_workbook(io.BytesIO(response.getvalue())).active
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [["メールアドレス"], ["c@x.example"]]


def test_page_needs_few_queries(
    viewer: Client, workspace: Workspace, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """However many small groups of failures a page is put together from."""
    for number in range(60):
        campaign = mail(workspace)
        refuse(campaign, f"r{number}@x.example", ("gmail", "au")[number % 2])
        refresh(campaign, now=NOW)
    with django_assert_max_num_queries(15):
        assert len(viewer.get(reverse("period_failures")).context["rows"]) == PAGE_SIZE


def test_nothing_is_counted_in_the_deliveries(viewer: Client, workspace: Workspace) -> None:
    """The figures are those of the newest count; the page says so."""
    campaign = mail(workspace)
    Tally.objects.create(
        campaign=campaign, provider="gmail", state="failed", kind="hard", reason="user_unknown", number=1234
    )
    refuse(campaign, "a@x.example")
    page = viewer.get(reverse("period_failures")).content.decode()
    assert "1,234件の宛先" in page
    assert "件数は最新の集計によります" in page

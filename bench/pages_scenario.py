"""What the benchmark of pages does in one database: fills a workspace, asks for its pages, measures."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.color import no_style
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from freeze_scenario import Scenario

from accounts.models import Workspace
from lists.csv_staging import REJECTED_KEPT
from lists.headcounts import has_due, recount_due
from lists.import_reasons import RejectReason
from lists.models import (
    AttributeDefinition,
    Consent,
    CsvImport,
    Exclusion,
    MailingList,
    RejectedRow,
    Segment,
    Subscriber,
    Subscription,
)
from senders.models import Sender
from tests.factories import make_campaign
from tests.hypermail.pages import PK, find_pages, make_full_workspace

# Where the pages are that are measured.
PLACES = (
    "/lists/", "/imports/", "/subscribers/", "/bulk/", "/attributes/", "/segments/", "/exclusions/", "/consents/",
    "/campaigns/",
)  # fmt: skip
# A search that finds nobody is followed to its end; each part is a page of its own.
MAX_PARTS = 200
# Entries of the 除外リスト.
EXCLUSIONS = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """A path, how it was found, and its longest time: of CPU, with the database's, and by the clock."""

    path: str
    ms: float
    clock_ms: float
    queries: int


class PeopleScenario(Scenario):
    """A workspace with one of everything, and very many people on one of its lists."""

    def __init__(self, subscribers: int) -> None:
        self.recipients = subscribers
        self.workspace: Workspace = make_full_workspace()
        reset_sequences()
        self.mailing_list = MailingList.objects.get(pk=PK)
        self.make_objects()
        chunk = 100_000
        self.add_import()
        self.add_draft()
        for first in range(1, subscribers + 1, chunk):
            self.add_people(first, min(first + chunk - 1, subscribers))
        self.vary_people()
        while has_due(timezone.now()):
            recount_due(timezone.now())
        self.tidy()

    def make_objects(self) -> None:
        """Make a list with a tenth of the people, an empty one, attributes and segments."""
        self.tenth = MailingList.objects.create(workspace=self.workspace, name="十人に一人")
        self.empty = MailingList.objects.create(workspace=self.workspace, name="空のリスト")
        for name, kind in (("会員番号", "text"), ("ランク", "choice"), ("購入回数", "number")):
            AttributeDefinition.objects.create(workspace=self.workspace, name=name, label=name, kind=kind)
        common = {"v": 1, "all": [{"field": "attribute:ランク", "op": "one_of", "value": ["金"]}]}
        rare = {"v": 1, "all": [{"field": "name", "op": "contains", "value": "いない人"}]}
        self.segments = [
            Segment.objects.create(workspace=self.workspace, name=name, conditions=conditions)
            for name, conditions in (("金", common), ("いない", rare))
        ]
        # As many entries as an organisation may have after years: addresses, and domains of three to five labels.
        ends = ("example.net", "mail.example.net", "a.mail.example.net")
        entries = [("domain", f"d{number}.{ends[number % 3]}") for number in range(EXCLUSIONS // 10)]
        entries += [("address", f"gone{number}@example.net") for number in range(EXCLUSIONS - len(entries))]
        Exclusion.objects.bulk_create(
            (Exclusion(workspace=self.workspace, kind=kind, value=value, reason="退会") for kind, value in entries),
            batch_size=1000,
        )

    def add_import(self) -> None:
        """Make an import that is over and refused as many rows as are kept, for several reasons."""
        codes = [reason.value for reason in RejectReason]
        csv_import = CsvImport.objects.create(
            workspace=self.workspace,
            mailing_list=self.mailing_list,
            filename="meibo.csv",
            encoding="utf-8",
            state="done",
            rows_total=self.recipients,
            rows_rejected=REJECTED_KEPT,
            finished_at=timezone.now(),
            forecast={"rejected": dict.fromkeys(codes, REJECTED_KEPT // len(codes))},
        )
        reason = "メールアドレスの形が正しくありません。"
        RejectedRow.objects.bulk_create(
            (
                RejectedRow(
                    csv_import=csv_import,
                    line=line,
                    column="メールアドレス",
                    value=f"reader{line}@",
                    reason=reason,
                    code=codes[line % len(codes)],
                )
                for line in range(REJECTED_KEPT)
            ),
            batch_size=1000,
        )
        self.csv_import = csv_import

    def add_draft(self) -> None:
        """Make a mailing to everybody, with tags that not everybody has a value for."""
        self.draft = make_campaign(
            self.mailing_list,
            sender=Sender.objects.get(pk=PK),
            subject="{{name|お客様}}へのお知らせ",
            text="{{name|お客様}} ランク: {{ランク}} 会員番号: {{会員番号}}",
        )

    def vary_people(self) -> None:
        """Stop one in fifty, give one in five a rank, put one in ten on the second list; write down the consents."""
        people, places, consents = (model._meta.db_table for model in (Subscriber, Subscription, Consent))
        now = "CURRENT_TIMESTAMP"
        rank = '{"\\u4f1a\\u54e1\\u756a\\u53f7": "A-1", "\\u30e9\\u30f3\\u30af": "\\u91d1"}'
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {people} SET status = 'stopped', stop_reason = 'errors', stopped_at = {now} "  # noqa: S608
                "WHERE id %% 50 = 0 AND status = 'active'",
                [],
            )
            cursor.execute(f"UPDATE {people} SET attributes = %s WHERE id %% 5 = 0", [rank])  # noqa: S608
            cursor.execute(
                f"INSERT INTO {places} (mailing_list_id, subscriber_id, created_at) "  # noqa: S608
                f"SELECT %s, id, {now} FROM {people} WHERE id %% 10 = 3",
                [self.tenth.pk],
            )
            cursor.execute(
                f"INSERT INTO {consents} (subscriber_id, mailing_list_id, source, at, evidence) "  # noqa: S608
                f"SELECT id, %s, 'csv', {now}, 'meibo.csv' FROM {people}",
                [self.mailing_list.pk],
            )


def reset_sequences() -> None:
    """Let the ids go on behind those that were given by hand."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(apps.get_models())):
            cursor.execute(statement)


def run(subscribers: int, rounds: int) -> dict[str, Any]:
    """Fill the database and measure; return the figures, the slowest page first."""
    settings.ALLOWED_HOSTS = ["testserver"]
    # Nobody has collected the static files of an installation that lives for a minute.
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    scenario = PeopleScenario(subscribers)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # Their CPU could not be counted.
            cursor.execute("SET max_parallel_workers_per_gather = 0")
    client = Client()
    client.force_login(scenario.workspace.memberships.get(pk=PK).user)
    pages = [page for path in find_paths(scenario) for page in measure(client, path, rounds)]
    pages.sort(key=lambda page: -page.ms)
    rows = [
        {"path": page.path, "ms": round(page.ms, 1), "clock_ms": round(page.clock_ms, 1), "queries": page.queries}
        for page in pages
    ]
    return {"subscribers": subscribers, "slowest_ms": rows[0]["ms"], "pages": rows}


def find_paths(scenario: PeopleScenario) -> Iterator[str]:
    """Yield the pages of the URL tree, then searches of all sorts."""
    yield reverse("home")
    pages = [page.path for page in find_pages() if page.path.startswith(PLACES)]
    yield from pages
    # Of a mailing that is not yet sent: writing it, its check before the sending.
    part = f"/campaigns/{PK}/"
    yield from (path.replace(part, f"/campaigns/{scenario.draft.pk}/") for path in pages if path.startswith(part))
    newest = Subscriber.objects.order_by("-pk")[0]
    middle = newest.pk // 2
    gold, nobody = (segment.pk for segment in scenario.segments)
    searches = [
        "status=active", "status=stopped", "reason=errors", "reason=complaint", f"before={middle}",
        f"q={newest.address}", "q=shop", "q=nobody-has-this", "q=%E3%81%84%E3%81%AA%E3%81%84", f"q=reader{middle}@",
        "attribute=%E3%83%A9%E3%83%B3%E3%82%AF&value=%E9%87%91", "attribute=%E4%BC%9A%E5%93%A1%E7%95%AA%E5%8F%B7&value=Z",
        f"segment={gold}", f"segment={nobody}", f"list={scenario.tenth.pk}", f"list={scenario.empty.pk}",
        f"list={scenario.tenth.pk}&status=stopped", f"list={scenario.mailing_list.pk}&status=stopped&q=nobody",
    ]  # fmt: skip
    index, bulk = reverse("subscriber_index"), reverse("bulk_create")
    yield from (f"{index}?{search}" for search in searches)
    yield from (f"{bulk}?{search}" for search in searches)
    for mailing_list in (scenario.mailing_list, scenario.tenth, scenario.empty):
        page = reverse("list_detail", args=[mailing_list.pk])
        yield page
        yield from (
            f"{page}?{search}" for search in ("status=stopped", "status=active", "q=nobody", f"before={middle}")
        )
    limit = reverse("list_limit_preview", args=[scenario.mailing_list.pk])
    yield f"{limit}?error_limit=1"
    for segment in scenario.segments:
        yield reverse("segment_detail", args=[segment.pk])
    yield reverse("import_detail", args=[scenario.csv_import.pk])


def measure(client: Client, path: str, rounds: int) -> Iterator[Page]:
    """Yield a page and, where it is a search that goes on, the slowest of its parts; nothing for what is no page."""
    if not is_page(client.get(path)):
        return
    yield measure_one(client, path, rounds)
    parts = [measure_one(client, part, 1) for part in follow(client, path)]
    if parts:
        slowest = max(parts, key=lambda page: page.ms)
        yield replace(slowest, path=f"{path} (slowest of {len(parts)} parts)")


def is_page(response: Any) -> bool:
    """Say whether an answer is a page and no download and no redirect."""
    return response.status_code == 200 and not response.streaming and "text/html" in response["Content-Type"]


def measure_one(client: Client, path: str, rounds: int) -> Page:
    """Return a page with its longest times."""
    longest, clock = 0.0, 0.0
    for _round in range(rounds):
        began, used = time.perf_counter(), cpu_seconds()
        client.get(path)
        longest, clock = max(longest, cpu_seconds() - used), max(clock, time.perf_counter() - began)
    with CaptureQueriesContext(connection) as captured:
        client.get(path)
    return Page(path, longest * 1000, clock * 1000, len(captured))


def cpu_seconds() -> float:
    """Return the CPU that this process and, of PostgreSQL, its backend have used (proc(5), schedstat)."""
    if connection.vendor == "sqlite":
        return time.process_time()
    backend = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    return time.process_time() + int(backend.read_text().split()[0]) / 1e9


def follow(client: Client, path: str) -> Iterator[str]:
    """Yield where a search goes on, as a browser asks for it, to its end."""
    response: HttpResponse | Any = client.get(path)
    for _part in range(MAX_PARTS):
        results = (response.context or {}).get("results")
        if results is None or results.found.is_complete:
            return
        part = path.split("?")[0] + results.part_url
        yield part
        response = client.get(part)

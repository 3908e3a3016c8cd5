"""What the benchmark of notices does in one database: makes deliveries, lets notices come in, measures."""

import itertools
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone
from rows import insert

from accounts.models import Workspace
from bounces.batches import process_batch
from bounces.intake import store_raw
from bounces.models import Bounce, Door, NoticeState, RawNotice
from bounces.processing import process, read
from bounces.tasks import BATCH
from campaigns.lanes import find_lane
from campaigns.models import Campaign, CampaignState, Delivery
from lists.models import MailingList, Subscriber
from mta import return_path
from mta.routes import RELAY

EMAILS = Path(__file__).resolve().parent.parent / "tests" / "emails"
# Recipients of one campaign, and of the workspace.
CAMPAIGN = 1_000_000
# Rows of one INSERT … SELECT.
CHUNK = 100_000
# The way without batches is slower; a part of the notices tells its speed.
PLAIN_SHARE = 5
# Of so many notices one leads to no delivery.
STRANGERS = 20
NOT_BOUNCES = ("auto-reply-japanese", "auto-reply-header", "postfix-delay", "ordinary-mail", "dmarc-report")


class Tables:
    """A workspace whose tables grow."""

    def __init__(self) -> None:
        self.workspace = Workspace.objects.create(name="ベンチマーク")
        MailingList.objects.create(workspace=self.workspace, name="ベンチマーク")
        self.lane = find_lane(self.workspace, route=RELAY, provider="other")
        self.people = 0
        self.rows = 0

    def grow(self, size: int) -> None:
        """Add rows until there are `size` deliveries: of one campaign after the other, to the same people."""
        self.add_people(min(size, CAMPAIGN))
        while self.rows < size:
            begun = self.rows % CAMPAIGN
            if not begun:
                self.campaign = Campaign.objects.create(
                    workspace=self.workspace, subject="お知らせ", text="本文", state=CampaignState.DONE
                )
            count = min(CHUNK, size - self.rows, CAMPAIGN - begun)
            self.add_deliveries(begun + 1, begun + count)
            self.rows += count
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")

    def add_people(self, size: int) -> None:
        """Add subscribers 1 to `size`; the number is part of the address."""
        while self.people < size:
            count = min(CHUNK, size - self.people)
            insert(
                Subscriber,
                {
                    "workspace_id": str(self.workspace.pk),
                    "address": "'reader' || n || '@example.jp'",
                    "address_key": "'reader' || n || '@example.jp'",
                    "name": "''",
                    "attributes": "'{}'",
                    "status": "'active'",
                    "stop_reason": "''",
                    "error_count": "0",
                    "created_at": "CURRENT_TIMESTAMP",
                    "updated_at": "CURRENT_TIMESTAMP",
                },
                self.people + 1,
                self.people + count,
            )
            self.people += count
        self.first_person = Subscriber.objects.order_by("pk").values_list("pk", flat=True)[0]

    def add_deliveries(self, first: int, last: int) -> None:
        """Add accepted deliveries of the newest campaign to people of these numbers."""
        insert(
            Delivery,
            {
                "workspace_id": str(self.workspace.pk),
                "campaign_id": str(self.campaign.pk),
                "subscriber_id": f"{self.first_person} + n - 1",
                "lane_id": str(self.lane.pk),
                "address": "'reader' || n || '@example.jp'",
                "address_key": "'reader' || n || '@example.jp'",
                "name": "''",
                "attributes": "'{}'",
                "mail_date": "CURRENT_TIMESTAMP",
                "state": "'sent'",
                "due_at": "CURRENT_TIMESTAMP",
                "attempts": "1",
                "resends": "0",
                "settled_at": "CURRENT_TIMESTAMP",
                **dict.fromkeys(("code", "kind", "reason", "phase", "rule", "text"), "''"),
            },
            first,
            last,
        )


class Post:
    """The mails that come in, each about a delivery that had none before."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.random = random.Random(1)  # noqa: S311  # Not for secrets, and the same in every run.
        self.used: set[int] = set()
        formats = [path.read_bytes() for path in sorted((EMAILS / "formats").glob("*.eml"))]
        others = [(EMAILS / f"{name}.eml").read_bytes() for name in NOT_BOUNCES]
        self.mails = itertools.cycle([*formats, *others])
        self.numbers = itertools.count(1)

    def write(self, count: int) -> list[tuple[bytes, str]]:
        """Return content and envelope recipient of `count` mails."""
        return [self.write_one() for _ in range(count)]

    def write_one(self) -> tuple[bytes, str]:
        number = next(self.numbers)
        pk = self.random.randint(1, self.tables.rows)
        while pk in self.used:
            pk = self.random.randint(1, self.tables.rows)
        self.used.add(pk)
        person = (pk - 1) % CAMPAIGN + 1
        content = b"X-Number: %d\n" % number + next(self.mails).replace(b"taro@", b"reader%d@" % person)
        if number % STRANGERS == 0:
            return content, f"stranger{number}@{settings.RETURN_DOMAIN}"
        return content, return_path.encode(pk, secret=settings.SECRET_KEY, domain=settings.RETURN_DOMAIN)


def measure(notices: int, post: Post) -> dict[str, float]:
    """Let notices come in and return the rates of each step, in notices a second of one process."""
    mails = post.write(notices)
    store = timed(lambda: [store_raw(content, envelope_to=to, door=Door.LMTP) for content, to in mails])
    waiting = list(RawNotice.objects.filter(state=NoticeState.NEW).order_by("pk"))
    parse = timed(lambda: [read(notice) for notice in waiting])
    ids = [notice.pk for notice in waiting]
    batches = timed(lambda: [process_batch(part, now=timezone.now()) for part in parts(ids)])
    few = post.write(notices // PLAIN_SHARE)
    singly = [store_raw(content, envelope_to=to, door=Door.LMTP).pk for content, to in few]
    plain = timed(lambda: [process(pk, now=timezone.now()) for pk in singly])
    counted = Bounce.objects.filter(notice__in=ids, applied=True).count()
    if RawNotice.objects.filter(state=NoticeState.NEW).exists() or counted < notices * 0.7:
        raise RuntimeError(f"of {notices} notices {counted} were counted")
    return {
        "deliveries": post.tables.rows,
        "store_per_second": rate(notices, store[0]),
        "parse_per_second": rate(notices, parse[0]),
        "match_and_count_per_second": rate(notices, batches[0] - parse[0]),
        "total_per_second": rate(notices, store[0] + batches[0]),
        "plain_process_per_second": rate(len(few), plain[0]),
        "batch_process_per_second": rate(notices, batches[0]),
        "store_cpu_ms": round(1000 * store[1] / notices, 2),
        "parse_cpu_ms": round(1000 * parse[1] / notices, 2),
        "match_and_count_cpu_ms": round(1000 * (batches[1] - parse[1]) / notices, 2),
        "per_cpu_second": rate(notices, store[1] + batches[1]),
    }


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that `run` takes by the clock, and of this process's CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def parts(ids: list[int]) -> Iterator[list[int]]:
    """Yield batches as the tick hands them out."""
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def rate(count: int, seconds: float) -> float:
    """Return how many a second."""
    return round(count / seconds, 1)


def run(notices: int, sizes: list[int]) -> list[dict[str, float]]:
    """Measure at each size and return a row for each."""
    tables, rows = Tables(), []
    for size in sizes:
        tables.grow(size)
        rows.append(measure(notices, Post(tables)))
    return rows

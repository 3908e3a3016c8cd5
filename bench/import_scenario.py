"""What the import benchmark does in one database: writes files, imports them barely and by our way, measures."""

import csv
import json
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import mean
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone

from accounts.models import Workspace
from lists.csv_import import Choice, create_import, queue_import
from lists.csv_reading import Format
from lists.import_running import approve_import, work_on
from lists.loading import load_rows
from lists.models import CsvImport, ImportMode, ImportState, MailingList, Subscriber

COMMON = ("gmail.com", "yahoo.co.jp", "docomo.ne.jp", "ezweb.ne.jp", "softbank.ne.jp", "i.softbank.jp", "icloud.com",
          "outlook.jp", "nifty.com")  # fmt: skip
OTHERS = 20_000
NAMES = ("山田 太郎", "鈴木 花子", "佐藤 健一", "高橋 美咲", "田中 恵子", "伊藤 翔", "渡辺 直樹")
HEADER = ("メールアドレス", "氏名", "会社名", "会員番号", "都道府県")
ATTRIBUTES = HEADER[2:]
PREFECTURES = ("東京都", "大阪府", "北海道", "京都府", "沖縄県")
STEPS = {"empty": ImportMode.MERGE, "again": ImportMode.MERGE, "replacement": ImportMode.REPLACE}
# Of the replacement: every tenth row is changed, and one in a hundred of the addresses is another one.
CHANGED, EXCHANGED = 10, 100
# Seconds between two looks at how long another process has to wait.
PROBE = 0.02

STAGED = ("workspace", "address", "name", "attributes")
MAKE_STAGING = "CREATE {unlogged} TABLE bench_staging (workspace bigint, address varchar(320), name varchar(200), attributes {json})"
UPSERT = """
INSERT INTO lists_subscriber (workspace_id, address, address_key, name, attributes, status, stop_reason, error_count,
    created_at, updated_at)
SELECT workspace, address, address, name, attributes, 'active', '', 0, %(now)s, %(now)s FROM bench_staging WHERE TRUE
ON CONFLICT (workspace_id, address_key) DO UPDATE
SET address = excluded.address, name = excluded.name, attributes = excluded.attributes, updated_at = excluded.updated_at
"""
PLACE = """
INSERT INTO lists_subscription (mailing_list_id, subscriber_id, created_at)
SELECT %(list)s, x.id, %(now)s FROM bench_staging AS s
JOIN lists_subscriber AS x ON x.workspace_id = s.workspace AND x.address_key = s.address WHERE TRUE
ON CONFLICT (mailing_list_id, subscriber_id) DO NOTHING
"""
CONSENT = """
INSERT INTO lists_consent (subscriber_id, mailing_list_id, source, at, evidence)
SELECT p.subscriber_id, p.mailing_list_id, 'csv', %(now)s, 'bench.csv' FROM lists_subscription AS p
WHERE p.mailing_list_id = %(list)s AND p.created_at = %(now)s
"""
REMOVE = """
DELETE FROM lists_subscription WHERE mailing_list_id = %(list)s AND subscriber_id NOT IN (
    SELECT x.id FROM bench_staging AS s
    JOIN lists_subscriber AS x ON x.workspace_id = s.workspace AND x.address_key = s.address
)
"""


def write_file(path: Path, rows: int, encoding: str, *, changed: bool) -> None:
    """Write a list of so many people."""
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number in range(rows):
            kind = number % 10
            domain = COMMON[kind] if kind < len(COMMON) else f"shop{number // 10 % OTHERS}.example.jp"
            # In the order in which people came, not of their addresses.
            who = number * 7_919 % rows if rows % 7_919 else number
            is_other = changed and number % EXCHANGED == 5
            company = "みほん商店 本店" if changed and number % CHANGED == 0 else "みほん商店"
            address = f"{'new' if is_other else 'reader'}{who}@{domain}"
            row = (address, NAMES[number % 7], company, f"A-{number:07}", PREFECTURES[number % 5])
            writer.writerow(row)


class Side:
    """A workspace with one list, into which the files are imported one after the other."""

    def __init__(self, name: str) -> None:
        self.workspace = Workspace.objects.create(name=name)
        self.mailing_list = MailingList.objects.create(workspace=self.workspace, name=name)

    def import_barely(self, path: Path, encoding: str, step: str, *, with_consents: bool) -> float:
        """Load and upsert a file in one transaction; return the seconds it took."""
        values = {"now": connection.ops.adapt_datetimefield_value(timezone.now()), "list": self.mailing_list.pk}
        begun = time.perf_counter()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM bench_staging" if connection.vendor == "sqlite" else "TRUNCATE bench_staging")
            with path.open(encoding=encoding, newline="") as file:
                load_rows("bench_staging", STAGED, self.read_barely(csv.reader(file)))
            if connection.vendor == "postgresql":
                cursor.execute("SET LOCAL work_mem = '64MB'")
                cursor.execute("ANALYZE bench_staging")
            cursor.execute(UPSERT, values)
            cursor.execute(PLACE, values)
            if with_consents:
                cursor.execute(CONSENT, values)
            if STEPS[step] == ImportMode.REPLACE:
                cursor.execute(REMOVE, values)
        return time.perf_counter() - begun

    def read_barely(self, rows: Iterator[list[str]]) -> Iterator[tuple[int, str, str, str]]:
        """Yield what is stored of each row, as it stands in the file."""
        next(rows)
        for address, name, *values in rows:
            yield self.workspace.pk, address, name, json.dumps(dict(zip(ATTRIBUTES, values, strict=True)))

    def upload(self, path: Path, step: str) -> CsvImport:
        """Store a file and queue it."""
        with path.open("rb") as file:
            csv_import = create_import(self.mailing_list, File(file, name="bench.csv"), None)
        layout = Format(csv_import.encoding, csv_import.separator, csv_import.has_header)
        queue_import(csv_import, Choice(layout, csv_import.columns, STEPS[step]), None)
        return csv_import

    def import_ours(self, path: Path, step: str) -> float:
        """Check and run an import; return the seconds it took from the end of the upload to the end."""
        csv_import = self.upload(path, step)
        begun = time.perf_counter()
        work_on(csv_import.pk, now=timezone.now())
        approve_import(csv_import, actor=None)
        work_on(csv_import.pk, now=timezone.now())
        seconds = time.perf_counter() - begun
        csv_import.refresh_from_db()
        if csv_import.state != ImportState.DONE:
            raise RuntimeError(f"the import ended as {csv_import.state}: {csv_import.message}")
        return seconds

    def require(self, rows: int) -> None:
        """Raise RuntimeError unless everybody is on the list."""
        found = self.mailing_list.subscriptions.count()
        if found != rows:
            raise RuntimeError(f"{found} on the list instead of {rows}")


def in_child(work: Callable[[], Any]) -> tuple[Any, float]:
    """Run `work` in a process of its own; return its result and the most memory that it held, in MB."""
    connections.close_all()
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def run() -> None:
        result = work()
        connections.close_all()
        sender.send((result, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))

    child = context.Process(target=run)
    child.start()
    sender.close()
    try:
        told: tuple[Any, float] = receiver.recv()
    finally:
        child.join()
    return told


def probe(subscriber_id: int, stop: Connection) -> float:
    """Until told to stop, lock a subscriber as whoever counts an error does; return the longest wait in seconds."""
    longest = 0.0
    while not stop.poll(PROBE):
        begun = time.perf_counter()
        while not lock_once(subscriber_id):
            # SQLite gives up after its time-out; whoever waits tries again.
            continue
        longest = max(longest, time.perf_counter() - begun)
    return longest


def lock_once(subscriber_id: int) -> bool:
    """Lock a subscriber and let it go; False where the database gave up waiting."""
    try:
        with transaction.atomic():
            list(Subscriber.objects.select_for_update(no_key=True).filter(pk=subscriber_id).values_list("pk"))
    except OperationalError:
        return False
    return True


def while_probed(subscriber_id: int | None, work: Callable[[], Any]) -> tuple[Any, float]:
    """Run `work` while another process locks a subscriber over and over; return its result and the longest wait."""
    if subscriber_id is None:
        return work(), 0.0
    context = multiprocessing.get_context("fork")
    stopped, stop = context.Pipe(duplex=False)
    told, tell = context.Pipe(duplex=False)
    connections.close_all()
    prober = context.Process(target=lambda: tell.send(probe(subscriber_id, stopped)))
    prober.start()
    try:
        result = work()
    finally:
        stop.send(None)
        longest: float = told.recv()
        prober.join()
    return result, longest


def tidy() -> None:
    """Leave no work of the last step to the next one."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)" if connection.vendor == "sqlite" else "CHECKPOINT")
    connections.close_all()


def run(rows: int, encoding: str) -> dict[str, Any]:
    """Measure ours between two bare ones, step by step."""
    folder = Path(settings.DATA_DIR)
    files = {step: folder / f"{step}.csv" for step in ("empty", "replacement")}
    for step, path in files.items():
        write_file(path, rows, encoding, changed=step == "replacement")
    files["again"] = files["empty"]
    with connection.cursor() as cursor:
        is_sqlite = connection.vendor == "sqlite"
        cursor.execute(
            MAKE_STAGING.format(unlogged="" if is_sqlite else "UNLOGGED", json="text" if is_sqlite else "jsonb")
        )
    before, ours, after = Side("before"), Side("ours"), Side("after")
    bare: dict[str, list[float]] = {step: [] for step in STEPS}
    consents: dict[str, list[float]] = {step: [] for step in STEPS}
    result: dict[str, Any] = {"rows": rows, "encoding": encoding, "bytes": files["empty"].stat().st_size}
    measure_bare(before, files, encoding, bare, with_consents=False)
    measure_bare(Side("before, with consents"), files, encoding, consents, with_consents=True)
    for step in STEPS:
        probed = Subscriber.objects.filter(workspace=ours.workspace).order_by("pk").values_list("pk", flat=True).first()
        (measured, memory), longest = while_probed(
            probed, lambda step=step: in_child(lambda: ours.import_ours(files[step], step))
        )
        ours.require(rows)
        tidy()
        result[step] = {"seconds": measured, "memory_mb": round(memory), "longest_wait_seconds": round(longest, 3)}
    measure_bare(after, files, encoding, bare, with_consents=False)
    for step in STEPS:
        told = result[step]
        told["bare_seconds"] = [round(seconds, 2) for seconds in bare[step]]
        told["bare_with_consents_seconds"] = [round(seconds, 2) for seconds in consents[step]]
        told["ratio"] = round(told["seconds"] / mean(bare[step]), 2)
        told["ratio_with_consents"] = round(told["seconds"] / mean(consents[step]), 2)
        told["seconds"] = round(told["seconds"], 2)
    return result


def measure_bare(
    side: Side, files: dict[str, Path], encoding: str, seconds: dict[str, list[float]], *, with_consents: bool
) -> None:
    """Take the three files into one workspace by the bare way."""
    for step in STEPS:
        took, _memory = in_child(
            lambda step=step: side.import_barely(files[step], encoding, step, with_consents=with_consents)
        )
        seconds[step].append(took)
        tidy()

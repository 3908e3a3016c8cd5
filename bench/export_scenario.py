"""What the exporting benchmark does in one database: fills a list, reads it barely and by our ways, measures."""

import csv
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from pathlib import Path
from statistics import median
from typing import Any, cast

from django.db import connection

from accounts.models import Workspace
from lists.exporting import CP932, CSV, XLSX, stream
from lists.loading import load_rows
from lists.models import AttributeDefinition, MailingList, Subscriber, Subscription
from lists.people_export import list_table

ATTRIBUTES = ("会員番号", "都道府県", "ランク", "電話番号")
PREFECTURES = ("東京都", "神奈川県", "大阪府", "北海道", "福岡県")
BATCH = 50_000
# The people of a list as they are stored: what a COPY of somebody who knows the tables would name.
BARE = """
SELECT s.address, s.name, {attributes}, s.status, s.stop_reason, s.created_at
FROM lists_subscriber s JOIN lists_subscription p ON p.subscriber_id = s.id
WHERE p.mailing_list_id = {mailing_list} ORDER BY s.id
"""


def run(rows: int, rounds: int) -> dict[str, Any]:
    """Fill a list, then measure each way in turn."""
    mailing_list = fill(rows)
    bare = bare_statement(mailing_list)
    ways: dict[str, Callable[[], Iterable[bytes]]] = {
        "bare": lambda: read_barely(bare),
        "csv": lambda: download(mailing_list, CSV),
        "cp932": lambda: download(mailing_list, CP932),
        "xlsx": lambda: download(mailing_list, XLSX),
    }
    if connection.vendor == "postgresql":
        # The server alone: nothing is sent, nothing is read.
        ways["bare_to_null"] = lambda: copy_to_null(bare)
    held_before = forget_peak()
    measured: dict[str, list[tuple[float, float, int]]] = {name: [] for name in ways}
    for _round in range(rounds):
        for name, way in ways.items():
            measured[name].append(drain(way()))
    result: dict[str, Any] = {"rows": rows, "rounds": rounds}
    for name, figures in measured.items():
        result[f"{name}_seconds"] = round(median(seconds for seconds, _first, _size in figures), 2)
        result[f"{name}_mb"] = round(figures[0][2] / 1e6, 1)
    for name in (CSV, CP932, XLSX):
        result[f"{name}_first_byte_ms"] = round(median(first for _seconds, first, _size in measured[name]) * 1000, 1)
    pairs = zip(measured["csv"], measured["bare"], strict=True)
    result["ratio"] = round(median(ours[0] / bare[0] for ours, bare in pairs), 2)
    result["memory_mb"] = round(memory_mb() - held_before, 1)
    return result


def fill(rows: int) -> MailingList:
    """Return a list of so many subscribers with four attributes, one in ten of them stopped."""
    workspace = Workspace.objects.create(name="ベンチマーク")
    for position, name in enumerate(ATTRIBUTES):
        AttributeDefinition.objects.create(workspace=workspace, name=name, label=name, position=position)
    mailing_list = MailingList.objects.create(workspace=workspace, name="ベンチマーク")
    columns = ("id", "workspace_id", "address", "address_key", "name", "attributes", "status", "stop_reason")
    columns += ("stopped_at", "error_count", "created_at", "updated_at")
    for first in range(1, rows + 1, BATCH):
        numbers = range(first, min(first + BATCH, rows + 1))
        load_rows(Subscriber._meta.db_table, columns, (person(number, workspace) for number in numbers))
        places = ((mailing_list.pk, number, "2026-04-01 00:00:00+00:00") for number in numbers)
        load_rows(Subscription._meta.db_table, ("mailing_list_id", "subscriber_id", "created_at"), places)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    return mailing_list


def person(number: int, workspace: Workspace) -> tuple[object, ...]:
    """Return the values of a subscriber."""
    address = f"reader{number}@shop{number % 20_000}.example.jp"
    values = (f"A-{number:07}", PREFECTURES[number % 5], "金銀銅"[number % 3], f"03-{number % 10_000:04}-0000")
    attributes = json.dumps(dict(zip(ATTRIBUTES, values, strict=True)))
    at = f"2026-04-{number % 28 + 1:02} {number % 24:02}:00:00+00:00"
    is_stopped = number % 10 == 0
    state = ("stopped", "errors", at, 3) if is_stopped else ("active", "", None, 0)
    return (number, workspace.pk, address, address, f"山田 花子{number % 1000}", attributes, *state, at, at)


def bare_statement(mailing_list: MailingList) -> str:
    """Return the statement of the bare way, the same columns and rows in the same order."""
    if connection.vendor == "postgresql":
        attributes = ", ".join(f"s.attributes ->> '{name}'" for name in ATTRIBUTES)
    else:
        # As text: whoever parses the JSON is not bare any more.
        attributes = "s.attributes"
    return BARE.format(attributes=attributes, mailing_list=mailing_list.pk)


def read_barely(statement: str) -> Iterator[bytes]:
    """Yield the rows as the database's own way writes them."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT csv)") as copy:
                yield from copy
            return
        plain = connection.connection.execute(statement)
        buffer = StringIO()
        writer = csv.writer(buffer)
        while rows := plain.fetchmany(500):
            writer.writerows(rows)
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()


def copy_to_null(statement: str) -> Iterator[bytes]:
    """Let the server write the rows where they vanish."""
    with connection.cursor() as cursor:
        cursor.execute(f"COPY ({statement}) TO '/dev/null' (FORMAT csv)")
    yield b""


def download(mailing_list: MailingList, kind: str) -> Iterable[bytes]:
    """Return what a person downloads, with the columns that are chosen at first."""
    table = list_table(mailing_list)
    names = [column.name for column in table.columns if column.is_default]
    return cast(Iterable[bytes], stream(table, names, kind).streaming_content)


def drain(pieces: Iterable[bytes]) -> tuple[float, float, int]:
    """Read to the end; return the seconds it took, the seconds to the first piece, and the bytes."""
    began = time.perf_counter()
    first, size = 0.0, 0
    for piece in pieces:
        first = first or time.perf_counter() - began
        size += len(piece)
    return time.perf_counter() - began, first, size


def forget_peak() -> float:
    """Let the kernel forget the most memory that the process held so far (proc(5)); return what it holds, in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory_mb()


def memory_mb() -> float:
    """Return the most memory that the process held since then, in MB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0

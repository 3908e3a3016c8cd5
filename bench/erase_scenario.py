"""What the benchmark of erasing does in one database: fills a workspace, erases some of its people, measures."""

import time
from typing import Any

from django.db import connection
from django.db.models import Model
from django.utils import timezone
from freeze_scenario import Scenario
from rows import insert

from accounts.models import AuditEntry
from bounces.bulk_erasing import ERASED_AT_ONCE
from bounces.erasing import ERASERS, erase_people
from campaigns.models import Delivery, DeliveryState
from lists.erasing import erase
from lists.models import Consent, CsvImport, RejectedRow, Subscriber
from lists.sweeping import sweep_due

# What one person has.
MAILINGS = 5
ENTRIES = 3
# Of so many people one has a refused row.
REFUSED = 10
# Single people that are erased for the median of their times.
SINGLE = 20


class ErasingScenario(Scenario):
    """A workspace with one list, whose people got mails, and about whom people did things."""

    def __init__(self, people: int) -> None:
        super().__init__(people)
        for _number in range(MAILINGS):
            self.copy_barely()
        Delivery.objects.update(state=DeliveryState.SENT)
        self.write_log()
        self.refuse_rows()
        self.tidy()

    def write_log(self) -> None:
        """Write down what was done to each person, as bulk actions do, and what each agreed to."""
        for _number in range(ENTRIES):
            entry = AuditEntry(workspace=self.workspace, at=timezone.now(), action="subscriber.listed")
            copy_people(entry, {"target": "address"})
        consent = Consent(
            mailing_list=self.mailing_list,
            list_name="",
            source="csv",
            at=timezone.now(),
            evidence="meibo.csv",
            text_version="",
        )
        copy_people(consent, {"subscriber_id": "id"})

    def refuse_rows(self) -> None:
        """Have the rows of some people refused; each holds a whole line of the file."""
        csv_import = CsvImport.objects.create(
            workspace=self.workspace,
            mailing_list=self.mailing_list,
            filename="meibo.csv",
            encoding="utf-8",
            state="done",
        )
        values = {"csv_import_id": str(csv_import.pk), "line": "n", "reason": "'列の数が違います'", "code": "''",
                  "value": "'山田 太郎,reader' || n || '@gmail.com,東京都千代田区'"}  # fmt: skip
        insert(RejectedRow, values, 1, self.recipients // REFUSED)


def copy_people(row: Model, copied: dict[str, str]) -> None:
    """Insert a row for each subscriber; `copied` names the columns that come from it."""
    fields = [field for field in row._meta.concrete_fields if not field.primary_key]
    own = [field for field in fields if field.attname not in copied]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {row._meta.db_table} ({', '.join(connection.ops.quote_name(field.column) for field in fields)}) "  # noqa: S608
            f"SELECT {', '.join(copied.get(field.attname, '%s') for field in fields)} FROM {Subscriber._meta.db_table}",
            [field.get_db_prep_save(getattr(row, field.attname), connection) for field in own],
        )


def run(people: int, erased: int) -> dict[str, Any]:
    """Fill the database, erase and measure; return the figures."""
    scenario = ErasingScenario(people)
    workspace, now = scenario.workspace, timezone.now()
    # Those of one stretch, as a search by date finds them.
    ids = list(Subscriber.objects.order_by("pk").values_list("pk", flat=True)[: erased + SINGLE])
    single, many = ids[:SINGLE], ids[SINGLE:]
    pieces, ones, cpu = [], [], time.process_time()
    for start in range(0, len(many), ERASED_AT_ONCE):
        begun = time.perf_counter()
        erase(many[start : start + ERASED_AT_ONCE], workspace=workspace, actor=None, now=now, bulk=1, also=ERASERS)
        pieces.append(time.perf_counter() - begun)
    cpu = time.process_time() - cpu
    begun = time.perf_counter()
    sweep_due(now)
    sweep = time.perf_counter() - begun
    for pk in single:
        begun = time.perf_counter()
        erase_people([pk], workspace=workspace, actor=None, now=now)
        ones.append(time.perf_counter() - begun)
    return {
        "people": people,
        "erased": len(many),
        "erase_ms": round(sum(pieces) / len(many) * 1000, 2),
        "erase_cpu_ms": round(cpu / len(many) * 1000, 2),
        "piece_ms": round(max(pieces) * 1000),
        "rejected": RejectedRow.objects.count(),
        "sweep_s": round(sweep, 2),
        "one_ms": round(sorted(ones)[len(ones) // 2] * 1000, 1),
    }

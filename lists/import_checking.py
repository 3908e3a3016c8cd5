"""The dry run of an import: reads the whole file, compares it with the list and says what importing it would do."""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from lists.csv_merge import require_rows
from lists.csv_staging import stage_rows
from lists.exceptions import ClaimLost, ImportCancelled, ListsError
from lists.import_claims import Claim, claim_check
from lists.import_hints import KEY, find_hints
from lists.import_leftovers import delete_file, drop_staged
from lists.import_matching import MergeCounts, count_matched, match_rows, values_for
from lists.models import CsvImport, ErasedAddress, ImportMode, ImportState, MailingList

logger = logging.getLogger(__name__)

# Rows that are shown of each sort.
SAMPLES = 5

NEW = """
SELECT s.line, s.address FROM lists_stagedrow AS s
WHERE s.csv_import_id = %(csv_import)s AND (s.subscriber_id IS NULL OR NOT {on_list}) LIMIT %(samples)s
"""
UPDATED = """
SELECT s.line, s.address FROM lists_stagedrow AS s
WHERE s.csv_import_id = %(csv_import)s AND s.is_changed AND {on_list} LIMIT %(samples)s
"""
UNCHANGED = """
SELECT s.line, s.address FROM lists_stagedrow AS s
WHERE s.csv_import_id = %(csv_import)s AND NOT s.is_changed AND {on_list} LIMIT %(samples)s
"""
ON_LIST = """
EXISTS (
    SELECT 1 FROM lists_subscription AS p
    WHERE p.mailing_list_id = %(mailing_list)s AND p.subscriber_id = s.subscriber_id
)
"""
STOPPED = """
SELECT s.line, x.address FROM lists_subscriber AS x
JOIN lists_stagedrow AS s ON s.csv_import_id = %(csv_import)s AND s.address_key = x.address_key
WHERE x.workspace_id = %(workspace)s AND x.status = 'stopped' LIMIT %(samples)s
"""
# These stand in no line of the file.
REMOVED = """
SELECT 0, x.address FROM lists_subscription AS p JOIN lists_subscriber AS x ON x.id = p.subscriber_id
WHERE p.mailing_list_id = %(mailing_list)s AND NOT EXISTS (
    SELECT 1 FROM lists_stagedrow AS s
    WHERE s.csv_import_id = %(csv_import)s AND s.address_key = x.address_key
) LIMIT %(samples)s
"""
SORTS = {"new": NEW, "updated": UPDATED, "unchanged": UNCHANGED, "removed": REMOVED, "stopped": STOPPED}


@dataclass(frozen=True, slots=True)
class Forecast:
    """What importing a file would do, with examples.

    `rejected` is by RejectReason, without the duplicates; `stopped` are among new, updated and unchanged, and
    `unsubscribed` among the stopped. `samples` are (line, address); those that are removed have line 0.
    """

    total: int = 0
    new: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    stopped: int = 0
    unsubscribed: int = 0
    duplicate: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    samples: dict[str, list[tuple[int, str]]] = field(default_factory=dict)


def forecast(csv_import: CsvImport) -> Forecast:
    """Return what the dry run of an import found; everything is 0 before it."""
    known = {name: csv_import.forecast[name] for name in Forecast.__slots__ if name in csv_import.forecast}
    return Forecast(**known)


def check_import(import_id: int, *, now: datetime) -> bool:
    """Do the dry run of an import that waits for it; False where it does not wait or another process took over.

    Ends in CHECKED with the forecast and the staged rows kept for the run; in FAILED with a sentence where the file
    cannot be imported; in CANCELLED where somebody asked for that. Any other error is raised and leaves the import to
    be claimed again. The list is never touched.
    """
    claim = claim_check(import_id, now=now)
    if claim is None:
        return False
    csv_import = CsvImport.objects.select_related("mailing_list", "workspace").get(pk=import_id)
    return work(csv_import, claim, lambda: _check(csv_import, claim, now), now=now)


def work(csv_import: CsvImport, claim: Claim, run: Callable[[], None], *, now: datetime) -> bool:
    """Do the work of a claim; what people can be told ends the import with a sentence. False where it was taken over."""
    try:
        run()
    except ClaimLost:
        logger.warning("import %d was taken over while attempt %d ran", claim.import_id, claim.attempt)
        return False
    except ImportCancelled:
        _end(claim, ImportState.CANCELLED, "", now)
        drop_staged(csv_import.pk)
        delete_file(csv_import)
    except FileNotFoundError:
        sentence = _("アップロードされたファイルが見つかりません。もう一度アップロードしてください。")
        _end(claim, ImportState.FAILED, sentence, now)
        drop_staged(csv_import.pk)
    except ListsError as error:
        _end(claim, ImportState.FAILED, error.sentence, now)
        drop_staged(csv_import.pk)
    return True


def _end(claim: Claim, state: ImportState, sentence: str, now: datetime) -> None:
    logger.info("import %d ended: %s %s", claim.import_id, state, sentence)
    claim.end(state=state, message=sentence[:500], finished_at=now)


def _check(csv_import: CsvImport, claim: Claim, now: datetime) -> None:
    stage_and_note(csv_import, claim, now=now)
    match_rows(csv_import, claim)
    counts = count_matched(csv_import)
    require_rows(csv_import, counts)
    generation = MailingList.everything.values_list("generation", flat=True).get(pk=csv_import.mailing_list_id)
    found = Forecast(
        total=csv_import.rows_total,
        new=counts.new,
        updated=counts.updated,
        unchanged=counts.unchanged,
        removed=counts.removed,
        stopped=counts.stopped,
        unsubscribed=counts.unsubscribed,
        duplicate=csv_import.rows_duplicate,
        rejected=csv_import.forecast["rejected"],
        samples=find_samples(csv_import, counts),
    )
    claim.renew(
        state=ImportState.CHECKED,
        hinted_until=None,
        checked_generation=generation,
        forecast=csv_import.forecast | asdict(found) | {KEY: find_hints(csv_import)},
    )


def stage_and_note(csv_import: CsvImport, claim: Claim, *, now: datetime) -> None:
    """Fill the staging table and note in the forecast what only the reading of the file tells."""
    erased = count_erased(csv_import)
    reasons = stage_rows(csv_import, claim, now=now)
    csv_import.forecast = csv_import.forecast | {"rejected": dict(reasons), "erased_addresses": erased}
    claim.renew(forecast=csv_import.forecast)


def count_erased(csv_import: CsvImport) -> int:
    """Return how many addresses of the workspace were erased: a file that was read before has to be read again."""
    return ErasedAddress.objects.filter(workspace=csv_import.workspace_id).count()


def find_samples(csv_import: CsvImport, counts: MergeCounts) -> dict[str, list[tuple[int, str]]]:
    """Return a few rows of each sort that there is, in the order of the file."""
    values: dict[str, Any] = values_for(csv_import) | {"samples": SAMPLES}
    samples: dict[str, list[tuple[int, str]]] = {}
    with transaction.atomic(), connection.cursor() as cursor:
        for sort, sql in SORTS.items():
            if getattr(counts, sort) and (sort != "removed" or csv_import.mode == ImportMode.REPLACE):
                cursor.execute(sql.replace("{on_list}", ON_LIST), values)
                samples[sort] = sorted((line, address) for line, address in cursor.fetchall())
    return samples

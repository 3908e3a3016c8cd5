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
from lists.exceptions import ClaimLost, DryRunOutdated, ImportCancelled, ListsError
from lists.import_claims import Claim, claim_check
from lists.import_erased import note_erasures
from lists.import_hints import KEY, find_hints
from lists.import_leftovers import delete_file, drop_staged
from lists.import_matching import KEEPS, MERGES, MergeCounts, count_matched, match_rows, values_for
from lists.models import CsvImport, ImportState, MailingList

logger = logging.getLogger(__name__)

# Rows that are shown of each sort.
SAMPLES = 5

ON_LIST = """
EXISTS (
    SELECT 1 FROM lists_subscription AS p
    WHERE p.mailing_list_id = %(mailing_list)s AND p.subscriber_id = s.subscriber_id
)
"""
NEW = f"""
SELECT s.line, s.address FROM lists_stagedrow AS s
WHERE s.csv_import_id = %(csv_import)s AND {MERGES} AND (s.subscriber_id IS NULL OR NOT {ON_LIST}) LIMIT %(samples)s
"""  # noqa: S608
UPDATED = f"""
SELECT s.line, s.address FROM lists_stagedrow AS s
WHERE s.csv_import_id = %(csv_import)s AND {MERGES} AND s.is_changed AND {ON_LIST} LIMIT %(samples)s
"""  # noqa: S608
UNCHANGED = f"""
SELECT s.line, s.address FROM lists_stagedrow AS s
WHERE s.csv_import_id = %(csv_import)s AND {MERGES} AND NOT s.is_changed AND {ON_LIST} LIMIT %(samples)s
"""  # noqa: S608
STOPPED = f"""
SELECT s.line, x.address FROM lists_subscriber AS x CROSS JOIN lists_stagedrow AS s
WHERE x.workspace_id = %(workspace)s AND x.status = 'stopped'
AND s.csv_import_id = %(csv_import)s AND s.address_key = x.address_key AND {MERGES} LIMIT %(samples)s
"""  # noqa: S608
KEPT = f"""
SELECT s.line, x.address FROM lists_stagedrow AS s
JOIN lists_subscriber AS x ON x.workspace_id = %(workspace)s AND x.address_key = s.address_key
JOIN lists_subscription AS p ON p.mailing_list_id = %(mailing_list)s AND p.subscriber_id = x.id
WHERE s.csv_import_id = %(csv_import)s AND {KEEPS} LIMIT %(samples)s
"""  # noqa: S608
# These stand in no line of the file.
REMOVED = """
SELECT 0, x.address FROM lists_subscription AS p JOIN lists_subscriber AS x ON x.id = p.subscriber_id
WHERE p.mailing_list_id = %(mailing_list)s AND NOT EXISTS (
    SELECT 1 FROM lists_stagedrow AS s
    WHERE s.csv_import_id = %(csv_import)s AND s.address_key = x.address_key
) LIMIT %(samples)s
"""
SORTS = {
    "new": NEW,
    "updated": UPDATED,
    "unchanged": UNCHANGED,
    "removed": REMOVED,
    "kept": KEPT,
    "stopped": STOPPED,
}


@dataclass(frozen=True, slots=True)
class Forecast:
    """What importing a file would do, with examples.

    `rejected` is by RejectReason, without the duplicates; `kept` are people whom only refused rows name and who stay on
    the list in spite of a 差し替え. `stopped` are among new, updated and unchanged, and `unsubscribed` among the stopped.
    `samples` are (line, address); those that are removed have line 0.
    """

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    kept: int = 0
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
        # Times in a file that name no zone are by the workspace's clock.
        with csv_import.workspace.in_zone():
            _work(csv_import, claim, run, now)
    except ClaimLost:
        logger.warning("import %d was taken over while attempt %d ran", claim.import_id, claim.attempt)
        return False
    return True


def _work(csv_import: CsvImport, claim: Claim, run: Callable[[], None], now: datetime) -> None:
    try:
        run()
    except ClaimLost:
        raise
    except ImportCancelled:
        _end(claim, ImportState.CANCELLED, "", now)
        delete_file(csv_import)
    except FileNotFoundError:
        _end(
            claim,
            ImportState.FAILED,
            _("アップロードされたファイルが見つかりません。もう一度アップロードしてください。"),
            now,
        )
    except DryRunOutdated:
        # What was agreed to is not what would be done.
        claim.end(state=ImportState.WAITING, hinted_until=None)
        return
    except ListsError as error:
        _end(claim, ImportState.FAILED, error.sentence, now)
    else:
        return
    drop_staged(csv_import.pk)


def _end(claim: Claim, state: ImportState, sentence: str, now: datetime) -> None:
    logger.info("import %d ended: %s %s", claim.import_id, state, sentence)
    claim.end(state=state, message=sentence[:500], finished_at=now)


def _check(csv_import: CsvImport, claim: Claim, now: datetime) -> None:
    stage_and_note(csv_import, claim, now=now)
    match_rows(csv_import, claim)
    generation = MailingList.everything.values_list("generation", flat=True).get(pk=csv_import.mailing_list_id)
    # Each of these may take a minute where millions of rows are compared.
    claim.renew()
    counts = count_matched(csv_import)
    require_rows(csv_import, counts)
    claim.renew()
    samples = find_samples(csv_import, counts)
    claim.renew()
    found = Forecast(
        new=counts.new,
        updated=counts.updated,
        unchanged=counts.unchanged,
        removed=counts.removed,
        kept=counts.kept,
        stopped=counts.stopped,
        unsubscribed=counts.unsubscribed,
        duplicate=csv_import.rows_duplicate,
        rejected=csv_import.forecast["rejected"],
        samples=samples,
    )
    claim.renew(
        state=ImportState.CHECKED,
        hinted_until=None,
        checked_generation=generation,
        forecast=csv_import.forecast | asdict(found) | {KEY: find_hints(csv_import)},
    )


def stage_and_note(csv_import: CsvImport, claim: Claim, *, now: datetime) -> None:
    """Fill the staging table and note in the forecast what only the reading of the file tells."""
    erasures = note_erasures(csv_import.workspace_id)
    reasons = stage_rows(csv_import, claim, now=now)
    csv_import.forecast = csv_import.forecast | {"rejected": dict(reasons), "erasures": erasures}
    claim.renew(forecast=csv_import.forecast)


def find_samples(csv_import: CsvImport, counts: MergeCounts) -> dict[str, list[tuple[int, str]]]:
    """Return a few rows of each sort that there is; which ones, the database chooses."""
    values: dict[str, Any] = values_for(csv_import) | {"samples": SAMPLES}
    samples: dict[str, list[tuple[int, str]]] = {}
    with transaction.atomic(), connection.cursor() as cursor:
        for sort, sql in SORTS.items():
            if getattr(counts, sort):
                cursor.execute(sql, values)
                samples[sort] = sorted((line, address) for line, address in cursor.fetchall())
    return samples

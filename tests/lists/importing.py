"""Whole imports for tests: dry run, approval and run in one go."""

from datetime import datetime

from lists.import_running import approve_import, work_on
from lists.models import CsvImport, ImportState


def apply_import(import_id: int, *, now: datetime) -> bool:
    """Check a queued import and run it, as its tasks do; False where there was nothing to do or its list is busy."""
    worked = work_on(import_id, now=now)
    csv_import = CsvImport.objects.select_related("workspace", "mailing_list", "created_by").get(pk=import_id)
    is_waiting = approve_import(csv_import, actor=csv_import.created_by) or csv_import.state == ImportState.QUEUED
    return work_on(import_id, now=now) if is_waiting else worked

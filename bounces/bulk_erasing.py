"""Erases many people as a bulk action: here, since erasing reaches into the tables of all apps below."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from bounces.erasing import ERASERS
from lists.bulk_actions import Act
from lists.erasing import erase
from lists.models import BulkAction, BulkJob

# People of one transaction: erasing reaches into all their mails.
ERASED_AT_ONCE = 200


def erase_piece(job: BulkJob, ids: Sequence[int], now: datetime) -> int:
    """Erase some subscribers within the transaction of the job's piece; return how many."""
    return erase(ids, workspace=job.workspace, actor=job.created_by, now=now, why=job.why, bulk=job.pk, also=ERASERS)


ERASING: Mapping[str, Act] = MappingProxyType({BulkAction.ERASE: erase_piece})

"""Failed deliveries, and downloads read back, for the tests of the reports."""

from __future__ import annotations

import csv
import io
from typing import Any

from django.utils import timezone
from openpyxl import load_workbook

from campaigns.models import Campaign, Delivery, DeliveryState
from mta.verdicts import Kind, Phase, Reason
from tests.factories import make_delivery, make_lane, make_subscriber


def fail(campaign: Campaign, address: str = "", provider: str = "other", **fields: Any) -> Delivery:
    """Make a failed delivery to a new subscriber of the campaign's list."""
    subscriber = make_subscriber(campaign.mailing_lists.get(), address)
    defaults = {
        "lane": make_lane(campaign.workspace, provider=provider),
        "state": DeliveryState.FAILED,
        "settled_at": timezone.now(),
        "kind": Kind.HARD,
        "reason": Reason.USER_UNKNOWN,
        "code": "5.1.1",
        "text": "550 5.1.1 user unknown",
        "phase": Phase.RCPT,
    }
    return make_delivery(campaign, subscriber, **defaults | fields)


def rows_of(response: Any, encoding: str = "utf-8-sig") -> list[list[str]]:
    """Return the rows of a CSV download."""
    content = b"".join(response.streaming_content).decode(encoding)
    return list(csv.reader(io.StringIO(content)))


def sheet_of(response: Any) -> list[list[Any]]:
    """Return the rows of an XLSX download."""
    book = load_workbook(io.BytesIO(b"".join(response.streaming_content)))
    return [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]

"""What of subscribers can be exported: those of a list, of a segment or of a search, and their columns."""

from dataclasses import replace
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import Workspace
from lists.columns import ADDRESS, NAME, columns_of
from lists.conditions import read_conditions
from lists.csv_columns import OURS
from lists.export_columns import (
    ExportColumn,
    attribute_column,
    choice_column,
    moment_column,
    number_column,
    text_column,
)
from lists.exporting import Table
from lists.finding import Search, people_found
from lists.models import AttributeKind, MailingList, Segment, StopReason, Subscriber, SubscriberStatus
from lists.segments import compile_group

# Names of columns that are attributes begin so: an attribute may be called as another column is.
ATTRIBUTE = "attribute:"


def list_table(mailing_list: MailingList) -> Table:
    """Return everybody on a list, the stopped as well, in the order in which they came."""
    # Through the places, so that the index of a list's places gives the order.
    people = Subscriber.objects.filter(subscriptions__mailing_list=mailing_list)
    return people_table(people, mailing_list.workspace, mailing_list.name)


def segment_table(segment: Segment, *, now: datetime) -> Table:
    """Return everybody in a segment. Raises SegmentRefused where its conditions cannot be used any more."""
    condition = compile_group(read_conditions(segment.conditions), segment.workspace, now=now)
    people = Subscriber.objects.for_workspace(segment.workspace).filter(condition)
    return people_table(people, segment.workspace, segment.name)


def search_table(workspace: Workspace, search: Search, *, now: datetime) -> Table:
    """Return everybody whom a search finds."""
    return people_table(people_found(workspace, search, now=now), workspace, _("購読者"))


def people_table(people: QuerySet[Subscriber], workspace: Workspace, filename: str) -> Table:
    """Return a table of subscribers of a workspace, the oldest first."""
    return Table(people.order_by("pk"), people_columns(workspace), filename)


def people_columns(workspace: Workspace) -> list[ExportColumn]:
    """Return the columns of subscribers: those of an import, then what only we know."""
    imported = columns_of(workspace)
    labels = [column.label for column in imported]
    columns = []
    for column in imported:
        if column.name in (ADDRESS, NAME):
            columns.append(text_column(column.name, column.label, column.name))
            continue
        # A file with one heading twice could not be imported again.
        label = column.label if labels.count(column.label) == 1 else column.name
        is_number = column.kind == AttributeKind.NUMBER
        columns.append(
            attribute_column(f"{ATTRIBUTE}{column.name}", label, column.name, "attributes", is_number=is_number)
        )
    taken = {column.label for column in columns}
    return columns + [replace(own, label=own.label + OURS) if own.label in taken else own for own in own_columns()]


def own_columns() -> list[ExportColumn]:
    """Return what an import never takes from a file (lists.csv_columns.EXPORT_ONLY)."""
    return [
        choice_column("status", _("状態"), "status", SubscriberStatus.choices),
        choice_column("stop_reason", _("停止理由"), "stop_reason", StopReason.choices),
        moment_column("created_at", _("登録日時"), "created_at"),
        moment_column("stopped_at", _("停止日時"), "stopped_at", is_default=False),
        text_column("stop_note", _("停止のメモ"), "stop_note", is_default=False),
        number_column("error_count", _("エラー回数"), "error_count", is_default=False),
    ]

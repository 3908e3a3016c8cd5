"""Lists, subscribers, their consent and errors, and imports; each topic has a module."""

from lists.models.attributes import AttributeDefinition, AttributeKind
from lists.models.bulk import BulkAction, BulkJob, BulkState
from lists.models.consents import Consent, ConsentSource
from lists.models.errors import AddressError, AddressErrorQuerySet, ClearedBy
from lists.models.exclusions import Exclusion, ExclusionImport, ExclusionImportState, ExclusionKind
from lists.models.imports import (
    KEEPS_PLACE,
    ColumnMemory,
    CsvImport,
    FileKind,
    ImportMode,
    ImportState,
    RejectedRow,
    StagedRow,
    upload_path,
)
from lists.models.mailing_lists import DayCount, Headcount, MailingList, PeopleState, Subscription
from lists.models.segments import Segment
from lists.models.subscribers import (
    RECIPIENTS_WILL,
    Engagement,
    ErasedAddress,
    StopReason,
    Subscriber,
    SubscriberQuerySet,
    SubscriberStatus,
)
from lists.models.sweeps import TraceSweep

__all__ = [
    "KEEPS_PLACE",
    "RECIPIENTS_WILL",
    "AddressError",
    "AddressErrorQuerySet",
    "AttributeDefinition",
    "AttributeKind",
    "BulkAction",
    "BulkJob",
    "BulkState",
    "ClearedBy",
    "ColumnMemory",
    "Consent",
    "ConsentSource",
    "CsvImport",
    "DayCount",
    "Engagement",
    "ErasedAddress",
    "Exclusion",
    "ExclusionImport",
    "ExclusionImportState",
    "ExclusionKind",
    "FileKind",
    "Headcount",
    "ImportMode",
    "ImportState",
    "MailingList",
    "PeopleState",
    "RejectedRow",
    "Segment",
    "StagedRow",
    "StopReason",
    "Subscriber",
    "SubscriberQuerySet",
    "SubscriberStatus",
    "Subscription",
    "TraceSweep",
    "upload_path",
]

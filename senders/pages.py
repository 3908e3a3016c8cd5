"""Gathers what the pages of senders and domains show."""

from dataclasses import dataclass

from django.conf import settings

from accounts.models import Workspace
from senders.domain_names import display_domain
from senders.lights import Light, light_of, result_tone
from senders.models import CheckKind, DnsCheck, Sender, SenderDomain
from senders.records import ExpectedRecord, expected_records


@dataclass(frozen=True, slots=True)
class DomainRow:
    """A domain, its name for people, and its light."""

    domain: SenderDomain
    name: str
    light: Light


@dataclass(frozen=True, slots=True)
class SenderRow:
    """A sender in use and its domain."""

    sender: Sender
    domain: DomainRow


@dataclass(frozen=True, slots=True)
class SenderIndex:
    """The page of senders."""

    senders: list[SenderRow]
    domains: list[DomainRow]
    archived: list[Sender]


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One kind of check: what to set, what was found. `expected` and `check` may be absent."""

    kind: CheckKind
    required: bool
    expected: ExpectedRecord | None
    check: DnsCheck | None
    tone: str


def list_senders(workspace: Workspace) -> SenderIndex:
    """Return the senders of a workspace with the domains that those in use need."""
    senders = Sender.objects.filter(workspace=workspace).select_related("domain").prefetch_related("domain__checks")
    in_use: list[SenderRow] = []
    archived: list[Sender] = []
    domains: dict[int, DomainRow] = {}
    for sender in senders.order_by("name", "pk"):
        if sender.is_archived():
            archived.append(sender)
            continue
        row = domains.get(sender.domain_id)
        if row is None:
            row = domains[sender.domain_id] = describe_domain(sender.domain)
        in_use.append(SenderRow(sender, row))
    return SenderIndex(in_use, sorted(domains.values(), key=lambda row: row.domain.name), archived)


def describe_domain(domain: SenderDomain) -> DomainRow:
    """Return a domain as it is listed."""
    return DomainRow(domain, display_domain(domain.name), light_of(domain))


def list_records(domain: SenderDomain) -> list[RecordRow]:
    """Return one row for each kind of check that the domain needs, with the record to set and the newest result."""
    expected = {record.kind: record for record in expected_records(domain)}
    checks = {check.kind: check for check in domain.checks.all()}
    rows: list[RecordRow] = []
    for kind in CheckKind:
        if kind == CheckKind.ED25519 and kind not in expected:
            continue
        check, required = checks.get(kind), kind in settings.REQUIRED_CHECKS
        tone = result_tone(check.result, required=required) if check else "muted"
        rows.append(RecordRow(kind, required, expected.get(kind), check, tone))
    return rows

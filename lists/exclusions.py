"""Who is on the 除外リスト: addresses and domains, of a workspace or of the installation, that no mail is sent to.

An entry binds until it is over (`expires_at`). A domain's entry holds for its subdomains as well.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Length, Replace

from lists.exclusion_sql import DomainTail
from lists.models import Exclusion, ExclusionKind

# Values of one query.
PIECE: Final = 1000


def entries_of(workspace_id: int) -> QuerySet[Exclusion]:
    """Return the entries that hold for a workspace: its own and the installation's."""
    return Exclusion.objects.filter(Q(workspace=workspace_id) | Q(workspace=None))


def in_force(entries: QuerySet[Exclusion], *, now: datetime) -> QuerySet[Exclusion]:
    """Keep the entries that are not over."""
    return entries.filter(Q(expires_at=None) | Q(expires_at__gt=now))


def has_exclusions(workspace_id: int) -> bool:
    """Say whether there may be entries that hold for a workspace; those that are over count as well."""
    return entries_of(workspace_id).exists()


def find_excluded(workspace_id: int, addresses: Collection[str], *, now: datetime) -> dict[str, Exclusion]:
    """Return the entry that excludes each of the addresses, for those that are excluded.

    `addresses` are as they are compared (Address.key). An entry for the address goes before one for its domain, and
    the workspace's own before the installation's.
    """
    if not addresses or not has_exclusions(workspace_id):
        return {}
    found = find_entries(workspace_id, addresses, ExclusionKind.ADDRESS, now=now)
    domains = find_domains(workspace_id, {domain_of(address) for address in addresses}, now=now)
    for address in addresses:
        if address not in found and (entry := domains.get(domain_of(address))):
            found[address] = entry
    return found


def excluded_domains(workspace_id: int, domains: Collection[str], *, now: datetime) -> set[str]:
    """Return those of the domains (lower-case ASCII) that are excluded, themselves or with a domain above them."""
    return set(find_domains(workspace_id, domains, now=now)) if domains and has_exclusions(workspace_id) else set()


def find_domains(workspace_id: int, domains: Collection[str], *, now: datetime) -> dict[str, Exclusion]:
    """Return the entry that excludes each of the domains, the most exact one, for those that are excluded."""
    names = {name for domain in domains for name in domain_and_above(domain)}
    entries = find_entries(workspace_id, names, ExclusionKind.DOMAIN, now=now)
    if not entries:
        return {}
    found = {}
    for domain in domains:
        if entry := next((entries[name] for name in domain_and_above(domain) if name in entries), None):
            found[domain] = entry
    return found


def find_entries(
    workspace_id: int, values: Collection[str], kind: ExclusionKind, *, now: datetime
) -> dict[str, Exclusion]:
    """Return the entry in force with each of the values; the workspace's own where the installation has one too."""
    entries = in_force(entries_of(workspace_id), now=now).filter(kind=kind)
    found: dict[str, Exclusion] = {}
    for piece in in_pieces(values):
        for entry in entries.filter(value__in=piece):
            if entry.workspace_id is not None or entry.value not in found:
                found[entry.value] = entry
    return found


def in_pieces(values: Iterable[str]) -> Iterator[list[str]]:
    """Yield the values in pieces that fit a query."""
    rest = iter(values)
    while piece := list(islice(rest, PIECE)):
        yield piece


def domain_of(address: str) -> str:
    """Return what stands behind the last @."""
    return address.rpartition("@")[2]


def domain_and_above(domain: str) -> Iterator[str]:
    """Yield a domain and those above it, as far as they have a dot."""
    while "." in domain:
        yield domain
        domain = domain.partition(".")[2]


def exclude_condition(workspace_id: int, *, now: datetime) -> Q:
    """Return the condition that keeps the subscribers of a workspace who are not on the 除外リスト.

    Two small queries say what it has to look for; where there are no entries it is empty and costs nothing.
    """
    condition = Q()
    for workspace in (workspace_id, None):
        entries = in_force(Exclusion.objects.filter(workspace=workspace), now=now)
        if entries.filter(kind=ExclusionKind.ADDRESS).exists():
            listed = entries.filter(kind=ExclusionKind.ADDRESS, value=OuterRef("address_key"))
            condition &= ~Q(Exists(listed))
        # By the number of labels, so that a domain above is found by its name and not by looking at all entries.
        for labels in sorted(lengths_of(entries)):
            tail = DomainTail(OuterRef("address_key"), labels=labels)
            condition &= ~Q(Exists(entries.filter(kind=ExclusionKind.DOMAIN, value=tail)))
    return condition


def lengths_of(entries: QuerySet[Exclusion]) -> set[int]:
    """Return how many labels the domains among the entries have."""
    dots = Length("value") - Length(Replace("value", Value("."), Value("")))
    domains = entries.filter(kind=ExclusionKind.DOMAIN).annotate(dots=dots)
    return {found + 1 for found in domains.order_by().values_list("dots", flat=True).distinct()}

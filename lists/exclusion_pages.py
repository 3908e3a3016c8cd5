"""What the pages of the 除外リスト show: whose entries, which of them, and whether somebody is excluded."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.db.models.lookups import In
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Workspace
from accounts.requests import WorkspaceRequest
from lists.exceptions import InvalidAddress
from lists.exclusion_entries import last_day_of, of_scope, read_value
from lists.exclusion_sql import DomainTail
from lists.exclusions import find_domains, find_excluded, in_force
from lists.models import Exclusion, ExclusionKind
from lists.segment_counts import Slice, count_slice

PAGE: Final = 50
# Nobody turns more pages than these.
COUNT_UP_TO: Final = 10_000
OVER: Final = "over"
BINDING: Final = "binding"
STATES: Final = {BINDING: gettext_lazy("有効なもの"), OVER: gettext_lazy("期限切れ")}


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose 除外リスト: a workspace's, or the installation's; `names` is the beginning of its URL names."""

    workspace: Workspace | None
    names: str

    def url(self, page: str, *args: int) -> str:
        """Return the address of one of its pages."""
        return reverse(f"{self.names}_{page}", args=args)

    def urls(self) -> dict[str, str]:
        """Return the addresses of its pages."""
        return {page: self.url(page) for page in ("index", "create", "import", "export", "clear")}


def of_workspace(request: WorkspaceRequest) -> Scope:
    """Return the 除外リスト of the request's workspace."""
    return Scope(request.workspace, "exclusion")


OF_INSTALLATION: Final = Scope(None, "operator_exclusion")


@dataclass(frozen=True, slots=True)
class Shown:
    """Which entries a page shows; "" asks for all."""

    q: str = ""
    kind: str = ""
    state: str = ""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> "Shown":
        """Return what a query asks for."""
        kind, state = values.get("kind", ""), values.get("state", "")
        return cls(
            unicodedata.normalize("NFKC", values.get("q", "")).replace("\0", "").strip()[:320],
            kind if kind in ExclusionKind.values else "",
            state if state in (OVER, BINDING) else "",
        )

    def is_all(self) -> bool:
        """Say whether nothing is left out."""
        return not (self.q or self.kind or self.state)

    def describe(self) -> list[tuple[str, str]]:
        """Return what is asked for in words; nothing where it is everything."""
        asked = (
            (_("メールアドレス・ドメイン・理由"), self.q),
            (_("種類"), str(ExclusionKind(self.kind).label) if self.kind else ""),
            (_("期限"), str(STATES[self.state]) if self.state else ""),
        )
        return [(label, text) for label, text in asked if text]

    def words(self) -> dict[str, str]:
        """Return the query."""
        return {"q": self.q, "kind": self.kind, "state": self.state}


def find_entries(scope: Scope, shown: Shown, *, now: datetime) -> QuerySet[Exclusion]:
    """Return the entries that a page shows, addresses first, in the order of the index."""
    entries = of_scope(scope.workspace)
    if shown.q:
        entries = entries.filter(Q(value__contains=shown.q.lower()) | Q(reason__icontains=shown.q))
    if shown.kind:
        entries = entries.filter(kind=shown.kind)
    if shown.state == OVER:
        entries = entries.filter(expires_at__lte=now)
    elif shown.state == BINDING:
        entries = in_force(entries, now=now)
    return entries.order_by("kind", "value")


class ExclusionPaginator(Paginator[Exclusion]):
    """Counts up to COUNT_UP_TO entries only."""

    def __init__(self, entries: QuerySet[Exclusion]) -> None:
        super().__init__(entries, PAGE)
        self.entries = entries

    @cached_property
    def count(self) -> int:
        """Return the number of entries, at most COUNT_UP_TO."""
        return self.entries[:COUNT_UP_TO].count()

    @property
    def is_capped(self) -> bool:
        """Say whether there may be more entries than were counted."""
        return self.count == COUNT_UP_TO


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether what was searched for is excluded, and by which entry."""

    value: str
    entry: Exclusion | None


def judge(scope: Scope, text: str, *, now: datetime) -> Verdict | None:
    """Say whether an address or a domain is sent to; None where the text is neither.

    For a member this also tells an entry of the installation, and of those only the one that concerns what he asked.
    """
    if not text or "." not in text:
        return None
    try:
        kind, value = read_value(text)
    except InvalidAddress:
        return None
    # No workspace has this id: what is left are the entries of the installation.
    workspace_id = scope.workspace.pk if scope.workspace else 0
    look = find_excluded if kind == ExclusionKind.ADDRESS else find_domains
    return Verdict(value, look(workspace_id, [value], now=now).get(value))


def count_concerned(workspace: Workspace | None, domains: Iterable[str]) -> Slice:
    """Count, for a bounded time, the subscribers of a workspace, or of all, whose address is in a domain or below it."""
    condition = Q(pk__in=[])
    for labels, names in groupby(sorted(set(domains), key=count_labels), key=count_labels):
        condition |= Q(In(DomainTail("address_key", labels=labels), list(names)))
    return count_slice(workspace, condition, Slice())


def count_labels(domain: str) -> int:
    """Return the number of labels of a domain."""
    return domain.count(".") + 1


def describe(entries: QuerySet[Exclusion] | list[Exclusion], *, now: datetime) -> list[dict[str, Any]]:
    """Return the rows of the table."""
    return [
        {
            "entry": entry,
            "last_day": last_day_of(entry.expires_at),
            "is_over": entry.expires_at is not None and entry.expires_at <= now,
        }
        for entry in entries
    ]

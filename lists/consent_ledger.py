"""The ledger of consents, read: searched a page at a time within a bounded time, and as a table to export."""

import time
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings
from django.db.models import CharField, F, Func, Max, Q, QuerySet, Value
from django.db.models.functions import Coalesce, NullIf
from django.utils.translation import gettext as _

from accounts.models import Workspace
from accounts.numbers import read_number
from lists.address import clean_address
from lists.erasing import digest_of
from lists.exceptions import InvalidAddress
from lists.export_columns import ExportColumn, as_text, choice_column, moment_column, text_column
from lists.exporting import Table
from lists.models import Consent, ConsentSource, MailingList, Subscriber
from lists.prefix import starts_with

PAGE: Final = 50
# Seconds after which a page shows what was found so far.
BUDGET: Final = 0.12
# Ids that the first statement looks at, and the most that one does.
FIRST: Final = 2_000
LARGEST: Final = 64_000
# Subscribers whose address begins as asked for.
PEOPLE: Final = 200
LIVE, ENDED = "live", "ended"


@dataclass(frozen=True, slots=True)
class LedgerSearch:
    """What is asked for; what is left out asks for nothing."""

    # The beginning of an address, or a whole one, which also finds who was erased.
    address: str = ""
    list_id: int | None = None
    # LIVE: the place on the list is still there; ENDED: it is not.
    state: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, Any]) -> "LedgerSearch":
        """Return the search that a page's address describes; what makes no sense is left out."""
        return cls(
            address=unicodedata.normalize("NFKC", str(query.get("q") or "")).replace("\0", "").strip()[:320],
            list_id=read_number(query.get("list")),
            state=str(query.get("state")) if query.get("state") in (LIVE, ENDED) else "",
        )

    def as_query(self) -> dict[str, str]:
        """Return the parameters of a page's address, of which `from_query` makes the same search."""
        values = {"q": self.address, "list": str(self.list_id or ""), "state": self.state}
        return {name: text for name, text in values.items() if text}


@dataclass(frozen=True, slots=True)
class FoundConsents:
    """A page of the ledger."""

    rows: list[Consent] = field(default_factory=list)
    # Where the next page begins; None: there is nothing more.
    next_before: int | None = None
    # False: the time was over before the page was full.
    is_complete: bool = True


def consents_of(workspace: Workspace, search: LedgerSearch) -> QuerySet[Consent]:
    """Return the consents of a workspace that the search finds, in no order.

    A consent belongs to the workspace of its list, also of a deleted one, else to that of its subscriber.
    """
    lists = MailingList.everything.filter(workspace=workspace)
    if search.list_id is not None:
        lists = lists.filter(pk=search.list_id)
    ids = list(lists.values_list("pk", flat=True))
    own = Q(mailing_list__in=ids)
    if search.list_id is None:
        own |= Q(mailing_list=None, subscriber__workspace=workspace)
    consents = Consent.objects.filter(own)
    if search.state:
        consents = consents.filter(ended_at__isnull=search.state == LIVE)
    return consents.filter(_of_address(workspace, search.address)) if search.address else consents


def _of_address(workspace: Workspace, address: str) -> Q:
    """Return the condition that a consent is that of an address, or of one that begins so."""
    people = Subscriber.objects.for_workspace(workspace).filter(starts_with("address_key", address.lower()))
    named = Q(subscriber__in=list(people.order_by("address_key").values_list("pk", flat=True)[:PEOPLE]))
    try:
        key = clean_address(address).key
    except InvalidAddress:
        return named
    known = list(Subscriber.objects.for_workspace(workspace).filter(address_key=key).values_list("pk", flat=True))
    digests = [digest_of(workspace.pk, key, secret=secret) for secret in settings.ERASURE_KEYS]
    return named | Q(subscriber__in=known) | Q(digest__in=digests)


def find_consents(
    workspace: Workspace,
    search: LedgerSearch,
    *,
    before: int | None = None,
    budget: float = BUDGET,
    clock: Callable[[], float] = time.monotonic,
) -> FoundConsents:
    """Return the newest consents that the search finds, of those with an id below `before`.

    Goes through windows of ids, each one bounded statement, since no index holds them by workspace. Where the time is
    over, `next_before` is where to go on.
    """
    consents = consents_of(workspace, search).select_related("subscriber", "mailing_list", "recorded_by")
    if search.address:
        # Those of a few people, whom the indexes find.
        few = consents if before is None else consents.filter(pk__lt=before)
        return _cut(list(few.order_by("-pk")[: PAGE + 1]))
    started = clock()
    newest = Consent.objects.aggregate(newest=Max("pk"))["newest"] or 0
    high, size = newest + 1 if before is None else min(before, newest + 1), FIRST
    rows: list[Consent] = []
    while high > 1:
        since = clock()
        low = max(high - size, 1)
        window = consents.filter(pk__gte=low, pk__lt=high).order_by("-pk")
        rows += window[: PAGE + 1 - len(rows)]
        if len(rows) > PAGE:
            return _cut(rows)
        high = low
        if high > 1 and clock() - started >= budget:
            return FoundConsents(rows, high, is_complete=False)
        if clock() - since < budget / 6:
            size = min(size * 4, LARGEST)
    return FoundConsents(rows)


def _cut(rows: list[Consent]) -> FoundConsents:
    if len(rows) > PAGE:
        return FoundConsents(rows[:PAGE], rows[PAGE - 1].pk)
    return FoundConsents(rows)


def ledger_table(workspace: Workspace, search: LedgerSearch) -> Table:
    """Return the consents that the search finds as a table to export, the oldest first."""
    return Table(consents_of(workspace, search).order_by("pk"), ledger_columns(), _("同意の記録"))


def ledger_columns() -> list[ExportColumn]:
    """Return the columns of the ledger."""
    host = Func(F("ip"), function="HOST", output_field=CharField())
    # As Consent.list_words does.
    list_words = Coalesce(NullIf("list_name", Value("")), "mailing_list__name")
    digest = Func(F("digest"), Value("hex"), function="ENCODE", output_field=CharField())
    return [
        text_column("address", _("メールアドレス"), "subscriber__address"),
        ExportColumn("digest", _("消去した宛先の照合用の値"), "digest", show_digest, digest, is_foreign=False),
        ExportColumn("list", _("リスト"), list_words, as_text, list_words),
        choice_column("source", _("経路"), "source", ConsentSource.choices),
        moment_column("at", _("同意の日時"), "at"),
        text_column("evidence", _("ファイル・フォーム"), "evidence"),
        ExportColumn("ip", _("IPアドレス"), "ip", as_text, host, is_foreign=False),
        text_column("text_version", _("同意文の版"), "text_version"),
        text_column("recorded_by", _("記録した人"), "recorded_by__email"),
        moment_column("ended_at", _("終了の日時"), "ended_at"),
    ]


def show_digest(digest: Any) -> str:
    """Return the digest of an erased address in hexadecimal digits, "" where there is none."""
    return bytes(digest).hex() if digest is not None else ""

"""Imports compared with a plain reference implementation; the dry run foretells them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lists.attributes import ensure_attributes
from lists.erasing import digest_of
from lists.import_checking import check_import, forecast
from lists.models import (
    RECIPIENTS_WILL,
    AttributeKind,
    Consent,
    ConsentSource,
    CsvImport,
    ErasedAddress,
    Exclusion,
    ExclusionKind,
    ImportMode,
    StopReason,
    Subscriber,
    Subscription,
)
from tests.factories import make_list, make_subscriber
from tests.lists.clock import NOW
from tests.lists.importing import apply_import

Importer = Callable[..., CsvImport]
pytestmark = pytest.mark.django_db


def counts(csv_import: CsvImport) -> dict[str, int]:
    return {name: value for name in NAMES if (value := getattr(csv_import, f"rows_{name}"))}


# A plain reference implementation: dicts, one row at a time.


@dataclass
class Person:
    address: str
    name: str
    attributes: dict[str, str | int]
    status: str = "active"


@dataclass
class Reference:
    """What the database should contain: people by address, and the addresses on the list."""

    people: dict[str, Person] = field(default_factory=dict)
    on_list: set[str] = field(default_factory=set)
    unsubscribed: set[str] = field(default_factory=set)

    def apply(self, rows: list[tuple[str, str, str, str]], mode: ImportMode) -> dict[str, int]:
        seen: set[str] = set()
        # Whom the file names in a row that is not imported.
        named: set[str] = set()
        result = dict.fromkeys((*NAMES, "unsubscribed"), 0)
        for address, name, rank, points in rows:
            key = address.lower()
            if refusal := self.refuse(key, points):
                result["rejected"] += 1
                result[refusal] = result.get(refusal, 0) + 1
                named.add(key)
            elif key in seen:
                result["duplicate"] += 1
            else:
                seen.add(key)
                result[self.apply_row(address, name, {"ランク": rank, "点数": points}, mode)] += 1
                result["stopped"] += self.people[key].status == "stopped"
                result["unsubscribed"] += key in self.unsubscribed
        if mode == ImportMode.REPLACE:
            # Who stands anywhere in the file stays; nobody comes onto the list by a refused row.
            result["removed"] = len(self.on_list - seen - named)
            result["kept"] = len((self.on_list & named) - seen)
            self.on_list &= seen | named
        return {name: value for name, value in result.items() if value}

    def refuse(self, key: str, points: str) -> str:
        """Return the RejectReason of a row, "" for a good one."""
        if "@" not in key:
            return "address"
        if points == "many":
            return "value"
        if key == ERASED:
            return "erased"
        return "excluded" if key.endswith("@mail.excluded.example") else ""

    def apply_row(self, address: str, name: str, cells: dict[str, str], mode: ImportMode) -> str:
        key = address.lower()
        blank = mode == ImportMode.REPLACE
        values: dict[str, str | int] = {attribute: cell for attribute, cell in cells.items() if cell or blank}
        if points := cells["点数"]:
            values["点数"] = int(points.replace(",", ""))
        changed = False
        if key not in self.people:
            self.people[key] = Person(address, name, values)
        elif mode != ImportMode.ADD:
            person = self.people[key]
            before = (person.address, person.name, dict(person.attributes))
            # The newest spelling is the one that is sent to.
            person.address = address
            person.name = name if name or blank else person.name
            person.attributes |= values
            changed = before != (person.address, person.name, person.attributes)
        if key not in self.on_list:
            self.on_list.add(key)
            return "new"
        return "updated" if changed else "unchanged"


NAMES = ("new", "updated", "unchanged", "rejected", "duplicate", "stopped", "removed", "kept")
ERASED = "erased@example.jp"
ROWS = st.tuples(
    st.sampled_from(["a@example.jp", "b@example.jp", "B@example.jp", "c@example.jp", "d@example.jp", "broken", ERASED,
                     "e@mail.excluded.example"]),
    st.sampled_from(["", "山田", 'O\'Hara "x"', "\\u3042{}%s"]),
    st.sampled_from(["", "A", "金", "null", '{"a": 1}']),
    st.sampled_from(["", "0", "5", "-3", "1,200", "many"]),
)  # fmt: skip
FILES = st.lists(st.tuples(st.lists(ROWS, min_size=1, max_size=8), st.sampled_from(list(ImportMode))), max_size=4)


def foretold(csv_import: CsvImport) -> dict[str, int]:
    """Return what the dry run told, as Reference does."""
    found = forecast(csv_import)
    numbers = {name: getattr(found, name) for name in (*NAMES, "unsubscribed") if name != "rejected"}
    numbers |= {"rejected": sum(found.rejected.values()), **found.rejected}
    return {name: value for name, value in numbers.items() if value}


def quote(rows: list[tuple[str, str, str, str]]) -> str:
    lines = (",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    return "email,name,ランク,点数\n" + "\n".join(lines)


@settings(max_examples=40)
@given(
    FILES,
    st.dictionaries(st.sampled_from(["a@example.jp", "c@example.jp"]), st.sampled_from(StopReason.values)),
    st.sets(st.sampled_from(["b@example.jp", "d@example.jp", "e@mail.excluded.example"])),
)
def test_imports_agree_with_the_plain_reference(
    queue_csv: Importer,
    files: list[tuple[list[tuple[str, str, str, str]], ImportMode]],
    stopped: dict[str, str],
    members: set[str],
) -> None:
    mailing_list, reference = make_list(), Reference()
    workspace = mailing_list.workspace
    ensure_attributes(workspace, {"点数": AttributeKind.NUMBER})
    ErasedAddress.objects.create(workspace=workspace, digest=digest_of(workspace.pk, ERASED), at=NOW)
    Exclusion.objects.create(workspace=workspace, kind=ExclusionKind.DOMAIN, value="excluded.example")
    for address, reason in stopped.items():
        make_subscriber(address=address, workspace=workspace, status="stopped", stop_reason=reason, name="停止")
        reference.people[address] = Person(address, "停止", {}, "stopped")
    for address in members:
        member = make_subscriber(mailing_list, address, name="会員")
        Consent.objects.create(subscriber=member, mailing_list=mailing_list, source=ConsentSource.MANUAL, at=NOW)
        reference.people[address] = Person(address, "会員", {})
        reference.on_list.add(address)
    reference.unsubscribed = {address for address, reason in stopped.items() if reason in RECIPIENTS_WILL}
    for rows, mode in files:
        if not any(not reference.refuse(row[0].lower(), row[3]) for row in rows):
            continue
        csv_import = queue_csv(mailing_list, quote(rows), mode)
        assert check_import(csv_import.pk, now=NOW)
        csv_import.refresh_from_db()
        expected = reference.apply(rows, mode)
        # The dry run tells what the run then does.
        assert foretold(csv_import) == expected
        assert apply_import(csv_import.pk, now=NOW)
        csv_import.refresh_from_db()
        assert counts(csv_import) == {name: number for name, number in expected.items() if name in NAMES}
        assert csv_import.rows_unsubscribed == expected.get("unsubscribed", 0)
        assert csv_import.rows_total == len(rows)
        people = Subscriber.objects.filter(workspace=workspace)
        assert {
            row.address_key: Person(row.address, row.name, row.attributes, row.status) for row in people
        } == reference.people
        on_list = Subscription.objects.filter(mailing_list=mailing_list)
        assert set(on_list.values_list("subscriber__address_key", flat=True)) == reference.on_list
        # Whoever is on the list has a consent that lasts, and nobody else has (A4).
        lasting = Consent.objects.filter(mailing_list=mailing_list, ended_at=None)
        assert sorted(lasting.values_list("subscriber__address_key", flat=True)) == sorted(reference.on_list)

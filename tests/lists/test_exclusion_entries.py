"""Tests of adding to the 除外リスト and taking from it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from accounts.models import AuditEntry, Workspace
from lists.exceptions import InvalidAddress, ListsError
from lists.exclusion_entries import (
    Entry,
    Saved,
    add_entries,
    end_of,
    forget_old,
    last_day_of,
    read_last_day,
    read_value,
    remove_entry,
    save_entries,
)
from lists.models import Exclusion, ExclusionKind
from tests.factories import make_user, make_workspace
from tests.lists.clock import NOW

pytestmark = pytest.mark.django_db

ADDRESS, DOMAIN = ExclusionKind.ADDRESS, ExclusionKind.DOMAIN


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mori@Example.JP", (ADDRESS, "mori@example.jp")),
        (" 森 <mori@example.jp> ", (ADDRESS, "mori@example.jp")),
        ("ｍｏｒｉ＠example.jp", (ADDRESS, "mori@example.jp")),
        ("Example.JP", (DOMAIN, "example.jp")),
        ("@example.jp", (DOMAIN, "example.jp")),
        ("＠ｅｘａｍｐｌｅ．ｊｐ", (DOMAIN, "example.jp")),
        ("*.example.jp", (DOMAIN, "example.jp")),
        ("*@example.jp", (DOMAIN, "example.jp")),
        (".example.jp", (DOMAIN, "example.jp")),
        ("日本語.jp", (DOMAIN, "xn--wgv71a119e.jp")),
        ("faß.de", (DOMAIN, "xn--fa-hia.de")),
    ],
)
def test_reads_addresses_and_domains(text: str, expected: tuple[ExclusionKind, str]) -> None:
    assert read_value(text) == expected


@pytest.mark.parametrize(
    "text", ["", "  ", "@", "jp", "山田", "mori@", "a@b@example.jp", "exa mple.jp", "a.b.c.d.e.f.g.h.i.j.jp", "*"]
)
def test_refuses_what_is_neither(text: str) -> None:
    with pytest.raises(InvalidAddress) as refused:
        read_value(text)
    assert refused.value.sentence


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-31",
        "2026/12/31",
        "2026年12月31日",
        "20261231",
        "２０２６/１２/３１",
        "2026-12-31 00:00:00",
        "2026.12.31",
        "令和8年12月31日",
    ],
)
def test_reads_days_as_they_are_written(text: str) -> None:
    assert read_last_day(text) == date(2026, 12, 31)


@pytest.mark.parametrize(
    "text", ["来年", "2026-13-01", "31/12/2026", "2026-02-30", "2026/12", "202612", "2026-12", "2026111"]
)
def test_refuses_what_is_no_day(text: str) -> None:
    with pytest.raises(ListsError):
        read_last_day(text)


def test_an_entry_holds_to_the_end_of_its_last_day() -> None:
    assert read_last_day("  ") is None
    assert end_of(None) is None
    over = end_of(date(2026, 5, 1))
    assert over == datetime(2026, 5, 1, 15, 0, tzinfo=UTC)
    assert last_day_of(over) == date(2026, 5, 1)


@pytest.mark.parametrize("is_own", [True, False])
def test_an_entry_that_is_there_gets_the_new_reason_and_end(workspace: Workspace, is_own: bool) -> None:
    scope = workspace if is_own else None
    user = make_user(workspace)
    first = [Entry(ADDRESS, "mori@example.jp", "依頼"), Entry(DOMAIN, "example.com")]
    assert save_entries(scope, first, actor=user, now=NOW) == Saved(new=2, changed=0, same=0)
    assert save_entries(scope, first, actor=user, now=NOW) == Saved(new=0, changed=0, same=2)
    end = NOW + timedelta(days=3)
    second = [
        Entry(ADDRESS, "mori@example.jp", "依頼", end),
        Entry(DOMAIN, "example.com"),
        Entry(DOMAIN, "example.net"),
    ]
    assert save_entries(scope, second, actor=user, now=NOW) == Saved(new=1, changed=1, same=1)
    changed = Exclusion.objects.get(value="mori@example.jp")
    assert (changed.workspace, changed.reason, changed.expires_at, changed.created_at) == (scope, "依頼", end, NOW)
    assert changed.created_by == user


def test_the_same_value_may_stand_on_the_lists_of_several(workspace: Workspace) -> None:
    user = make_user(workspace)
    for scope in (workspace, make_workspace(), None):
        assert save_entries(scope, [Entry(DOMAIN, "example.com")], actor=user, now=NOW).new == 1
    assert Exclusion.objects.count() == 3


def test_additions_and_deletions_are_in_the_audit_log(workspace: Workspace) -> None:
    user = make_user(workspace)
    entry = Entry(ADDRESS, "mori@example.jp", "", end_of(date(2026, 12, 31)))
    # The same twice in one form is one entry.
    assert add_entries(workspace, [entry, entry], actor=user, now=NOW).new == 1
    stored = Exclusion.objects.get()
    assert remove_entry(stored, actor=user)
    assert not remove_entry(Exclusion(pk=stored.pk or 0, workspace=workspace), actor=user)
    told = AuditEntry.objects.order_by("pk").values_list("action", "target", "detail")
    assert list(told) == [
        ("exclusion.create", "mori@example.jp", {"rows": 1, "expires": "2026-12-31"}),
        ("exclusion.delete", "mori@example.jp", {"rows": 1}),
    ]


def test_many_entries_are_saved_in_one_transaction(workspace: Workspace) -> None:
    entries = [Entry(ADDRESS, f"reader{number}@example.jp") for number in range(6000)]
    saved = save_entries(workspace, iter(entries), actor=make_user(workspace), now=NOW)
    assert saved == Saved(new=6000, changed=0, same=0)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'lists_exclusion'")
            assert cursor.fetchone() == (6000,)


def test_entries_that_are_over_stay_a_month(workspace: Workspace) -> None:
    for days in (30, 32):
        Exclusion.objects.create(
            workspace=workspace, kind=DOMAIN, value=f"d{days}.example", expires_at=NOW - timedelta(days=days)
        )
    Exclusion.objects.create(workspace=workspace, kind=DOMAIN, value="ever.example")
    assert forget_old(now=NOW) == 1
    assert set(Exclusion.objects.values_list("value", flat=True)) == {"d30.example", "ever.example"}

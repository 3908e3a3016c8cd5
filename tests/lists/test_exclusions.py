"""Tests of who is on the 除外リスト."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.models import Workspace
from lists.exclusions import exclude_condition, excluded_domains, find_excluded, has_exclusions
from lists.models import Exclusion, ExclusionKind, Subscriber
from tests.factories import make_subscriber, make_workspace
from tests.lists.clock import NOW

pytestmark = pytest.mark.django_db


def make_exclusion(workspace: Workspace | None, value: str, **fields: Any) -> Exclusion:
    kind = ExclusionKind.ADDRESS if "@" in value else ExclusionKind.DOMAIN
    return Exclusion.objects.create(workspace=workspace, kind=kind, value=value, **fields)


def is_excluded(workspace: Workspace, address: str) -> bool:
    """Ask all three ways, which have to agree."""
    found = set(find_excluded(workspace.pk, [address], now=NOW))
    subscriber = make_subscriber(workspace=workspace, address=address)
    kept = Subscriber.objects.filter(exclude_condition(workspace.pk, now=NOW), pk=subscriber.pk).exists()
    subscriber.delete()
    assert bool(found) is not kept
    return bool(found)


@pytest.mark.parametrize(
    ("value", "address", "expected"),
    [
        ("mori@example.jp", "mori@example.jp", True),
        ("mori@example.jp", "mori@mail.example.jp", False),
        ("mori@example.jp", "omori@example.jp", False),
        ("mori@example.jp", "a.mori@example.jp", False),
        ("example.jp", "mori@example.jp", True),
        ("example.jp", "mori@mail.example.jp", True),
        ("example.jp", "mori@a.b.c.d.example.jp", True),
        ("example.jp", "mori@myexample.jp", False),
        ("example.jp", "mori@example.jp.test", False),
        ("mail.example.jp", "mori@example.jp", False),
        ("mail.example.jp", "mori@mail.example.jp", True),
        ("co.jp", "mori@example.co.jp", True),
        ("a.b.c.d.example.jp", "mori@b.c.d.example.jp", False),
    ],
)
def test_a_domain_holds_for_itself_and_what_is_below_it_at_a_dot(
    workspace: Workspace, value: str, address: str, expected: bool
) -> None:
    make_exclusion(workspace, value)
    assert is_excluded(workspace, address) is expected


def test_nobody_is_excluded_by_an_empty_list(workspace: Workspace, django_assert_num_queries: Any) -> None:
    assert not is_excluded(workspace, "mori@example.jp")
    with django_assert_num_queries(1):
        assert find_excluded(workspace.pk, ["mori@example.jp"], now=NOW) == {}
    with django_assert_num_queries(1):
        assert excluded_domains(workspace.pk, ["example.jp"], now=NOW) == set()
    assert not has_exclusions(workspace.pk)


def test_entries_of_another_workspace_do_not_count(workspace: Workspace) -> None:
    other = make_workspace()
    make_exclusion(other, "mori@example.jp")
    make_exclusion(other, "example.com")
    assert not has_exclusions(workspace.pk)
    assert not is_excluded(workspace, "mori@example.jp")
    assert not is_excluded(workspace, "mori@example.com")


def test_the_installations_entries_hold_for_all_workspaces(workspace: Workspace) -> None:
    make_exclusion(None, "mori@example.jp")
    make_exclusion(None, "example.com")
    for each in (workspace, make_workspace()):
        assert is_excluded(each, "mori@example.jp")
        assert is_excluded(each, "kato@www.example.com")
        assert excluded_domains(each.pk, {"www.example.com", "example.jp"}, now=NOW) == {"www.example.com"}


def test_an_entry_that_is_over_does_not_hold(workspace: Workspace) -> None:
    make_exclusion(workspace, "mori@example.jp", expires_at=NOW)
    make_exclusion(workspace, "example.com", expires_at=NOW)
    make_exclusion(workspace, "kato@example.jp", expires_at=NOW + timedelta(seconds=1))
    assert not is_excluded(workspace, "mori@example.jp")
    assert not is_excluded(workspace, "mori@example.com")
    assert is_excluded(workspace, "kato@example.jp")


def test_the_workspaces_own_and_most_exact_entry_is_named(workspace: Workspace) -> None:
    make_exclusion(None, "mori@mail.example.jp", reason="全体")
    own = make_exclusion(workspace, "mori@mail.example.jp", reason="自社")
    make_exclusion(workspace, "example.jp")
    exact = make_exclusion(workspace, "mail.example.jp")
    found = find_excluded(workspace.pk, ["mori@mail.example.jp", "kato@mail.example.jp"], now=NOW)
    assert found == {"mori@mail.example.jp": own, "kato@mail.example.jp": exact}


LABELS = st.sampled_from(["a", "b", "example", "co", "jp"])
ENDS = st.sampled_from(["example", "co", "jp"])
DOMAINS = st.builds("{}.{}".format, st.lists(LABELS, min_size=1, max_size=4).map(".".join), ENDS)
ADDRESSES = st.builds("{}@{}".format, st.sampled_from(["a", "b.a", "example.jp", "_%"]), DOMAINS)


@hypothesis_settings(max_examples=40)
@given(entries=st.sets(DOMAINS | ADDRESSES, max_size=6), addresses=st.sets(ADDRESSES, min_size=1, max_size=8))
def test_all_ways_of_asking_agree(workspace: Workspace, entries: set[str], addresses: set[str]) -> None:
    Exclusion.objects.all().delete()
    Subscriber.objects.filter(workspace=workspace).delete()
    for value in entries:
        make_exclusion(workspace, value)
    for address in addresses:
        make_subscriber(workspace=workspace, address=address)
    expected = {
        address
        for address in addresses
        if address in entries or any(f".{address.partition('@')[2]}".endswith(f".{value}") for value in entries)
    }
    assert set(find_excluded(workspace.pk, addresses, now=NOW)) == expected
    kept = Subscriber.objects.filter(exclude_condition(workspace.pk, now=NOW), workspace=workspace)
    assert set(kept.values_list("address_key", flat=True)) == addresses - expected


def test_many_addresses_are_asked_in_pieces(workspace: Workspace) -> None:
    make_exclusion(workspace, "reader2499@example.jp")
    addresses = [f"reader{number}@example.jp" for number in range(2500)]
    assert set(find_excluded(workspace.pk, addresses, now=NOW)) == {"reader2499@example.jp"}

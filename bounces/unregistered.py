"""Puts known bad addresses that nobody registered on the 除外リスト, so that no later file brings them in (E7)."""

from collections.abc import Collection, Iterable
from datetime import datetime

from accounts import audit
from accounts.models import User, Workspace
from lists.address import clean_address
from lists.erasing import find_erased
from lists.exceptions import InvalidAddress
from lists.exclusion_entries import MAX_REASON, Entry, save_entries
from lists.exclusions import find_excluded, in_pieces
from lists.models import ExclusionKind, Subscriber


def keep_excludable(workspace: Workspace, keys: Collection[str], *, now: datetime) -> set[str]:
    """Return those of the addresses, as they are compared, that were not erased and are not on the 除外リスト yet."""
    # Of who was erased nothing may be written down; imports know them without it.
    rest = set(keys) - find_erased(workspace, keys)
    return rest - find_excluded(workspace.pk, rest, now=now).keys()


def exclude_unregistered(
    workspace: Workspace, keys: Iterable[str], about: str, filename: str, *, actor: User, now: datetime
) -> int:
    """Put those of the addresses on the workspace's 除外リスト that belong to no subscriber; return how many.

    `about` says in a word what told of them, `filename` where; both are the reason of the entries. What is no address
    that a file could bring in is left out.
    """
    chosen: set[str] = set()
    for chunk in in_pieces(keys):
        valid = {key for key in chunk if is_address(key)}
        own = Subscriber.objects.for_workspace(workspace).filter(address_key__in=valid)
        chosen |= keep_excludable(workspace, valid - set(own.values_list("address_key", flat=True)), now=now)
    reason = f"{about}: {filename}"[:MAX_REASON]
    entries = [Entry(ExclusionKind.ADDRESS, key, reason) for key in sorted(chosen)]
    save_entries(workspace, entries, actor=actor, now=now)
    audit.record(workspace, actor, "known.exclude", filename, rows=len(entries))
    return len(entries)


def is_address(key: str) -> bool:
    """Say whether a text is an address as it is compared."""
    try:
        return clean_address(key).key == key
    except InvalidAddress:
        return False

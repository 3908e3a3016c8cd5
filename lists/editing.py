"""Adds and changes single subscribers, with an entry in the audit log that says which fields, never their values."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User, Workspace
from lists.address import Address
from lists.attribute_values import Value
from lists.consents import end_consents, record_consents
from lists.erasing import find_erased, forget_erasure
from lists.exceptions import ListsError
from lists.headcounts import mark_due
from lists.models import MailingList, StagedRow, Subscriber, Subscription
from lists.people_states import forget_comparisons
from lists.recounting import lock_subscribers
from lists.traces import FORMER


class AddressTaken(ListsError):
    """A subscriber of the workspace has the address already; `subject` is that subscriber."""


class AddressErased(ListsError):
    """The address was erased in the workspace, and nobody said that it may come back."""


class SubscriberChanged(ListsError):
    """The subscriber is not as it was read, or gone; `subject` is its number."""


class ListGone(ListsError):
    """A list was deleted while a subscriber was being put on it."""


@dataclass(frozen=True, slots=True)
class Person:
    """What a person typed about a subscriber, cleaned."""

    address: Address
    name: str = ""
    # Only what is to be changed; "" takes a value away.
    attributes: Mapping[str, Value] = field(default_factory=dict)


def add_subscriber(
    workspace: Workspace,
    person: Person,
    *,
    mailing_lists: Sequence[MailingList],
    evidence: str,
    actor: User,
    now: datetime,
    may_return: bool = False,
) -> Subscriber:
    """Make a subscriber on these lists and return it; `evidence` is the word for how the person agreed (A4).

    Raises AddressTaken, ListGone, and AddressErased unless `may_return`: then the address is forgotten to have been
    erased.
    """
    key = person.address.key
    if taken := Subscriber.objects.for_workspace(workspace).filter(address_key=key).first():
        raise AddressTaken(_("このアドレスは登録済みです。"), taken)
    require_not_erased(workspace, key, may_return=may_return)
    try:
        with transaction.atomic():
            subscriber = Subscriber.objects.create(
                workspace=workspace,
                address=person.address.address,
                address_key=key,
                name=person.name,
                attributes={name: value for name, value in person.attributes.items() if value != ""},
            )
            forget_comparisons(workspace.pk)
            returned = forget_erasure(workspace, key)
            detail = {"returned": True} if returned else {}
            audit.record(workspace, actor, "subscriber.created", subscriber.address, **detail)
            for mailing_list in mailing_lists:
                _put_on(subscriber, mailing_list, evidence=evidence, actor=actor, now=now)
            transaction.on_commit(lambda: mark_due(workspace.pk, [row.pk for row in mailing_lists], now=now))
    except IntegrityError as error:
        others = Subscriber.objects.for_workspace(workspace).filter(address_key=key)
        raise explain_conflict(others.first()) from error
    return subscriber


def explain_conflict(taken: Subscriber | None) -> ListsError:
    """Return what hindered a subscriber from being stored: somebody else wrote at this moment."""
    if taken is not None:
        return AddressTaken(_("このアドレスは登録済みです。"), taken)
    return ListGone(_("選んだリストが削除されました。リストを選び直して、もう一度保存してください。"))


def require_not_erased(workspace: Workspace, address_key: str, *, may_return: bool) -> None:
    """Raise AddressErased where the address was erased and may not return."""
    if not may_return and find_erased(workspace, [address_key]):
        raise AddressErased(
            _("以前に個人情報を消去したアドレスです。本人から改めて同意を得たときだけ登録してください。"), address_key
        )


def seen_of(subscriber: Subscriber, list_ids: Collection[int]) -> str:
    """Return a word for what a page shows of a subscriber: another one as soon as something of it changed."""
    shown = [subscriber.address, subscriber.name, subscriber.attributes, sorted(list_ids)]
    return sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:32]


def edit_subscriber(
    subscriber: Subscriber,
    person: Person,
    *,
    mailing_lists: Sequence[MailingList],
    evidence: str,
    actor: User,
    now: datetime,
    may_return: bool = False,
    seen: str | None = None,
) -> list[str]:
    """Change a subscriber to what was typed, and its lists to these; return the names of the fields that changed.

    The history follows a changed address. Raises AddressTaken, AddressErased and ListGone as `add_subscriber`, and
    SubscriberChanged where it is gone or not as it was shown: `seen` is the word for that (`seen_of`).
    """
    key = person.address.key
    others = Subscriber.objects.filter(workspace=subscriber.workspace_id, address_key=key).exclude(pk=subscriber.pk)
    if taken := others.first():
        raise AddressTaken(_("このアドレスは登録済みです。"), taken)
    if key != subscriber.address_key:
        require_not_erased(subscriber.workspace, key, may_return=may_return)
    try:
        with transaction.atomic():
            row = _lock_seen(subscriber.pk, seen)
            changed = _change_fields(row, person, actor=actor, now=now)
            _change_lists(row, mailing_lists, evidence=evidence, actor=actor, now=now)
    except IntegrityError as error:
        raise explain_conflict(others.first()) from error
    subscriber.refresh_from_db()
    return changed


def _lock_seen(subscriber_id: int, seen: str | None) -> Subscriber:
    """Lock a subscriber; raise SubscriberChanged where it is not as it was seen."""
    locked = lock_subscribers([subscriber_id])
    if not locked:
        raise SubscriberChanged(_("この購読者は、ほかの人が個人情報を消去しました。"), subscriber_id)
    if seen is not None and seen != seen_of(locked[0], lists_of(locked[0])):
        raise SubscriberChanged(
            _("この購読者は別の画面や取り込みで変更されました。必要な部分を控えてから、開き直してください。"),
            subscriber_id,
        )
    return locked[0]


def lists_of(subscriber: Subscriber) -> list[int]:
    """Return the ids of the lists that a subscriber is on; those that are being deleted are nobody's business."""
    places = Subscription.objects.filter(subscriber=subscriber, mailing_list__deleted_at=None)
    return list(places.values_list("mailing_list_id", flat=True))


def _change_fields(row: Subscriber, person: Person, *, actor: User, now: datetime) -> list[str]:
    was, was_key = row.address, row.address_key
    attributes = row.attributes | dict(person.attributes)
    wanted = {
        "address": person.address.address,
        "address_key": person.address.key,
        "name": person.name,
        "attributes": {name: value for name, value in attributes.items() if value != ""},
    }
    changed = [name for name, value in wanted.items() if getattr(row, name) != value]
    if not changed:
        return []
    fields: list[str] = [name for name in ("address", "name") if name in changed]
    fields += sorted(
        name for name in attributes if attributes[name] != row.attributes.get(name, "") and "attributes" in changed
    )
    for name, value in wanted.items():
        setattr(row, name, value)
    row.updated_at = now
    row.save(update_fields=[*changed, "updated_at"])
    forget_comparisons(row.workspace_id)
    detail = {}
    if "address_key" in changed:
        forget_erasure(row.workspace, row.address_key)
        # A file that waits to be merged means somebody else by the former address.
        staged = StagedRow.objects.filter(csv_import__workspace=row.workspace_id, address_key=was_key)
        staged.update(subscriber_id=None, is_changed=False)
    if "address" in changed:
        # Who looks for what was done to this person looks for the address.
        entries = audit.entries_about(row.workspace_id, [was]).filter(action__startswith="subscriber.")
        entries.update(target=row.address[:200])
        detail[FORMER] = was
    audit.record(row.workspace, actor, "subscriber.edited", row.address, fields=fields, **detail)
    return fields


def _change_lists(
    row: Subscriber, mailing_lists: Sequence[MailingList], *, evidence: str, actor: User, now: datetime
) -> None:
    wanted = {mailing_list.pk: mailing_list for mailing_list in mailing_lists}
    # Lists that are being deleted are nobody's business any more.
    present = {found.pk: found for found in MailingList.objects.filter(subscriptions__subscriber=row)}
    for pk in sorted(wanted.keys() - present.keys()):
        _put_on(row, wanted[pk], evidence=evidence, actor=actor, now=now)
    for pk in sorted(present.keys() - wanted.keys()):
        Subscription.objects.filter(subscriber=row, mailing_list=pk).delete()
        end_consents([row.pk], present[pk], now=now)
        audit.record(row.workspace, actor, "subscriber.unlisted", row.address, list=present[pk].name)
    if touched := wanted.keys() ^ present.keys():
        transaction.on_commit(lambda: mark_due(row.workspace_id, touched, now=now))


def _put_on(row: Subscriber, mailing_list: MailingList, *, evidence: str, actor: User, now: datetime) -> None:
    _place, is_new = Subscription.objects.get_or_create(subscriber=row, mailing_list=mailing_list)
    if is_new:
        record_consents([row.pk], mailing_list, evidence=evidence, actor=actor, now=now)
        audit.record(row.workspace, actor, "subscriber.listed", row.address, list=mailing_list.name)

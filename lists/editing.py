"""Adds and changes single subscribers, with an entry in the audit log that says which fields, never their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import AuditEntry, User, Workspace
from lists.address import Address
from lists.attribute_values import Value
from lists.consents import end_consents, record_consents
from lists.erasing import find_erased, forget_erasure
from lists.exceptions import ListsError
from lists.headcounts import mark_due
from lists.models import MailingList, StagedRow, Subscriber, Subscription
from lists.recounting import lock_subscribers
from lists.traces import FORMER


class AddressTaken(ListsError):
    """A subscriber of the workspace has the address already; `subject` is that subscriber."""


class AddressErased(ListsError):
    """The address was erased in the workspace, and nobody said that it may come back."""


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

    Raises AddressTaken, and AddressErased unless `may_return`: then the address is forgotten to have been erased.
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
            returned = forget_erasure(workspace, key)
            detail = {"returned": True} if returned else {}
            audit.record(workspace, actor, "subscriber.created", subscriber.address, **detail)
            for mailing_list in mailing_lists:
                _put_on(subscriber, mailing_list, evidence=evidence, actor=actor, now=now)
            transaction.on_commit(lambda: mark_due(workspace.pk, [row.pk for row in mailing_lists], now=now))
    except IntegrityError as error:
        # Somebody else added it at this moment.
        taken = Subscriber.objects.for_workspace(workspace).get(address_key=key)
        raise AddressTaken(_("このアドレスは登録済みです。"), taken) from error
    return subscriber


def require_not_erased(workspace: Workspace, address_key: str, *, may_return: bool) -> None:
    """Raise AddressErased where the address was erased and may not return."""
    if not may_return and find_erased(workspace, [address_key]):
        raise AddressErased(
            _("以前に個人情報を消去したアドレスです。本人から改めて同意を得たときだけ登録してください。"), address_key
        )


def edit_subscriber(
    subscriber: Subscriber,
    person: Person,
    *,
    mailing_lists: Sequence[MailingList],
    evidence: str,
    actor: User,
    now: datetime,
    may_return: bool = False,
) -> list[str]:
    """Change a subscriber to what was typed, and its lists to these; return the names of the fields that changed.

    The history follows a changed address. Raises AddressTaken and AddressErased as `add_subscriber`.
    """
    key = person.address.key
    others = Subscriber.objects.filter(workspace=subscriber.workspace_id, address_key=key).exclude(pk=subscriber.pk)
    if taken := others.first():
        raise AddressTaken(_("このアドレスは登録済みです。"), taken)
    if key != subscriber.address_key:
        require_not_erased(subscriber.workspace, key, may_return=may_return)
    try:
        with transaction.atomic():
            (row,) = lock_subscribers([subscriber.pk])
            changed = _change_fields(row, person, actor=actor, now=now)
            _change_lists(row, mailing_lists, evidence=evidence, actor=actor, now=now)
    except IntegrityError as error:
        raise AddressTaken(_("このアドレスは登録済みです。"), others.get()) from error
    subscriber.refresh_from_db()
    return changed


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
    detail = {}
    if "address_key" in changed:
        forget_erasure(row.workspace, row.address_key)
        # A file that waits to be merged means somebody else by the former address.
        staged = StagedRow.objects.filter(csv_import__workspace=row.workspace_id, address_key=was_key)
        staged.update(subscriber_id=None, is_changed=False)
    if "address" in changed:
        # Who looks for what was done to this person looks for the address.
        AuditEntry.objects.filter(workspace=row.workspace, target=was[:200], action__startswith="subscriber.").update(
            target=row.address[:200]
        )
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

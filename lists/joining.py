"""People who join and leave lists by their own act, through a form or the page of their settings (A4, F6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Workspace
from lists.consents import end_consents
from lists.editing import Person
from lists.erasing import forget_erasure
from lists.exceptions import ListsError
from lists.exclusions import find_excluded
from lists.headcounts import mark_due
from lists.models import Consent, ConsentSource, MailingList, StopReason, Subscriber, Subscription
from lists.people_states import forget_comparisons
from lists.recounting import lock_subscribers
from lists.subscribers import resume

# Stops that end where the person asks for mail again: their own wish, and errors, since the mail that they answered
# arrived. What a complaint, or a person of the workspace, stopped stays stopped.
LIFTED = (StopReason.UNSUBSCRIBED, StopReason.ERRORS)


class MayNotJoin(ListsError):
    """Mail to this address was ended by a complaint, by hand, or by the 除外リスト: its own wish does not change that."""


@dataclass(frozen=True, slots=True)
class OwnConsent:
    """What a person agreed to by an act of their own: when, from where, in which form and by which wording."""

    at: datetime
    ip: str | None
    evidence: str
    text_version: str = ""


def may_join(workspace: Workspace, address_key: str, *, now: datetime) -> bool:
    """Say whether an address may come onto lists by the wish of its owner."""
    if find_excluded(workspace.pk, [address_key], now=now):
        return False
    known = Subscriber.objects.for_workspace(workspace).filter(address_key=address_key).first()
    return known is None or not known.is_stopped() or known.stop_reason in LIFTED


def join(
    workspace: Workspace, person: Person, mailing_lists: Sequence[MailingList], consent: OwnConsent, *, now: datetime
) -> Subscriber:
    """Put a person who confirmed it onto lists, and write each consent down (A4); return the subscriber.

    Makes the subscriber where there is none, also of an address that was erased; else fills in what was typed and lifts
    a stop of LIFTED. Raises MayNotJoin.
    """
    key = person.address.key
    if not may_join(workspace, key, now=now):
        raise MayNotJoin(_("このアドレスは、登録できません。"), key)
    with transaction.atomic():
        subscriber = _find_or_make(workspace, person)
        if subscriber.is_stopped():
            resume(subscriber, consent.evidence, actor=None, now=now)
        for mailing_list in mailing_lists:
            _put_on(subscriber, mailing_list, consent)
        transaction.on_commit(lambda: mark_due(workspace.pk, [row.pk for row in mailing_lists], now=now))
    return subscriber


def _find_or_make(workspace: Workspace, person: Person) -> Subscriber:
    own = Subscriber.objects.for_workspace(workspace).filter(address_key=person.address.key)
    if not own.exists():
        try:
            with transaction.atomic():
                return _make(workspace, person)
        except IntegrityError:
            # Somebody else stored the address at this moment.
            pass
    subscriber = lock_subscribers(own.values_list("pk", flat=True))[0]
    # A complaint, or a stop by hand, that came since it was looked at.
    if subscriber.is_stopped() and subscriber.stop_reason not in LIFTED:
        raise MayNotJoin(_("このアドレスは、登録できません。"), person.address.key)
    change_details(subscriber, Person(person.address, person.name or subscriber.name, person.attributes))
    return subscriber


def _make(workspace: Workspace, person: Person) -> Subscriber:
    subscriber = Subscriber.objects.create(
        workspace=workspace,
        address=person.address.address,
        address_key=person.address.key,
        name=person.name,
        attributes={name: value for name, value in person.attributes.items() if value != ""},
    )
    forget_comparisons(workspace.pk)
    detail = {"returned": True} if forget_erasure(workspace, person.address.key) else {}
    audit.record(workspace, None, "subscriber.created", subscriber.address, **detail)
    return subscriber


def change_details(subscriber: Subscriber, person: Person) -> list[str]:
    """Change the name and the named attributes of a subscriber; "" takes a value away. Return what changed."""
    attributes = {
        name: value for name, value in (subscriber.attributes | dict(person.attributes)).items() if value != ""
    }
    fields = ["name"] if person.name != subscriber.name else []
    fields += sorted(
        name for name in person.attributes if attributes.get(name, "") != subscriber.attributes.get(name, "")
    )
    if fields:
        subscriber.name, subscriber.attributes = person.name, attributes
        subscriber.save(update_fields=["name", "attributes", "updated_at"])
        forget_comparisons(subscriber.workspace_id)
        audit.record(subscriber.workspace, None, "subscriber.edited", subscriber.address, fields=fields)
    return fields


def _put_on(subscriber: Subscriber, mailing_list: MailingList, consent: OwnConsent) -> None:
    _place, is_new = Subscription.objects.get_or_create(subscriber=subscriber, mailing_list=mailing_list)
    # Also for who was on the list: it is a newer word of theirs.
    Consent.objects.create(
        subscriber=subscriber,
        mailing_list=mailing_list,
        source=ConsentSource.FORM,
        at=consent.at,
        evidence=consent.evidence[:255],
        ip=consent.ip,
        text_version=consent.text_version[:50],
    )
    if is_new:
        audit.record(subscriber.workspace, None, "subscriber.listed", subscriber.address, list=mailing_list.name)


def leave(subscriber: Subscriber, mailing_lists: Sequence[MailingList], *, now: datetime) -> int:
    """Take a person off lists as they wish; return from how many. The consents end (F4)."""
    left = []
    with transaction.atomic():
        for mailing_list in mailing_lists:
            places = Subscription.objects.filter(subscriber=subscriber, mailing_list=mailing_list)
            if not places.delete()[0]:
                continue
            end_consents([subscriber.pk], mailing_list, now=now)
            audit.record(subscriber.workspace, None, "subscriber.unlisted", subscriber.address, list=mailing_list.name)
            left.append(mailing_list.pk)
        transaction.on_commit(lambda: mark_due(subscriber.workspace_id, left, now=now))
    return len(left)

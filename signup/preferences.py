"""設定ページ: what a subscriber gets and what is kept of them, changed by themselves."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import Workspace
from lists.address import clean_address
from lists.attribute_values import Value
from lists.editing import Person, lists_of
from lists.joining import MayNotJoin, OwnConsent, change_details, join, leave
from lists.models import MailingList, Subscriber
from lists.recounting import lock_subscribers
from signup.models import FormField, NameRule, SignupForm


def open_forms(workspace: Workspace) -> list[int]:
    """Return the forms of a workspace that are not stopped: what they offer may be chosen and changed."""
    return list(SignupForm.objects.filter(workspace=workspace, stopped_at=None).values_list("pk", flat=True))


def public_lists(workspace: Workspace) -> list[MailingList]:
    """Return the lists that people may know of: those that an open form offers."""
    offered = MailingList.objects.filter(workspace=workspace, signup_forms__in=open_forms(workspace))
    return list(offered.distinct().order_by("name"))


def public_fields(workspace: Workspace) -> list[FormField]:
    """Return the attributes that an open form asks for, each once; here none is required."""
    fields = FormField.objects.filter(form__in=open_forms(workspace), attribute__archived_at=None)
    by_attribute = {field.attribute_id: field for field in fields.select_related("attribute")}
    return [FormField(attribute=field.attribute) for field in by_attribute.values()]


def name_rule(workspace: Workspace) -> NameRule:
    """Say whether the name may be changed: where an open form asks for it."""
    asks = SignupForm.objects.filter(pk__in=open_forms(workspace)).exclude(name_rule=NameRule.NONE)
    return NameRule.OPTIONAL if asks.exists() else NameRule.NONE


def save_preferences(
    subscriber: Subscriber,
    chosen: Collection[int],
    *,
    name: str | None,
    values: dict[str, Value],
    ip: str,
    now: datetime,
) -> None:
    """Change a subscriber's details (`name` None: left as it is) and their places on the public lists to the chosen ones.

    A list that they come onto is a consent of its own (A4). Lists that no form offers stay as they are. Who may not
    join (`lists.joining.may_join`) can only leave.
    """
    workspace, own = subscriber.workspace, set(lists_of(subscriber))
    public = public_lists(workspace)
    with transaction.atomic():
        locked = lock_subscribers([subscriber.pk])
        if not locked or locked[0].is_stopped():
            return
        row = locked[0]
        change_details(row, Person(clean_address(row.address), row.name if name is None else name, values))
        leave(row, [found for found in public if found.pk in own and found.pk not in chosen], now=now)
        new = [found for found in public if found.pk in chosen and found.pk not in own]
        if new:
            consent = OwnConsent(at=now, ip=ip, evidence=_("メール設定ページ"))
            try:
                join(workspace, Person(clean_address(row.address)), new, consent, now=now)
            except MayNotJoin:
                # Nothing is sent to the address in any case.
                return

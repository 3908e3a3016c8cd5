"""Makes, changes, stops and reopens forms, with entries in the audit log."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from accounts import audit
from accounts.models import User
from lists.models import AttributeDefinition
from signup.models import FormField, SignupForm, Wording


def save_form(
    form: SignupForm, asked: Mapping[AttributeDefinition, bool], text: str, *, actor: User, now: datetime
) -> None:
    """Store what a form asks for (an attribute, and whether it is required) and what people agree to.

    The form itself and its lists are stored by the caller, in the same transaction. A changed text is a new wording.
    """
    is_new = not form.wordings.exists()
    form.fields.exclude(attribute__in=asked).delete()
    for attribute, is_required in asked.items():
        FormField.objects.update_or_create(form=form, attribute=attribute, defaults={"is_required": is_required})
    newest = form.wordings.order_by("-number").first()
    if newest is None or newest.text != text:
        number = newest.number + 1 if newest else 1
        Wording.objects.create(form=form, number=number, text=text, since=now)
    audit.record(form.workspace, actor, "signup_form.create" if is_new else "signup_form.update", form.name)


@transaction.atomic
def switch_form(form: SignupForm, *, is_active: bool, actor: User, now: datetime) -> bool:
    """Let a form take requests, or none any more; False where that is so already."""
    own = SignupForm.objects.filter(pk=form.pk, stopped_at__isnull=not is_active)
    if not own.update(stopped_at=None if is_active else now):
        return False
    audit.record(form.workspace, actor, "signup_form.resume" if is_active else "signup_form.stop", form.name)
    return True

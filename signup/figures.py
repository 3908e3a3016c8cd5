"""Counts what forms are asked for, by day."""

from datetime import date, datetime, timedelta

from django.db.models import F, Sum

from signup.models import FormDay, SignupForm

# Days that the page of a form shows.
SHOWN_DAYS = 30
KINDS = ("requests", "confirmed", "refused")


def count(form: SignupForm, kind: str, *, now: datetime) -> None:
    """Add one to a figure (of KINDS) of a form's present day, by the clock of its workspace."""
    day = now.astimezone(form.workspace.zone).date()
    FormDay.objects.bulk_create([FormDay(form=form, day=day)], ignore_conflicts=True)
    FormDay.objects.filter(form=form, day=day).update(**{kind: F(kind) + 1})


def totals_of(form_ids: list[int]) -> dict[int, dict[str, int]]:
    """Return the figures of forms by their ids, over all days; a form without any has zeros."""
    totals = {form_id: dict.fromkeys(KINDS, 0) for form_id in form_ids}
    sums = FormDay.objects.filter(form__in=form_ids).order_by().values_list("form")
    for form_id, *numbers in sums.annotate(*(Sum(kind) for kind in KINDS)):
        totals[form_id] = dict(zip(KINDS, numbers, strict=True))
    return totals


def newest_days(form: SignupForm, *, today: date) -> list[FormDay]:
    """Return the days of a form with something on them, the newest first, SHOWN_DAYS back."""
    return list(form.days.filter(day__gt=today - timedelta(days=SHOWN_DAYS)).order_by("-day"))

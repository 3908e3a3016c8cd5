"""Stores what a form holds where somebody else may store the same at that moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.db import IntegrityError, transaction


def store(form: forms.ModelForm[Any], note: Callable[[str], object] = lambda _name: None) -> bool:
    """Store a valid form, and what `note` writes of the name, in one transaction; False where it is valid no more, and says why.

    The form asks whether a name is taken, and the database has the last word on it. So the form is asked again, which
    sees by now what came first. Raises IntegrityError where that is not the reason.
    """
    try:
        with transaction.atomic():
            form.save()
            note(str(form.instance))
    except IntegrityError:
        form.full_clean()
        if form.is_valid():
            raise
        return False
    return True

"""The search field of the sandbox page."""

from django import forms
from django.utils.translation import gettext_lazy as _


class SearchForm(forms.Form):
    """Reads what to search for; empty shows everything."""

    q = forms.CharField(label=_("宛先または件名で検索"), max_length=200, required=False)

"""Why somebody unsubscribed. It cleans input and writes nothing."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.models import LeavingReason


class ReasonForm(forms.Form):
    """A choice, words, or both."""

    choice = forms.ChoiceField(label=_("理由"), choices=LeavingReason.choices, required=False, widget=forms.RadioSelect)
    words = forms.CharField(
        label=_("ご意見(任意)"), max_length=150, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )

    def clean_words(self) -> str:
        """Put them into one line, without control characters."""
        spaced = "".join(letter if letter.isprintable() else " " for letter in self.cleaned_data["words"])
        return " ".join(spaced.split())

    def clean(self) -> dict[str, Any]:
        """Ask for one of the two."""
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and not cleaned.get("choice") and not cleaned.get("words"):
            raise forms.ValidationError(_("理由を選ぶか、ご意見を入力してください。"))
        return cleaned

    def reason(self) -> LeavingReason:
        """Return the choice of a valid form; words alone are その他."""
        return LeavingReason(self.cleaned_data["choice"] or LeavingReason.OTHER)

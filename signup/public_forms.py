"""The fields that people fill in on the public pages. They clean input and write nothing."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms
from django.core import signing
from django.http import QueryDict

from lists.address import Address, clean_address
from lists.attribute_values import DATE, Value
from lists.columns import MAX_NAME, clean_attribute, clean_name, column_for
from lists.editing import Person
from lists.exceptions import InvalidAddress, RowRefused
from lists.models import AttributeDefinition, AttributeKind
from signup.models import FormField, NameRule, SignupForm
from signup.words import Words

# A field that no person sees; what fills it in is a robot. Its name invites them.
HONEYPOT: Final = "website"
# Seconds in which nobody fills in a form, and after which a page is too old to tell anything.
QUICKEST: Final = 2
OLDEST: Final = 24 * 3600
SHOWN_AT: Final = "signup shown"


def field_name(attribute: AttributeDefinition) -> str:
    """Return the name of an attribute's field in the page and in the snippet."""
    return f"a{attribute.pk}"


def mark_shown(form: SignupForm) -> str:
    """Return what a page carries to tell when it was shown."""
    return signing.TimestampSigner(salt=SHOWN_AT).sign(form.token)


def is_too_quick(form: SignupForm, mark: str) -> bool:
    """Say whether a page was sent back in less time than a person needs, or with a mark that is not ours.

    Snippets carry no mark: they are written once and copied into pages of others.
    """
    if not mark:
        return False
    signer = signing.TimestampSigner(salt=SHOWN_AT)
    try:
        if signer.unsign(mark, max_age=OLDEST) != form.token:
            return True
    except signing.SignatureExpired:
        return False
    except signing.BadSignature:
        return True
    try:
        signer.unsign(mark, max_age=QUICKEST)
    except signing.SignatureExpired:
        return False
    return True


class DetailsForm(forms.Form):
    """The name and the attributes of a person, as a form of the workspace asks for them."""

    def __init__(
        self,
        data: QueryDict | None,
        *,
        words: Words,
        name_rule: str,
        fields: Sequence[FormField],
        stored: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, label_suffix="")
        self.words = words
        self.asked = list(fields)
        stored = stored or {}
        if name_rule != NameRule.NONE:
            widget = forms.TextInput(attrs={"autocomplete": "name"})
            self.fields["name"] = self._text_field(words.name, name_rule == NameRule.REQUIRED, MAX_NAME, widget)
            self.fields["name"].initial = stored.get("name", "")
        for field in self.asked:
            value = str(stored.get(field.attribute.name, ""))
            self.fields[field_name(field.attribute)] = self._attribute_field(field, value)

    def _text_field(
        self, label: str, is_required: bool, longest: int, widget: forms.Widget | None = None
    ) -> forms.CharField:
        return forms.CharField(
            label=label,
            required=is_required,
            max_length=longest,
            widget=widget or forms.TextInput(),
            error_messages={"required": self.words.missing, "max_length": self.words.wrong_value},
        )

    def _attribute_field(self, field: FormField, stored: str) -> forms.Field:
        attribute = field.attribute
        if attribute.kind == AttributeKind.CHOICE and attribute.choices:
            choices = [*attribute.choices, *([stored] if stored and stored not in attribute.choices else [])]
            pairs = [("", self.words.none_chosen), *((choice, choice) for choice in choices)]
            errors = {"required": self.words.missing, "invalid_choice": self.words.wrong_value}
            return forms.ChoiceField(
                label=attribute.label,
                choices=pairs,
                required=field.is_required,
                initial=stored,
                error_messages=errors,
            )
        widget = forms.TextInput()
        if attribute.kind == AttributeKind.DATE and (not stored or DATE.fullmatch(stored)):
            widget = forms.DateInput(attrs={"type": "date"})
        elif attribute.kind == AttributeKind.NUMBER:
            widget = forms.TextInput(attrs={"inputmode": "decimal"})
        made = self._text_field(attribute.label, field.is_required, 1000, widget)
        made.initial = stored
        return made

    def clean_name(self) -> str:
        """Refuse line breaks and control characters."""
        try:
            return clean_name(self.cleaned_data["name"], self.words.name)
        except RowRefused as error:
            raise forms.ValidationError(self.words.wrong_value) from error

    def clean(self) -> dict[str, Any]:
        """Clean the values by their kinds."""
        cleaned = super().clean() or self.cleaned_data
        for field in self.asked:
            name = field_name(field.attribute)
            # What was stored before the kind was changed may stay.
            if name not in cleaned or cleaned[name] == self.fields[name].initial:
                continue
            try:
                cleaned[name] = clean_attribute(column_for(field.attribute), cleaned[name], field.attribute.label)
            except RowRefused as error:
                self.add_error(name, error.sentence if self.words.language == "ja" else self.words.wrong_value)
        return cleaned

    def values(self) -> dict[str, Value]:
        """Return the attributes of a valid form that are not what is stored; what was not sent is left as it is."""
        names = {field.attribute.name: field_name(field.attribute) for field in self.asked}
        return {
            attribute: self.cleaned_data[name]
            for attribute, name in names.items()
            if name in self.data and self.cleaned_data[name] != self.fields[name].initial
        }


class PublicForm(DetailsForm):
    """What a form of the workspace asks for."""

    address = forms.CharField(max_length=320, widget=forms.EmailInput(attrs={"autocomplete": "email"}))

    def __init__(self, data: QueryDict | None, *, form: SignupForm, words: Words) -> None:
        fields = form.fields.filter(attribute__archived_at=None).select_related("attribute")
        super().__init__(data, words=words, name_rule=form.name_rule, fields=list(fields))
        self.fields["address"].label = words.address
        self.fields["address"].error_messages |= {"required": words.missing, "max_length": words.wrong_address}

    def clean_address(self) -> Address:
        """Return the address cleaned, by the rules of lists: also those that carriers gave out (F1)."""
        try:
            return clean_address(self.cleaned_data["address"])
        except InvalidAddress as error:
            sentence = error.sentence if self.words.language == "ja" else self.words.wrong_address
            raise forms.ValidationError(sentence) from error

    def person(self) -> Person:
        """Return what a valid form says; what was left empty changes nothing of who is known."""
        return Person(self.cleaned_data["address"], self.cleaned_data.get("name", ""), self.values())

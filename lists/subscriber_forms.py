"""Forms for subscribers. They clean input and write nothing."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.form_fields import PLAIN_TEXT, RowsField, one_line
from accounts.models import Workspace
from lists.address import Address, clean_address
from lists.attribute_values import DATE, Value
from lists.attributes import attributes_of
from lists.columns import MAX_NAME, clean_value, column_for
from lists.editing import Person, lists_of, seen_of
from lists.exceptions import InvalidAddress, RowRefused
from lists.models import (
    RECIPIENTS_WILL,
    AttributeDefinition,
    AttributeKind,
    MailingList,
    StopReason,
    Subscriber,
)


class StopForm(forms.Form):
    """Why a subscriber is stopped by hand."""

    reason = forms.ChoiceField(
        label=gettext_lazy("停止の種類"),
        choices=[
            (StopReason.MANUAL, gettext_lazy("こちらの判断で止める(手動停止)")),
            (StopReason.UNSUBSCRIBED, gettext_lazy("本人から解除の依頼があった(購読解除)")),
        ],
        initial=StopReason.MANUAL,
        widget=forms.RadioSelect,
        help_text=gettext_lazy("購読解除にすると、再開するときに本人の依頼があったことの確認が必要になります。"),
        error_messages={"required": gettext_lazy("停止の種類を選んでください。")},
    )
    why = forms.CharField(
        label=gettext_lazy("停止の理由"),
        max_length=200,
        validators=[one_line],
        help_text=gettext_lazy("例: 電話で配信を止めてほしいと連絡があった。操作の記録に残ります。"),
        error_messages={"required": gettext_lazy("停止の理由を入力してください。")},
    )


class ResumeForm(forms.Form):
    """Why a stopped subscriber is sent to again; against the recipient's own will only with a word for it."""

    why = forms.CharField(
        label=gettext_lazy("再開の理由"),
        max_length=200,
        validators=[one_line],
        help_text=gettext_lazy("例: 本人からメールで再開の依頼があった。操作の記録に残ります。"),
        error_messages={"required": gettext_lazy("再開の理由を入力してください。")},
    )
    asked = forms.BooleanField(
        label=gettext_lazy("本人から再開の依頼があったことを確かめました"),
        error_messages={
            "required": gettext_lazy("本人の意思による配信停止です。本人の依頼を確かめて、チェックを入れてください。")
        },
    )

    def __init__(self, *args: Any, subscriber: Subscriber, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if subscriber.stop_reason not in RECIPIENTS_WILL:
            del self.fields["asked"]


class SubscriberForm(forms.Form):
    """A subscriber's address, name, values and lists."""

    address = forms.CharField(
        label=gettext_lazy("メールアドレス"),
        max_length=320,
        widget=forms.TextInput(attrs=PLAIN_TEXT | {"inputmode": "email"}),
        error_messages={"required": gettext_lazy("メールアドレスを入力してください。")},
    )
    name = forms.CharField(label=gettext_lazy("お名前"), max_length=MAX_NAME, required=False, validators=[one_line])
    lists = RowsField(
        label=gettext_lazy("リスト"),
        queryset=MailingList.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("どのリストにも入っていない購読者には配信されません。"),
    )
    evidence = forms.CharField(
        label=gettext_lazy("配信の同意をどのように得たか"),
        max_length=255,
        required=False,
        validators=[one_line],
        help_text=gettext_lazy("リストに加えるときに必要です。例: 2026年5月の展示会の申込書。同意の記録に残ります。"),
    )
    # What the page showed: what others changed meanwhile is not overwritten.
    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    # Only shown where the address was erased.
    may_return_again = forms.BooleanField(
        label=gettext_lazy("本人から改めて配信の同意を得ました。消去済みの記録を取り消して登録します"), required=False
    )

    def __init__(
        self,
        data: QueryDict | None,
        *,
        workspace: Workspace,
        subscriber: Subscriber | None = None,
        initial: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.workspace = workspace
        self.subscriber = subscriber
        self.definitions = attributes_of(workspace)
        self.own_lists = lists_of(subscriber) if subscriber else []
        # The subscriber that has the address already.
        self.taken: Subscriber | None = None
        super().__init__(data, initial={**initial, **self._stored()})
        self.asks_for_return = bool(self.data.get("may_return_again"))
        for definition in self.definitions:
            self.fields[_field_name(definition)] = _make_field(definition, self.stored_text(definition))
        own = MailingList.objects.filter(workspace=workspace).order_by("name")
        cast("forms.ModelMultipleChoiceField[MailingList]", self.fields["lists"]).queryset = own

    def _stored(self) -> dict[str, Any]:
        if self.subscriber is None:
            return {}
        return {
            "address": self.subscriber.address,
            "name": self.subscriber.name,
            "lists": self.own_lists,
            "seen": seen_of(self.subscriber, self.own_lists),
        }

    def stored_text(self, definition: AttributeDefinition) -> str:
        """Return the value that the subscriber has, as text."""
        return str(self.subscriber.attributes.get(definition.name, "")) if self.subscriber else ""

    @property
    def attribute_fields(self) -> list[forms.BoundField]:
        """Return the fields of the attributes, for the page."""
        return [self[_field_name(definition)] for definition in self.definitions]

    def clean_address(self) -> Address:
        """Return the address cleaned."""
        try:
            return clean_address(self.cleaned_data["address"])
        except InvalidAddress as error:
            raise forms.ValidationError(error.sentence) from error

    def clean(self) -> dict[str, Any]:
        """Clean the values by their kinds; require the word for the consent where a list is new."""
        cleaned = super().clean() or self.cleaned_data
        for definition in self.definitions:
            self._clean_attribute(definition)
        new = {row.pk for row in cleaned.get("lists") or ()} - set(self.own_lists)
        if new and not cleaned.get("evidence") and "evidence" not in self.errors:
            self.add_error("evidence", _("リストに加えるには、配信の同意をどのように得たかを入力してください。"))
        return cleaned

    def _clean_attribute(self, definition: AttributeDefinition) -> None:
        name = _field_name(definition)
        text = self.cleaned_data.get(name, "")
        # What was stored before the kind was changed may stay.
        if text == self.stored_text(definition):
            return
        try:
            self.cleaned_data[name] = clean_value(column_for(definition), text)
        except RowRefused as error:
            self.add_error(name, error.sentence)

    def person(self) -> Person:
        """Return what a valid form says; only the values that are not what is stored."""
        values: dict[str, Value] = {
            definition.name: self.cleaned_data[_field_name(definition)]
            for definition in self.definitions
            if self.cleaned_data[_field_name(definition)] != self.stored_text(definition)
        }
        return Person(self.cleaned_data["address"], self.cleaned_data["name"], values)

    def chosen_lists(self) -> list[MailingList]:
        """Return the lists of a valid form."""
        return list(self.cleaned_data["lists"])

    def may_return(self) -> bool:
        """Say whether the person said that an erased address may come back."""
        return bool(self.cleaned_data["may_return_again"])

    def ask_for_return(self) -> None:
        """Show the box by which an erased address comes back."""
        self.asks_for_return = True


def _field_name(definition: AttributeDefinition) -> str:
    return f"attribute_{definition.pk}"


def _make_field(definition: AttributeDefinition, stored: str) -> forms.Field:
    """Return the field for an attribute; what does not fit its kind any more is shown as it is."""
    label = definition.label
    if definition.kind == AttributeKind.CHOICE and definition.choices:
        choices = [*definition.choices, *([stored] if stored and stored not in definition.choices else [])]
        pairs = [("", _("(なし)")), *((choice, choice) for choice in choices)]
        return forms.ChoiceField(label=label, required=False, choices=pairs, initial=stored)
    widget = forms.TextInput()
    if definition.kind == AttributeKind.DATE and (not stored or DATE.fullmatch(stored)):
        widget = forms.DateInput(attrs={"type": "date"})
    elif definition.kind == AttributeKind.NUMBER:
        widget = forms.TextInput(attrs={"inputmode": "decimal"})
    return forms.CharField(label=label, required=False, initial=stored, widget=widget)

"""Forms of bulk actions: what each of them needs to know. They clean input and write nothing."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.form_fields import one_line
from accounts.models import Workspace
from lists.attribute_values import MAX_VALUE, parse
from lists.attributes import attributes_of
from lists.exceptions import ListsError
from lists.models import BulkAction, MailingList


def reason_field(label: Any, help_text: Any, missing: Any) -> forms.CharField:
    """Return a field for a line of words that has to be given."""
    return forms.CharField(
        label=label,
        max_length=200,
        validators=[one_line],
        help_text=help_text,
        error_messages={"required": missing},
    )


class BulkForm(forms.Form):
    """What every bulk action has."""

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace

    def argument(self) -> dict[str, Any]:
        """Return what the job has to know (lists.bulk.queue_bulk)."""
        return {}

    def why(self) -> str:
        """Return the words that are kept with the job."""
        return str(self.cleaned_data.get("reason", ""))


class BulkStopForm(BulkForm):
    """Why people are stopped."""

    reason = reason_field(
        _("停止の理由"),
        _("例: 退会した会員。購読者の画面と操作の記録に残ります。"),
        _("停止の理由を入力してください。"),
    )


class BulkResumeForm(BulkForm):
    """Why people are sent to again, and whether also those who refused."""

    reason = reason_field(
        _("再開の理由"),
        _("例: サーバーの障害で誤って停止したため。操作の記録に残ります。"),
        _("再開の理由を入力してください。"),
    )
    own_will = forms.BooleanField(
        label=_("購読解除・苦情で停止した人も再開する(全員から再開の依頼があったことを確かめました)"),
        required=False,
        help_text=_("チェックを入れないと、本人の意思で停止した人は停止のままです。"),
    )

    def argument(self) -> dict[str, Any]:
        """Return whether those who refused are resumed as well."""
        return {"own_will": bool(self.cleaned_data["own_will"])}


class BulkEraseForm(BulkForm):
    """Why personal data is erased, and a word that this is meant."""

    reason = reason_field(
        _("消去の理由"),
        _("例: 保存期間が過ぎた名簿。操作の記録に残ります。お名前やメールアドレスは書かないでください。"),
        _("消去の理由を入力してください。"),
    )
    sure = forms.BooleanField(
        label=_("元に戻せないことを確かめました"),
        error_messages={"required": _("消去した個人情報は元に戻せません。確かめて、チェックを入れてください。")},
    )


class BulkListForm(BulkForm):
    """Which list."""

    mailing_list = forms.ModelChoiceField(
        MailingList.objects.none(),
        label=_("リスト"),
        empty_label=_("選んでください"),
        error_messages={"required": _("リストを選んでください。")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lists = MailingList.objects.filter(workspace=self.workspace).order_by("name")
        self.fields["mailing_list"].queryset = lists  # type: ignore[attr-defined]

    def argument(self) -> dict[str, Any]:
        """Return the list's id."""
        return {"list": self.cleaned_data["mailing_list"].pk}


class BulkAddForm(BulkListForm):
    """Which list, and how the people agreed to be on it (A4)."""

    reason = reason_field(
        _("配信への同意"),
        _("例: 2026年9月の展示会の申込書で同意を得た。同意の記録に残ります。"),
        _("配信への同意をどのように得たかを入力してください。"),
    )
    text_version = forms.CharField(
        label=_("同意文の版"),
        max_length=50,
        required=False,
        validators=[one_line],
        help_text=_("例: 2026年4月版。同意を得たときの文面が分かるように書きます。"),
    )

    def argument(self) -> dict[str, Any]:
        """Return the list's id and the wording that was agreed to."""
        return super().argument() | {"text_version": self.cleaned_data["text_version"]}


class BulkValueForm(BulkForm):
    """Which attribute gets which value."""

    attribute = forms.ChoiceField(label=_("項目"), error_messages={"required": _("項目を選んでください。")})
    value = forms.CharField(
        label=_("新しい値"),
        max_length=MAX_VALUE,
        required=False,
        help_text=_("空のままにすると、値を消します。日付は 2026-04-01 のように入力します。"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.definitions = {found.name: found for found in attributes_of(self.workspace)}
        choices = [("", _("選んでください")), *((found.name, found.label) for found in self.definitions.values())]
        self.fields["attribute"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Read the value as the attribute's kind has it."""
        cleaned = super().clean() or self.cleaned_data
        definition = self.definitions.get(cleaned.get("attribute", ""))
        if definition is not None and "value" in cleaned:
            try:
                cleaned["value"] = parse(definition.kind, cleaned["value"], definition.choices)
            except ListsError as error:
                self.add_error("value", ValidationError(error.sentence))
        return cleaned

    def argument(self) -> dict[str, Any]:
        """Return the name of the attribute and its value."""
        return {"attribute": self.cleaned_data["attribute"], "value": self.cleaned_data["value"]}


FORMS: Mapping[BulkAction, type[BulkForm]] = MappingProxyType(
    {
        BulkAction.STOP: BulkStopForm,
        BulkAction.RESUME: BulkResumeForm,
        BulkAction.ADD_TO_LIST: BulkAddForm,
        BulkAction.REMOVE_FROM_LIST: BulkListForm,
        BulkAction.SET_ATTRIBUTE: BulkValueForm,
        BulkAction.ERASE: BulkEraseForm,
    }
)

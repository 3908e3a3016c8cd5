"""Forms of ラベル and フォルダ."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.form_fields import RowsField, one_line
from accounts.models import Workspace
from accounts.numbers import read_number
from campaigns.models import MOST_FOLDERS, Campaign, Folder, Label
from campaigns.sorting import NO_FOLDER, NO_LABEL


class LabelForm(forms.ModelForm[Label]):
    """The name and colour of a label."""

    name = forms.CharField(
        label=_("ラベル名"),
        max_length=30,
        validators=[one_line],
        error_messages={"required": _("ラベル名を入力してください。")},
    )

    class Meta:
        model = Label
        fields = ("name", "tone")

    def clean_name(self) -> str:
        """Refuse a name that the workspace has."""
        name: str = self.cleaned_data["name"]
        if Label.objects.filter(workspace=self.instance.workspace, name=name).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("この名前のラベルはすでにあります。"), code="taken")
        return name


class FolderForm(forms.ModelForm[Folder]):
    """The name of a folder."""

    name = forms.CharField(
        label=_("フォルダ名"),
        max_length=50,
        validators=[one_line],
        error_messages={"required": _("フォルダ名を入力してください。")},
    )

    class Meta:
        model = Folder
        fields = ("name",)

    def clean_name(self) -> str:
        """Refuse a name that the workspace has, and one folder too many."""
        name: str = self.cleaned_data["name"]
        others = Folder.objects.filter(workspace=self.instance.workspace).exclude(pk=self.instance.pk)
        if others.filter(name=name).exists():
            raise forms.ValidationError(_("この名前のフォルダはすでにあります。"), code="taken")
        if others.count() >= MOST_FOLDERS:
            raise forms.ValidationError(
                _("フォルダは%d個までです。使わないものを削除してください。") % MOST_FOLDERS, code="many"
            )
        return name


class FolderField(forms.ModelChoiceField[Folder]):
    """A folder of a workspace, or none."""

    default_error_messages = {"invalid_choice": NO_FOLDER}


class MoveForm(forms.Form):
    """Which mailings go into which folder."""

    campaigns = forms.TypedMultipleChoiceField(
        coerce=int,
        error_messages={
            "required": _("移すメールを選んでください。"),
            "invalid_choice": _("移すメールを選び直してください。"),
        },
    )
    to = FolderField(Folder.objects.none(), required=False, empty_label=_("フォルダなし"))

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("FolderField", self.fields["to"]).queryset = Folder.objects.filter(workspace=workspace)
        # Whose they are is asked when they are moved.
        posted = self.data.getlist("campaigns") if hasattr(self.data, "getlist") else []
        cast("forms.TypedMultipleChoiceField", self.fields["campaigns"]).choices = [
            (value, value) for value in posted if read_number(value) is not None
        ]


class LabelsForm(forms.Form):
    """The labels of one mailing, and its folder."""

    labels = RowsField(
        Label.objects.none(),
        label=_("ラベル"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": NO_LABEL},
    )
    folder = FolderField(Folder.objects.none(), label=_("フォルダ"), required=False, empty_label=_("フォルダなし"))

    def __init__(self, *args: Any, workspace: Workspace, campaign: Campaign, **kwargs: Any) -> None:
        initial = {"labels": [label.pk for label in campaign.labels.all()], "folder": campaign.folder_id}
        super().__init__(*args, **kwargs | {"initial": initial})
        field = cast("forms.ModelMultipleChoiceField[Label]", self.fields["labels"])
        field.queryset = Label.objects.filter(workspace=workspace).order_by("name")
        cast("FolderField", self.fields["folder"]).queryset = Folder.objects.filter(workspace=workspace)

"""Forms of ラベル."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.form_fields import one_line
from accounts.models import Workspace
from campaigns.models import Campaign, Label


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


class LabelsForm(forms.Form):
    """The labels of one mailing."""

    labels = forms.ModelMultipleChoiceField(
        Label.objects.none(),
        label=_("ラベル"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": _("選べないラベルが含まれています。選び直してください。")},
    )

    def __init__(self, *args: Any, workspace: Workspace, campaign: Campaign, **kwargs: Any) -> None:
        initial = {"labels": [label.pk for label in campaign.labels.all()]}
        super().__init__(*args, **kwargs | {"initial": initial})
        field = cast("forms.ModelMultipleChoiceField[Label]", self.fields["labels"])
        field.queryset = Label.objects.filter(workspace=workspace).order_by("name")

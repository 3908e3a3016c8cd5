"""Form of a segment's name; its conditions are read by segment_drafts."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.form_fields import one_line
from lists.models import Segment


class SegmentForm(forms.ModelForm[Segment]):
    """How a segment is called."""

    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Segment
        fields = ("name", "description")
        help_texts = {"description": _("社内向けのメモです。受信者には表示されません。")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].validators.append(one_line)
        self.fields["name"].error_messages["required"] = _("セグメント名を入力してください。")
        self.fields["revision"].initial = self.instance.revision

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        others = Segment.objects.filter(workspace=self.instance.workspace, name=name).exclude(pk=self.instance.pk)
        if others.exists():
            raise ValidationError(_("同じ名前のセグメントがあります。別の名前にしてください。"), code="taken")
        return name

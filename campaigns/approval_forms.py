"""Forms of 承認."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Membership, Role
from campaigns.models import Approval, ApprovalRule


class ApprovalRuleForm(forms.ModelForm[ApprovalRule]):
    """Whose mailings need approval."""

    class Meta:
        model = ApprovalRule
        fields = ("for_editors", "for_admins")
        help_texts = {
            "for_editors": _("作成者が予約・配信するメールは、管理者の承認が必要になります。"),
            "for_admins": _("管理者が予約・配信するメールは、ほかの管理者の承認が必要になります。"),
        }

    def clean_for_admins(self) -> bool:
        """Refuse what nobody could comply with."""
        wanted: bool = self.cleaned_data["for_admins"]
        admins = Membership.objects.filter(
            workspace=self.instance.workspace, role=Role.ADMIN, user__is_active=True
        ).count()
        if wanted and admins < 2:
            raise forms.ValidationError(
                _("管理者が1人だけなので、承認できる人がいなくなります。先に「メンバー」で管理者を追加してください。"),
                code="alone",
            )
        return wanted


class AskForm(forms.ModelForm[Approval]):
    """What the asker tells the approver."""

    class Meta:
        model = Approval
        fields = ("message",)
        widgets = {"message": forms.Textarea(attrs={"rows": 2})}


class DecisionForm(forms.ModelForm[Approval]):
    """The answer to what was asked under the id `approval`."""

    approval = forms.IntegerField(widget=forms.HiddenInput)

    class Meta:
        model = Approval
        fields = ("note",)
        widgets = {"note": forms.Textarea(attrs={"rows": 2})}
        help_texts = {"note": _("差し戻すときは、直してほしい点を書いてください。")}

    def __init__(self, *args: Any, must_say_why: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["note"].required = must_say_why
        self.fields["note"].error_messages["required"] = _("差し戻す理由を入力してください。")

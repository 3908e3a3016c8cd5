"""Forms for 登録フォーム, as members make them. They clean input and write nothing else."""

from typing import cast

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from accounts.form_fields import RowsField, one_line
from lists.attributes import attributes_of
from lists.models import AttributeDefinition, MailingList
from senders.models import Sender
from signup.models import SignupForm
from signup.words import JA

NOT_ASKED, OPTIONAL, REQUIRED = "", "optional", "required"
RULES = [(NOT_ASKED, _("たずねない")), (OPTIONAL, _("任意")), (REQUIRED, _("必須"))]


class SignupFormForm(forms.ModelForm[SignupForm]):
    """Everything about a form."""

    wording = forms.CharField(
        label=_("同意文"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("申し込みのボタンの上に表示します。変更すると新しい版になり、同意の記録にはどの版かが残ります。"),
        error_messages={"required": _("同意文を入力してください。")},
    )

    continue_url = forms.URLField(
        label=_("完了後に案内するページ"),
        max_length=500,
        required=False,
        assume_scheme="https",
        help_text=_(
            "登録が完了したページに、このページへのボタンを表示します。https:// で始まるURLを入力してください。"
        ),
        error_messages={"invalid": _("https:// で始まるURLを入力してください。")},
    )

    class Meta:
        model = SignupForm
        fields = (
            "name",
            "language",
            "mailing_lists",
            "sender",
            "heading",
            "description",
            "name_rule",
            "thanks",
            "continue_url",
        )
        widgets = {
            "language": forms.RadioSelect,
            "mailing_lists": forms.CheckboxSelectMultiple,
            "name_rule": forms.RadioSelect,
            "description": forms.Textarea(attrs={"rows": 4}),
            "thanks": forms.Textarea(attrs={"rows": 3}),
        }
        field_classes = {"mailing_lists": RowsField}
        help_texts = {
            "name": _("社内での呼び名です。同意の記録にも残ります。"),
            "language": _("フォーム、確認メール、確認ページがこの言語になります。"),
            "mailing_lists": _(
                "確認した人をこのリストに加えます。リスト名は、確認ページと設定ページで登録した人に見えます。"
            ),
            "sender": _("確認メールの差出人です。名称・住所・お問い合わせ先は、フォームにも表示されます。"),
            "thanks": _("登録が完了したページに表示します。"),
        }
        error_messages = {
            "name": {"required": _("フォーム名を入力してください。")},
            "heading": {"required": _("見出しを入力してください。")},
            "mailing_lists": {"required": _("登録先のリストを1つ以上選んでください。")},
        }

    def __init__(self, data: QueryDict | None, *, instance: SignupForm) -> None:
        super().__init__(data, instance=instance)
        workspace = instance.workspace
        for name in ("name", "heading"):
            self.fields[name].validators.append(one_line)
        lists = cast("forms.ModelMultipleChoiceField[MailingList]", self.fields["mailing_lists"])
        lists.queryset = MailingList.objects.filter(workspace=workspace).order_by("name")
        senders = cast("forms.ModelChoiceField[Sender]", self.fields["sender"])
        senders.queryset = Sender.objects.filter(workspace=workspace, archived_at=None)
        senders.required = True
        senders.empty_label = str(_("送信元を選んでください"))
        senders.error_messages |= {"required": _("送信元を選んでください。")}
        # One of its choices is always chosen.
        self.fields["name_rule"].required = False
        self.attributes = attributes_of(workspace)
        stored: dict[int, bool] = {}
        if instance.pk:
            stored = dict(instance.fields.values_list("attribute_id", "is_required"))
            newest = instance.wordings.order_by("-number").first()
            self.initial["wording"] = newest.text if newest else ""
        else:
            self._suggest(senders)
        for attribute in self.attributes:
            rule = NOT_ASKED if attribute.pk not in stored else REQUIRED if stored[attribute.pk] else OPTIONAL
            self.fields[rule_name(attribute)] = forms.ChoiceField(
                label=attribute.label, choices=RULES, required=False, initial=rule
            )

    def _suggest(self, senders: "forms.ModelChoiceField[Sender]") -> None:
        self.initial["heading"] = JA.default_heading
        found = list(senders.queryset[:2]) if senders.queryset is not None else []
        shown = found[0].legal_name if found else ""
        self.initial["wording"] = JA.agree % {"sender": shown or self.instance.workspace.name}
        if len(found) == 1:
            self.initial["sender"] = found[0].pk

    def clean_name_rule(self) -> str:
        """Leave the rule as it is where none is sent."""
        return self.cleaned_data["name_rule"] or self.instance.name_rule

    def clean_continue_url(self) -> str:
        """Refuse what a browser would not open safely."""
        url: str = self.cleaned_data["continue_url"]
        if url and not url.startswith("https://"):
            raise forms.ValidationError(_("https:// で始まるURLを入力してください。"))
        return url

    @property
    def attribute_fields(self) -> list[forms.BoundField]:
        """Return the fields of the attributes, for the page."""
        return [self[rule_name(attribute)] for attribute in self.attributes]

    def asked(self) -> dict[AttributeDefinition, bool]:
        """Return the attributes that a valid form asks for, and which of them are required."""
        rules = {attribute: self.cleaned_data[rule_name(attribute)] for attribute in self.attributes}
        return {attribute: rule == REQUIRED for attribute, rule in rules.items() if rule != NOT_ASKED}


def rule_name(attribute: AttributeDefinition) -> str:
    """Return the name of the field that says whether an attribute is asked for."""
    return f"ask_{attribute.pk}"

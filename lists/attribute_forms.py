"""Form of an attribute (差し込み項目)."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.form_fields import one_line
from lists.attribute_values import MAX_VALUE
from lists.csv_columns import FORBIDDEN, RESERVED
from lists.models import AttributeDefinition

MAX_CHOICES = 100


class AttributeForm(forms.ModelForm[AttributeDefinition]):
    """The name, label and kind of an attribute; the name is given once."""

    choices = forms.CharField(
        label=_("選択肢"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("1行に1つ入力します。種類が「選択肢」のときだけ使います。空欄なら、どの言葉も受け付けます。"),
    )

    class Meta:
        model = AttributeDefinition
        fields = ("name", "label", "kind")
        help_texts = {
            "name": _("本文に {{会員ランク}} のように書く名前で、CSVの列の名前にもなります。あとから変えられません。"),
            "label": _("画面に表示する名前です。空欄なら差し込みタグと同じにします。"),
            "kind": _("数値と日付は、セグメントで大小や期間を比べられます。会員番号などは「文字」にします。"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["label"].required = False
        self.fields["choices"].initial = "\n".join(self.instance.choices)
        self.fields["label"].validators.append(one_line)
        if self.instance.pk:
            del self.fields["name"]
        else:
            self.fields["name"].validators.append(one_line)
            self.fields["name"].error_messages["required"] = _("差し込みタグを入力してください。")

    def clean_name(self) -> str:
        name = " ".join(str(self.cleaned_data["name"]).split())
        if FORBIDDEN & set(name):
            raise ValidationError(_('差し込みタグに { } | " \\ は使えません。'), code="sign")
        if name.lower() in RESERVED:
            raise ValidationError(
                _("「%(name)s」は別の意味で使われています。別の名前にしてください。"), params={"name": name}
            )
        if AttributeDefinition.objects.filter(workspace=self.instance.workspace, name=name).exists():
            raise ValidationError(
                _("同じ差し込みタグがあります。使用を終えた項目は、一覧から再開できます。"), code="taken"
            )
        return name

    def clean_label(self) -> str:
        label = str(self.cleaned_data["label"]).strip()
        return label or str(self.cleaned_data.get("name") or self.instance.name)

    def clean_choices(self) -> list[str]:
        lines = (" ".join(line.split()) for line in str(self.cleaned_data["choices"]).splitlines())
        choices = list(dict.fromkeys(line for line in lines if line))
        if len(choices) > MAX_CHOICES:
            raise ValidationError(_("選択肢は%d個までです。") % MAX_CHOICES, code="many")
        if any(len(choice) > MAX_VALUE or "\0" in choice for choice in choices):
            raise ValidationError(_("長すぎる選択肢があります。"), code="long")
        return choices

    def save(self, commit: bool = True) -> AttributeDefinition:
        self.instance.choices = self.cleaned_data["choices"]
        return super().save(commit)

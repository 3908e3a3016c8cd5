"""The form for an archive. It cleans input and writes nothing else."""

from typing import cast

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from accounts.form_fields import one_line
from archive.models import Archive
from signup.models import SignupForm


class ArchiveForm(forms.ModelForm[Archive]):
    """What the public pages of an archive say, and what is put into it."""

    class Meta:
        model = Archive
        fields = ("title", "description", "language", "form", "adds_new", "is_indexed")
        widgets = {"language": forms.RadioSelect, "description": forms.Textarea(attrs={"rows": 4})}
        help_texts = {
            "title": _("公開ページの見出しになります。"),
            "language": _("公開ページの案内がこの言語になります。メールの本文は変わりません。"),
            "form": _("選ぶと、公開ページに「メールを受け取る」のリンクが出ます。受付中のフォームから選べます。"),
            "adds_new": _(
                "公開した後に始まり、最後まで配信したメールが載ります。セグメントや「除く」で配信先を絞ったメールと、"
                "表示する条件のあるブロックを含むメールは、自動では載りません。"
            ),
            "is_indexed": _("オフのあいだは、検索結果に出さないよう検索エンジンに伝えます(noindex)。"),
        }
        error_messages = {"title": {"required": _("タイトルを入力してください。")}}

    def __init__(self, data: QueryDict | None, *, instance: Archive) -> None:
        super().__init__(data, instance=instance)
        self.fields["title"].validators.append(one_line)
        choice = cast("forms.ModelChoiceField[SignupForm]", self.fields["form"])
        offered = SignupForm.objects.filter(
            workspace=instance.mailing_list.workspace_id, mailing_lists=instance.mailing_list, stopped_at=None
        )
        choice.queryset = offered.order_by("name")
        choice.empty_label = str(_("案内しない"))

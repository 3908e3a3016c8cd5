"""Forms for composing, testing and scheduling. They clean input and write nothing else."""

from datetime import datetime, timedelta
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.form_fields import one_line
from accounts.models import Workspace
from campaigns.audience_forms import AudienceFields
from campaigns.merge_tags import broken_tags, find_tags, unknown_tags
from campaigns.models import Campaign, DoubtPolicy, QuietMode
from campaigns.quiet_forms import tolerance_field
from lists.address import InvalidAddress, clean_address
from lists.models import Subscriber
from senders.models import Sender


class CampaignForm(AudienceFields, forms.ModelForm[Campaign]):
    """The content, sender and audience of a draft."""

    # A line break in the subject could add a header; strip=False keeps it visible for the validator.
    subject = forms.CharField(
        label=_("件名"),
        max_length=200,
        strip=False,
        validators=[one_line],
        help_text=_("{{name|お客様}} のような差し込みも使えます。"),
    )
    late_tolerance = tolerance_field()
    revision = forms.IntegerField(widget=forms.HiddenInput)

    class Meta:
        model = Campaign
        fields = (
            "subject",
            "sender",
            "mailing_lists",
            "text",
            "html",
            "doubt_policy",
            "quiet_mode",
            "late_tolerance",
        )
        labels = {
            "sender": _("送信元"),
            "mailing_lists": _("配信先リスト"),
            "text": _("テキスト本文"),
            "html": _("HTML本文"),
            "doubt_policy": _("結果不明のときの扱い"),
        }
        help_texts = {
            "sender": _("受信者に表示される差出人です。"),
            "mailing_lists": _("複数のリストに同じ宛先があっても、届くのは1通です。"),
            "text": _("送信者の名称・住所・配信停止の案内は、本文になければ末尾に自動で付きます。"),
            "html": _("空欄のときはテキストメールとして送ります。"),
            "doubt_policy": _("本文を送り終えた直後に通信が切れ、届いたかどうか分からない宛先の扱いです。"),
            "quiet_mode": _(
                "緊急のお知らせなどは「いつでも配信する」を選ぶと、携帯キャリア宛ての開始も毎時0分から遅らせません。"
            ),
        }
        widgets = {
            "mailing_lists": forms.CheckboxSelectMultiple,
            "text": forms.Textarea(attrs={"rows": 14}),
            "html": forms.Textarea(attrs={"rows": 14, "spellcheck": "false", "class": "mono"}),
            "doubt_policy": forms.RadioSelect,
            "quiet_mode": forms.RadioSelect,
        }

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace
        self.fields["revision"].initial = self.instance.revision
        self.choices_of("sender").queryset = Sender.objects.filter(workspace=workspace, archived_at__isnull=True)
        self.offer_audience(workspace, self.instance)
        self.fields["sender"].required = True
        self.choices_of("sender").empty_label = str(_("送信元を選んでください"))
        self.fields["sender"].error_messages |= {
            "required": _("送信元を選んでください。"),
            "invalid_choice": _("この送信元は使えません。一覧から選び直してください。"),
        }
        self.fields["subject"].error_messages["required"] = _("件名を入力してください。")
        self.fields["text"].error_messages["required"] = _("テキスト本文を入力してください。")
        if self.instance.pk is None and self.choices_of("sender").queryset.count() == 1:
            self.fields["sender"].initial = self.choices_of("sender").queryset.get()
        cast(forms.ChoiceField, self.fields["doubt_policy"]).choices = DoubtPolicy.choices
        cast(forms.ChoiceField, self.fields["quiet_mode"]).choices = QuietMode.choices
        # Whoever does not send it leaves it as it is.
        self.fields["quiet_mode"].required = False

    def choices_of(self, name: str) -> "forms.ModelChoiceField[Any]":
        """Return a field whose choices come from a query."""
        return cast("forms.ModelChoiceField[Any]", self.fields[name])

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        self.check_audience()
        return cleaned

    def clean_subject(self) -> str:
        return self.require_known_tags("subject").strip()

    def clean_text(self) -> str:
        return self.require_known_tags("text")

    def clean_html(self) -> str:
        return self.require_known_tags("html")

    def clean_late_tolerance(self) -> timedelta:
        return self.cleaned_data["late_tolerance"] or self.instance.late_tolerance

    def clean_quiet_mode(self) -> str:
        return self.cleaned_data["quiet_mode"] or self.instance.quiet_mode

    def require_known_tags(self, name: str) -> str:
        """Return the field's text, or refuse it naming the merge tags that do not exist."""
        text = cast(str, self.cleaned_data[name])
        if broken := broken_tags(text, is_html=name == "html"):
            raise ValidationError(
                _(
                    "差し込みの書き方が正しくない箇所があります:「%(piece)s」。半角の {{ と }} で囲んでください(例: {{name|お客様}})。"
                ),
                code="broken_tag",
                params={"piece": broken[0]},
            )
        if wide := [tag for tag in find_tags(text) if "｜" in tag]:
            raise ValidationError(
                _("差し込み「%(tag)s」の区切りの「｜」は、半角の「|」で入力してください。"),
                code="wide_bar",
                params={"tag": wide[0]},
            )
        if unknown := unknown_tags(self.workspace, text):
            raise ValidationError(
                _(
                    "差し込み項目 %(tags)s は登録されていません。綴りを確かめるか、リストのCSVにその列を加えてください。"
                ),
                code="unknown_tag",
                params={"tags": "、".join("{{" + tag + "}}" for tag in unknown)},
            )
        return text


class TestMailForm(forms.Form):
    """Where a test mail goes, and whose values it shows."""

    address = forms.CharField(label=_("テスト送信先"), max_length=320)
    subscriber = forms.ModelChoiceField(
        Subscriber.objects.none(), required=False, label=_("差し込みに使う購読者"), empty_label=_("差し込みなし")
    )

    def __init__(self, *args: Any, people: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ModelChoiceField[Subscriber]", self.fields["subscriber"]).queryset = people

    def clean_address(self) -> str:
        try:
            return clean_address(self.cleaned_data["address"]).address
        except InvalidAddress as error:
            raise ValidationError(str(error)) from error


class ScheduleForm(forms.Form):
    """When a campaign is sent."""

    at = forms.DateTimeField(
        label=_("配信日時"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("日本時間で入力してください。"),
        error_messages={
            "required": _("配信日時を入力してください。"),
            "invalid": _("日時は「2026-12-01 10:00」の形で入力してください。"),
        },
    )

    def clean_at(self) -> datetime:
        at = cast(datetime, self.cleaned_data["at"])
        if at < timezone.now():
            raise ValidationError(_("配信日時が過去です。これからの日時を指定してください。"), code="past")
        return at

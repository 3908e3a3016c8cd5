"""Forms for composing, testing and scheduling. They clean input and write nothing else."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import ErrorDict
from django.http import QueryDict
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.form_fields import one_line
from accounts.models import Workspace
from accounts.time_zones import zone_words
from campaigns.audience_forms import AudienceFields, ListsField
from campaigns.draft_parts import Content, kind_posted
from campaigns.merge_tags import blank_controls, broken_tags, explain_unknown, find_tags
from campaigns.models import Campaign, DoubtPolicy, QuietMode
from campaigns.quiet_forms import tolerance_field
from campaigns.scheduling import FURTHEST
from campaigns.tester_forms import seeds_words
from designs.blocks import Design
from designs.markdown_writing import MAX_MARKDOWN
from designs.models import BodyKind
from designs.regions import without_marks
from senders.models import Sender
from tracking.links import rules_of

# In the order of the page.
BODY_KINDS = [
    (BodyKind.BLOCKS, _("ブロック")),
    (BodyKind.TEXT, _("テキスト")),
    (BodyKind.HTML, "HTML"),
    (BodyKind.MARKDOWN, "Markdown"),
]


class CampaignForm(AudienceFields, forms.ModelForm[Campaign]):
    """The content, sender and audience of a draft."""

    # A line break in the subject could add a header; strip=False keeps it visible for the validator.
    subject = forms.CharField(
        label=_("件名"),
        max_length=200,
        strip=False,
        validators=[one_line],
        widget=forms.TextInput(attrs={"data-tags": ""}),
        help_text=_("{{name|お客様}} のような差し込みも使えます。"),
    )
    preheader = forms.CharField(
        label=_("プリヘッダー"),
        max_length=200,
        required=False,
        strip=False,
        validators=[one_line],
        widget=forms.TextInput(attrs={"data-tags": ""}),
        help_text=_("受信箱で件名の次に表示される短い文です。テキストだけのメールでは、本文の先頭が表示されます。"),
    )
    kind = forms.ChoiceField(
        label=_("本文の種類"), choices=BODY_KINDS, required=False, widget=forms.RadioSelect(attrs={"class": "kinds"})
    )
    source = forms.CharField(
        label=_("Markdown本文"),
        required=False,
        strip=False,
        max_length=MAX_MARKDOWN,
        widget=forms.Textarea(attrs={"rows": 16, "spellcheck": "false", "class": "mono", "data-tags": ""}),
        help_text=_("# 見出し、**太字**、- 箇条書き、[リンク](https://…)、表などが使えます。HTMLは使えません。"),
    )
    text_by_hand = forms.BooleanField(
        label=_("テキストを自分で書く"),
        required=False,
        help_text=_("チェックしないときは、テキスト本文を本文から自動で作ります。"),
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
            "wants_tracking",
            "wants_seeds",
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
        field_classes = {"mailing_lists": ListsField}
        widgets = {
            "mailing_lists": forms.CheckboxSelectMultiple,
            "text": forms.Textarea(attrs={"rows": 14, "data-tags": ""}),
            "html": forms.Textarea(attrs={"rows": 14, "spellcheck": "false", "class": "mono", "data-tags": ""}),
            "doubt_policy": forms.RadioSelect,
            "quiet_mode": forms.RadioSelect,
        }

    def __init__(
        self, *args: Any, workspace: Workspace, content: Content, is_checked: bool = True, **kwargs: Any
    ) -> None:
        kwargs["initial"] = initial_of(content)
        super().__init__(*args, **kwargs)
        self.workspace = workspace
        self.is_checked = is_checked
        self.written_kind = kind_posted(self.data.get("kind", ""), self.data.get("html", ""))
        self.fields["revision"].initial = self.instance.revision
        self.fields["text"].required = self.is_text_typed()
        senders = Sender.objects.filter(workspace=workspace, archived_at__isnull=True)
        self.choices_of("sender").queryset = senders
        self.offer_audience(workspace, self.instance)
        self.fields["sender"].required = True
        self.choices_of("sender").empty_label = str(_("送信元を選んでください"))
        self.fields["sender"].error_messages |= {
            "required": _("送信元を選んでください。"),
            "invalid_choice": _("この送信元は使えません。一覧から選び直してください。"),
        }
        self.fields["subject"].error_messages["required"] = _("件名を入力してください。")
        self.fields["text"].error_messages["required"] = _("テキスト本文を入力してください。")
        if self.instance.sender_id is None and senders.count() == 1:
            self.initial["sender"] = senders.get()
        cast(forms.ChoiceField, self.fields["doubt_policy"]).choices = DoubtPolicy.choices
        cast(forms.ChoiceField, self.fields["quiet_mode"]).choices = QuietMode.choices
        self.fields["wants_tracking"].help_text = tracking_words(workspace)
        self.fields["wants_seeds"].help_text = seeds_words(workspace)
        # Whoever does not send it leaves it as it is.
        self.fields["quiet_mode"].required = False

    def choices_of(self, name: str) -> "forms.ModelChoiceField[Any]":
        """Return a field whose choices come from a query."""
        return cast("forms.ModelChoiceField[Any]", self.fields[name])

    def full_clean(self) -> None:
        """Check what was typed, unless the page is only shown anew with it."""
        if self.is_checked:
            super().full_clean()
        else:
            self._errors, self.cleaned_data = ErrorDict(), {}

    def is_text_typed(self) -> bool:
        """Say whether the text part is what stands in its field."""
        is_inferred = "kind" not in self.data
        return self.written_kind == BodyKind.TEXT or is_inferred or "text_by_hand" in self.data

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        self.check_audience()
        return cleaned

    def clean_subject(self) -> str:
        return self.require_known_tags("subject").strip()

    def clean_preheader(self) -> str:
        return self.require_known_tags("preheader").strip()

    def clean_text(self) -> str:
        return self.require_known_tags("text") if self.is_text_typed() else ""

    def clean_html(self) -> str:
        return self.require_known_tags("html") if self.written_kind == BodyKind.HTML else ""

    def clean_source(self) -> str:
        return self.require_known_tags("source") if self.written_kind == BodyKind.MARKDOWN else ""

    def clean_late_tolerance(self) -> timedelta:
        return self.cleaned_data["late_tolerance"] or self.instance.late_tolerance

    def clean_quiet_mode(self) -> str:
        return self.cleaned_data["quiet_mode"] or self.instance.quiet_mode

    def require_known_tags(self, name: str) -> str:
        """Return the field's text, or refuse it naming the merge tags that do not exist."""
        typed = cast(str, self.cleaned_data[name])
        # Beside blocks the text part may have regions, as the one that is written from them has.
        has_regions = name == "text" and self.written_kind == BodyKind.BLOCKS
        text = without_marks(typed) if has_regions else typed
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
        if unknown := explain_unknown(self.workspace, text):
            raise ValidationError(unknown, code="unknown_tag")
        return typed


def initial_of(content: Content) -> dict[str, Any]:
    """Return what the fields of the content begin with."""
    return {
        "subject": content.subject,
        "preheader": content.preheader,
        "kind": content.kind,
        "html": content.source if content.kind == BodyKind.HTML else "",
        "source": content.source if content.kind == BodyKind.MARKDOWN else "",
        "text": content.text,
        # A person who leaves the kind of text for another one gets the text part of that.
        "text_by_hand": content.text_by_hand and content.kind != BodyKind.TEXT,
    }


def refused(form: forms.BaseForm) -> Iterator[tuple[str, str]]:
    """Yield what was typed and is not stored, or will not be sent; that something is missing yet is no fault."""
    for name, errors in form.errors.as_data().items():
        for error in errors:
            if error.code != "required":
                yield name, "".join(error.messages)


def content_posted(data: QueryDict, design: Design, campaign: Campaign) -> Content:
    """Return the content that a form for a mailing holds, checked or not, as far as it can be stored at all."""
    html = read_lines(data.get("html", ""))
    kind = kind_posted(data.get("kind", ""), html)
    source = {BodyKind.HTML: html, BodyKind.MARKDOWN: read_lines(data.get("source", ""))}.get(BodyKind(kind), "")
    return Content(
        subject=read_line(data.get("subject", "")),
        preheader=read_line(data.get("preheader", "")),
        kind=kind,
        blocks=design.as_json() if design.blocks else {},
        source=source,
        text=read_lines(data.get("text", "")),
        text_by_hand=kind == BodyKind.TEXT or "kind" not in data or "text_by_hand" in data,
        conditions=campaign.conditions,
    )


def read_line(typed: str) -> str:
    """Return one line of at most 200 letters."""
    return blank_controls(typed).strip()[:200]


def read_lines(typed: str) -> str:
    """Return text as it is stored."""
    return typed.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")


def tracking_words(workspace: Workspace) -> str:
    """Return what a measured mailing has, by the workspace's rules."""
    rules = rules_of(workspace)
    if not (rules.opens or rules.clicks):
        return gettext("ワークスペースの設定で計測していないため、選んでも計測しません。")
    return gettext("ワークスペースの「計測」の設定に従います。テストメールは計測しません。")


def zone_hint() -> str:
    """Return by which clock a time is typed."""
    return gettext("%sで入力してください。") % zone_words()


class ClockField(forms.DateTimeField):
    """A date and time by the present clock.

    As with 繰り返し, a time that the clock leaves out is as much later as it jumps, and of one that it shows twice the
    first is meant.
    """

    def to_python(self, value: Any) -> datetime | None:
        """Read what was typed; raises ValidationError for what is no time."""
        try:
            return super().to_python(value)
        except ValidationError as error:
            if error.code != "ambiguous_timezone" or not error.params:
                raise
            typed: datetime = error.params["datetime"]
            return typed.replace(tzinfo=error.params["current_timezone"]).astimezone(UTC)


class ScheduleForm(forms.Form):
    """When a campaign is sent."""

    at = ClockField(
        label=_("配信日時"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=lazy(zone_hint, str)(),
        error_messages={
            "required": _("配信日時を入力してください。"),
            "invalid": _("日時は「2026-12-01 10:00」の形で入力してください。"),
        },
    )

    def clean_at(self) -> datetime:
        at = cast(datetime, self.cleaned_data["at"])
        if at < timezone.now():
            raise ValidationError(_("配信日時が過去です。これからの日時を指定してください。"), code="past")
        if at > timezone.now() + FURTHEST:
            raise ValidationError(_("配信日時が1年以上先です。年を確かめてください。"), code="far")
        return at

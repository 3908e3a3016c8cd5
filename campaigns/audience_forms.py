"""The part of a mailing's form that says whom it is sent to, and whom not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.form_fields import RowsField
from accounts.models import Workspace
from campaigns.models import Campaign, Part
from campaigns.models.campaign import name_audience
from lists.audience import Audience
from lists.headcounts import ListCounts, counts_of
from lists.models import MailingList, Segment

# People of all lists together that are counted for the boxes.
COUNTED: Final = 5_000


class ListsField(RowsField[MailingList]):
    """Lists by name, each with how many people it is sent to; counted where the boxes are shown."""

    counts: Mapping[int, ListCounts] | None = None

    def label_from_instance(self, obj: MailingList) -> str:
        """Return what stands at a box."""
        if self.counts is None:
            self.counts = counts_of(self.queryset or (), at_once=COUNTED)
        found = self.counts.get(obj.pk, ListCounts())
        number = f"{found.active:,}"
        words = _("%(name)s(%(number)s人以上)") if found.is_counting else _("%(name)s(%(number)s人)")
        return words % {"name": obj.name, "number": number}


def choices(model: type[MailingList] | type[Segment], label: Any, *, help_text: Any = "") -> Any:
    """Return a field of boxes; what they offer is set for each workspace."""
    return RowsField(
        model.objects.none(),
        label=label,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=help_text,
        error_messages={"invalid_choice": gettext_lazy("選べない項目が含まれています。選び直してください。")},
    )


class AudienceFields(forms.Form):
    """The fields beside the lists that a mailing is sent to."""

    segments = choices(
        Segment,
        gettext_lazy("配信先セグメント"),
        help_text=gettext_lazy(
            "リストとセグメントの両方を選ぶと、どちらかに当てはまる人に送ります。"
            "リストの中で絞り込むには、条件に「リスト」を加えたセグメントを選びます。"
        ),
    )
    excluded_lists = choices(MailingList, gettext_lazy("除くリスト"))
    excluded_segments = choices(Segment, gettext_lazy("除くセグメント"))

    # Which field belongs to which part.
    PARTS = {
        "segments": Part.INCLUDE_SEGMENT,
        "excluded_lists": Part.EXCLUDE_LIST,
        "excluded_segments": Part.EXCLUDE_SEGMENT,
    }

    def offer_audience(self, workspace: Workspace, campaign: Campaign | None = None) -> None:
        """Offer the lists and segments of a workspace, with those chosen that the campaign has."""
        lists = MailingList.objects.filter(workspace=workspace).order_by("name")
        segments = Segment.objects.filter(workspace=workspace).order_by("name")
        for name in ("mailing_lists", "excluded_lists"):
            self.boxes(name).queryset = lists
        for name in ("segments", "excluded_segments"):
            self.boxes(name).queryset = segments
        self.fields["mailing_lists"].required = False
        if campaign is None or campaign.pk is None:
            return
        parts = list(campaign.audience_parts.all())
        for name, part in self.PARTS.items():
            self.fields[name].initial = [row.segment_id or row.mailing_list_id for row in parts if row.part == part]

    def boxes(self, name: str) -> forms.ModelMultipleChoiceField[Any]:
        """Return a field of this form whose choices come from a query."""
        return cast("forms.ModelMultipleChoiceField[Any]", self.fields[name])

    @property
    def has_exclusions(self) -> bool:
        """Say whether something is left out, so that the page shows it."""
        names = ("excluded_lists", "excluded_segments")
        return any(self[name].value() or name in self.errors for name in names)

    @property
    def has_people(self) -> bool:
        """Say whether a list or a segment is chosen."""
        return any(self[name].value() for name in ("mailing_lists", "segments"))

    @property
    def has_segments(self) -> bool:
        """Say whether there are segments to choose from."""
        offered = self.boxes("segments").queryset
        return offered is not None and offered.exists()

    def check_audience(self) -> None:
        """Refuse an audience of nobody, and what is sent to and left out at once."""
        if "mailing_lists" in self.errors or "segments" in self.errors:
            return
        if not (self.chosen("mailing_lists") or self.chosen("segments")):
            sentence = _("配信先リストを1つ以上選んでください。")
            if self.has_segments:
                sentence = _("配信先リストかセグメントを1つ以上選んでください。")
            self.add_error("mailing_lists", ValidationError(sentence, code="required"))
        for name, other in (("excluded_lists", "mailing_lists"), ("excluded_segments", "segments")):
            both = [found for found in self.chosen(name) if found in self.chosen(other)]
            names = "、".join(found.name for found in both)
            if both:
                self.add_error(name, _("「%s」は配信先にも選ばれています。どちらかを外してください。") % names)

    def chosen(self, name: str) -> list[Any]:
        """Return what was chosen in a field."""
        found: Iterable[Any] = self.cleaned_data.get(name) or ()
        return list(found)

    def parts(self) -> dict[Part, list[MailingList | Segment]]:
        """Return what was chosen beside the lists, for campaigns.audiences.set_parts."""
        return {part: self.chosen(name) for name, part in self.PARTS.items()}


class AudienceForm(AudienceFields):
    """The audience alone, to be counted while the mailing is written."""

    mailing_lists = choices(MailingList, gettext_lazy("配信先リスト"))

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer_audience(workspace)

    def clean(self) -> None:
        self.check_audience()

    def words(self) -> str:
        """Return what was chosen by its names, as far as it is fit."""
        sent = [found.name for name in ("mailing_lists", "segments") for found in self.chosen(name)]
        left_out = [found.name for name in ("excluded_lists", "excluded_segments") for found in self.chosen(name)]
        return name_audience(sent, left_out)

    def audience(self) -> Audience:
        """Return what was chosen, once the form is valid."""
        return Audience(
            lists=[found.pk for found in self.chosen("mailing_lists")],
            segments=self.chosen("segments"),
            excluded_lists=[found.pk for found in self.chosen("excluded_lists")],
            excluded_segments=self.chosen("excluded_segments"),
        )

"""The list of campaigns, and the search over them."""

from datetime import datetime, time, timedelta
from typing import Any, cast

from django import forms
from django.core.paginator import Paginator
from django.db.models import Count, Prefetch, Q
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.access import member_required
from accounts.models import Workspace
from accounts.numbers import read_number
from accounts.requests import WorkspaceRequest
from accounts.time_zones import COMPUTABLE_DAYS
from campaigns.models import Campaign, CampaignQuerySet, CampaignState, Folder, Label, Recurrence
from campaigns.sender_notes import notes_of
from campaigns.views import AUDIENCE

PAGE = 50
# Asks for the mailings that lie in no folder.
NONE = "none"


class SearchForm(forms.Form):
    """What of the campaigns is wanted; everything may be left open."""

    q = forms.CharField(label=_("件名"), required=False, max_length=200)
    label = forms.ModelChoiceField(Label.objects.none(), label=_("ラベル"), required=False, empty_label=_("すべて"))
    # The number of a folder, or NONE.
    folder = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)
    begin = forms.DateField(
        label=_("配信日(から)"),
        required=False,
        validators=COMPUTABLE_DAYS,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    end = forms.DateField(
        label=_("配信日(まで)"),
        required=False,
        validators=COMPUTABLE_DAYS,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = workspace.zone
        labels = cast("forms.ModelChoiceField[Label]", self.fields["label"])
        labels.queryset = Label.objects.filter(workspace=workspace).order_by("name")

    def clean(self) -> None:
        """Say where nothing can be found."""
        begin, end = self.cleaned_data.get("begin"), self.cleaned_data.get("end")
        if begin and end and begin > end:
            self.add_error("end", _("「から」より後の日付を入力してください。"))

    def keep(self, campaigns: CampaignQuerySet, *, in_folder: bool = True) -> CampaignQuerySet:
        """Keep what fits the fields that can be read; wherever it lies without `in_folder`."""
        self.is_valid()
        data = self.cleaned_data
        if query := data.get("q"):
            campaigns = campaigns.filter(subject__icontains=query)
        if label := data.get("label"):
            campaigns = campaigns.filter(labels=label)
        if (folder := data.get("folder", "") if in_folder else "") == NONE:
            campaigns = campaigns.filter(folder=None)
        elif (number := read_number(folder)) is not None:
            campaigns = campaigns.filter(folder=number)
        if begin := data.get("begin"):
            at = datetime.combine(begin, time(), self.zone)
            campaigns = campaigns.filter(Q(started_at__gte=at) | Q(started_at=None, scheduled_at__gte=at))
        if end := data.get("end"):
            at = datetime.combine(end, time(), self.zone) + timedelta(days=1)
            campaigns = campaigns.filter(Q(started_at__lt=at) | Q(started_at=None, scheduled_at__lt=at))
        return campaigns

    @property
    def is_used(self) -> bool:
        """Say whether anything is asked for, apart from a folder."""
        return any(self.data.get(name) for name in self.fields if name != "folder")


def folder_context(workspace: Workspace, form: SearchForm) -> dict[str, Any]:
    """Return the folders with how many of what is searched for lie in each and in none; nothing without folders."""
    folders = list(Folder.objects.filter(workspace=workspace))
    if not folders:
        return {}
    found = form.keep(Campaign.objects.for_workspace(workspace), in_folder=False)
    counted = found.order_by().values_list("folder")
    numbers: dict[int | None, int] = dict(counted.annotate(Count("pk")))
    choices = [(str(folder.pk), folder.name, numbers.get(folder.pk, 0)) for folder in folders]
    return {
        "folders": [*choices, (NONE, gettext("フォルダなし"), numbers.get(None, 0))],
        "folder": form.data.get("folder", ""),
    }


@require_safe
@member_required()
def campaign_index(request: WorkspaceRequest) -> HttpResponse:
    """List the campaigns, newest first; `state` keeps one state, the fields of SearchForm keep what fits them."""
    state = request.GET.get("state", "")
    # What no database can hold fits nothing.
    form = SearchForm(
        {name: str(value).replace("\0", "") for name, value in request.GET.items()}, workspace=request.workspace
    )
    campaigns = form.keep(Campaign.objects.for_workspace(request.workspace))
    counts = dict(campaigns.values_list("state").annotate(Count("pk")).order_by())
    if state in CampaignState.values:
        campaigns = campaigns.filter(state=state)
    repeats = Prefetch("recurrences", Recurrence.objects.filter(stopped_at=None), to_attr="repeats")
    shown = (
        campaigns.defer("text", "html")
        .select_related("sender__domain", "folder")
        .prefetch_related(*AUDIENCE, "sender__domain__checks", "labels", repeats)
    )
    page = Paginator(shown.order_by("-pk"), PAGE).get_page(request.GET.get("page"))
    filters = [(value, label, counts[value]) for value, label in CampaignState.choices if value in counts]
    context = folder_context(request.workspace, form) | {
        "page": page,
        "rows": notes_of(list(page)),
        "state": state,
        "form": form,
        "is_filtered": form.is_used,
        "filters": filters,
        "total": sum(counts.values()),
    }
    return render(request, "campaigns/index.html", context)

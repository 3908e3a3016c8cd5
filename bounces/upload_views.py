"""Pages of uploaded notices, of their survey, and of lists of addresses that are known to be bad (E7)."""

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from bounces.errors import BouncesError
from bounces.models import NoticeState, NoticeUpload
from bounces.reports import make_chips
from bounces.survey import count_chosen, count_unregistered, exclude_chosen, stop_chosen, survey_upload
from bounces.survey_known import look_up, stop_known
from bounces.unregistered import exclude_unregistered
from bounces.upload_forms import KnownForm, KnownStopForm, NoticeUploadForm, SurveyForm
from bounces.uploads import WAITING, create_upload
from lists.exceptions import ListsError
from lists.uploads import refuse_large_uploads, refuse_many_files

PAGE_SIZE = 50
UPLOADS_SHOWN = 20


# The size has to be known before the form's token is read out of the body, as at the import of a list.
@csrf_exempt
@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
@refuse_large_uploads
@refuse_many_files
@csrf_protect
def upload_index(request: WorkspaceRequest) -> HttpResponseBase:
    """Take files of notices; show the newest uploads."""
    form = NoticeUploadForm(request.POST, request.FILES) if request.method == "POST" else NoticeUploadForm()
    if form.is_valid():
        try:
            upload = create_upload(request.workspace, form.cleaned_data["mails"], request.user)
        except BouncesError as error:
            form.add_error("mails", error.sentence)
        else:
            return redirect("notice_upload_detail", upload.pk)
    uploads = NoticeUpload.objects.filter(workspace=request.workspace).select_related("created_by").order_by("-pk")
    context = {"form": form, "uploads": uploads[:UPLOADS_SHOWN], "files": settings.DATA_UPLOAD_MAX_NUMBER_FILES}
    return render(request, "bounces/upload_index.html", context)


def fetch_upload(request: WorkspaceRequest, pk: int) -> NoticeUpload:
    """Return an upload of the workspace, or raise 404."""
    return get_object_or_404(
        NoticeUpload.objects.filter(workspace=request.workspace).select_related("workspace"), pk=pk
    )


def count_unread(upload: NoticeUpload) -> int:
    """Return how many of the stored notices are still to be processed."""
    return upload.notices.filter(state=NoticeState.NEW).count()


@require_safe
@member_required(Role.EDITOR)
def upload_detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Progress while the file is read, then what was found and what became of it."""
    upload = fetch_upload(request, pk)
    notices = upload.notices.for_workspace(request.workspace)
    state = request.GET.get("state", "")
    counts = dict(notices.values_list("state").annotate(Count("pk")).order_by())
    listed = notices.filter(state=state) if state in NoticeState.values else notices
    listed = listed.defer("content").prefetch_related("bounces").order_by("-pk")
    context = {
        "upload": upload,
        "unread": counts.get(NoticeState.NEW, 0),
        "chips": make_chips(counts, dict(NoticeState.choices), state),
        "total": sum(counts.values()),
        "state": state,
        "page": Paginator(listed, PAGE_SIZE).get_page(request.GET.get("page")),
        "is_waiting": upload.state in WAITING,
    }
    return render(request, "bounces/upload_detail.html", context)


@require_safe
@member_required(Role.EDITOR)
def upload_progress(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The live part of an upload's page; once nothing moves any more the page is loaded anew."""
    upload = fetch_upload(request, pk)
    is_waiting, unread = upload.state in WAITING, count_unread(upload)
    context = {"upload": upload, "is_waiting": is_waiting, "unread": unread}
    response = render(request, "bounces/_upload_progress.html", context)
    if not is_waiting and not unread:
        response["HX-Redirect"] = reverse("notice_upload_detail", args=[pk])
    return response


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def survey(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show which addresses failed and why; ask before the chosen ones are stopped."""
    upload = fetch_upload(request, pk)
    found = survey_upload(upload)
    form = SurveyForm(request.POST if request.method == "POST" else None, findings=found.findings)
    if form.is_valid():
        choices = form.cleaned_data["choices"]
        if "confirmed" in request.POST:
            now = timezone.now()
            stopped = stop_chosen(upload, choices, actor=request.user, now=now)
            if stopped or "exclude" not in request.POST:
                report_stopped(request, stopped)
            if "exclude" in request.POST:
                report_excluded(request, exclude_chosen(upload, choices, actor=request.user, now=now))
            return redirect("upload_survey", pk)
        context = {
            "upload": upload,
            "choices": choices,
            "chosen": [one for one in found.findings if one.value in choices],
            "count": count_chosen(upload, choices),
            "unregistered": count_unregistered(upload, choices),
        }
        return render(request, "bounces/survey_confirm.html", context)
    context = {"upload": upload, "survey": found, "form": form, "is_waiting": upload.state in WAITING}
    return render(request, "bounces/survey.html", context)


@csrf_exempt
@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
@refuse_large_uploads
@csrf_protect
def known_addresses(request: WorkspaceRequest) -> HttpResponseBase:
    """Take a list of addresses that are known to be bad and show which of them are still sent to."""
    form = KnownForm(request.POST, request.FILES) if request.method == "POST" else KnownForm()
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            known = look_up(request.workspace, file.file, now=timezone.now())
        except (BouncesError, ListsError) as error:
            form.add_error("file", error.sentence)
        else:
            name = (file.name or "").rpartition("/")[2][:255]
            carried = {"ids": ",".join(map(str, known.ids)), "unregistered": " ".join(known.unregistered)}
            stop_form = KnownStopForm(carried | {"filename": name})
            context = {"known": known, "filename": name, "form": stop_form}
            return render(request, "bounces/survey_known_confirm.html", context)
    return render(request, "bounces/survey_known.html", {"form": form})


@require_POST
@member_required(Role.EDITOR)
def known_addresses_stop(request: WorkspaceRequest) -> HttpResponse:
    """Stop the subscribers that were found, and put the addresses of nobody on the 除外リスト where that is asked for."""
    form = KnownStopForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("配信停止にするアドレスを読み取れませんでした。もう一度ファイルを選んでください。"))
        return redirect("known_addresses")
    ids, filename, now = form.cleaned_data["ids"], form.cleaned_data["filename"], timezone.now()
    if ids:
        report_stopped(request, stop_known(request.workspace, ids, filename, actor=request.user, now=now))
    if form.cleaned_data["exclude"]:
        keys, about = form.cleaned_data["unregistered"], _("既知の不達アドレス")
        report_excluded(
            request, exclude_unregistered(request.workspace, keys, about, filename, actor=request.user, now=now)
        )
    return redirect("stopped_index" if ids else "exclusion_index")


def report_stopped(request: WorkspaceRequest, number: int) -> None:
    """Tell how many addresses were stopped."""
    if number:
        messages.success(request, _("%d件のアドレスを配信停止にしました。") % number)
    else:
        messages.info(request, _("配信停止にしたアドレスはありません。すでに停止していました。"))


def report_excluded(request: WorkspaceRequest, number: int) -> None:
    """Tell how many addresses came on the 除外リスト."""
    if number:
        messages.success(request, _("登録のない%d件のアドレスを除外リストに入れました。") % number)
    else:
        messages.info(
            request, _("除外リストに入れたアドレスはありません。すでに登録済みか、入れられないアドレスでした。")
        )

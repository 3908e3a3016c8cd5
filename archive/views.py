"""The pages on which members decide what the バックナンバー of a list shows."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member_required
from accounts.models import Role
from accounts.numbers import read_number
from accounts.requests import WorkspaceRequest
from archive.choosing import mailings_of
from archive.editing import choose_mailing, save_archive, switch_archive
from archive.forms import ArchiveForm
from archive.models import Archive
from archive.public_content import dress, feed_url, index_url, subject_of
from archive.public_views import show_mailing, signup_url
from campaigns.models import Campaign, Part
from campaigns.views import AUDIENCE
from lists.models import MailingList

PAGE = 50


def find_list(request: WorkspaceRequest, pk: int) -> MailingList:
    """Return a list of the workspace."""
    return get_object_or_404(MailingList.objects.select_related("workspace"), workspace=request.workspace, pk=pk)


def archive_of(mailing_list: MailingList) -> Archive:
    """Return the archive of a list; where it has none yet, one that is not stored."""
    stored = Archive.objects.filter(mailing_list=mailing_list).select_related("form__sender").first()
    archive = stored or Archive(title=mailing_list.name)
    archive.mailing_list = mailing_list
    return archive


def notes_of(campaign: Campaign) -> list[str]:
    """Return why a mailing waits for a person's word, in short; nothing for one that everybody on the list got alike."""
    parts = {row.part for row in campaign.audience_parts.all()}
    notes = []
    if Part.INCLUDE_SEGMENT in parts:
        notes.append(_("セグメントあて"))
    if parts - {Part.INCLUDE_SEGMENT}:
        notes.append(_("除いた宛先あり"))
    if campaign.is_narrowed and not parts:
        # They were deleted since.
        notes.append(_("宛先を絞って配信"))
    if campaign.conditions:
        notes.append(_("条件付きブロックあり"))
    if campaign.resend_of_id:
        notes.append(_("再送"))
    return notes


@require_safe
@member_required()
def detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Where the archive is, what it says, and every mailing that it shows or could show."""
    archive = archive_of(find_list(request, pk))
    context: dict[str, Any] = {"archive": archive, "mailing_list": archive.mailing_list}
    if archive.pk:
        mailings = mailings_of(archive).defer("text", "html").select_related("workspace", "sender")
        page = Paginator(mailings.prefetch_related(*AUDIENCE), PAGE).get_page(request.GET.get("page"))
        context |= {
            "page": page,
            "rows": [(one, subject_of(archive, one), notes_of(one)) for one in dress(page)],
            "url": index_url(archive),
            "feed_url": feed_url(archive),
            "has_form": bool(signup_url(archive)),
        }
    return render(request, "archive/detail.html", context)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def edit(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Make the archive of a list, which nobody can read yet, or change what it says."""
    archive = archive_of(find_list(request, pk))
    is_new = archive.pk is None
    form = ArchiveForm(request.POST if request.method == "POST" else None, instance=archive)
    if not form.is_valid():
        context = {"form": form, "is_new": is_new, "mailing_list": archive.mailing_list}
        return render(request, "archive/form.html", context)
    save_archive(form.instance, actor=request.user, now=timezone.now())
    if is_new:
        messages.success(request, _("保存しました。載せるメールを確かめてから、「公開する」を押してください。"))
    else:
        messages.success(request, _("バックナンバーの設定を保存しました。"))
    return redirect("archive_detail", pk)


def find_archive(request: WorkspaceRequest, pk: int) -> Archive:
    """Return the archive of a list of the workspace."""
    archives = Archive.objects.select_related("mailing_list__workspace")
    return get_object_or_404(archives, mailing_list=find_list(request, pk))


@require_POST
@member_required(Role.EDITOR)
def switch(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Open the archive to everybody, or close it."""
    archive = find_archive(request, pk)
    is_public = request.POST.get("public") == "1"
    if switch_archive(archive, is_public=is_public, actor=request.user, now=timezone.now()):
        messages.success(request, _("バックナンバーを公開しました。") if is_public else _("公開をやめました。"))
    return redirect("archive_detail", pk)


@require_POST
@member_required(Role.EDITOR)
def choose(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Take a mailing into the archive, or out of it."""
    archive = find_archive(request, pk)
    number, is_shown = read_number(request.POST.get("mailing")), request.POST.get("shown") == "1"
    if number is not None and choose_mailing(archive, number, is_shown=is_shown, actor=request.user):
        messages.success(request, _("メールを載せました。") if is_shown else _("メールを外しました。"))
    page = request.POST.get("page", "")
    query = "?" + urlencode({"page": page}) if page.isascii() and page.isdigit() and page != "1" else ""
    return redirect(reverse("archive_detail", args=[pk]) + query)


@require_safe
@member_required()
def preview(request: WorkspaceRequest, pk: int, number: int) -> HttpResponse:
    """Show a mailing that began as everybody would see it."""
    archive = find_archive(request, pk)
    mailings = Campaign.objects.for_workspace(request.workspace).select_related("workspace", "sender")
    campaign = get_object_or_404(mailings, pk=number, audiences__mailing_list=pk, started_at__isnull=False)
    return show_mailing(request, archive, campaign)

"""Pages of the mailboxes into which notices come back."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from bounces.mailbox_errors import MailboxError, Step
from bounces.mailbox_forms import MailboxForm
from bounces.mailbox_imap import SET_ASIDE_FOLDER
from bounces.mailbox_pages import light_of, list_faults, list_mailboxes
from bounces.mailbox_reading import check_mailbox
from bounces.mailboxes import (
    MailboxTaken,
    create_mailbox,
    delete_mailbox,
    forget_set_aside,
    pause_mailbox,
    resume_mailbox,
    update_mailbox,
)
from bounces.models import Mailbox
from senders.errors import SenderError


@require_GET
@member_required(Role.ADMIN)
def mailbox_index(request: WorkspaceRequest) -> HttpResponse:
    """Show the mailboxes with their lights."""
    rows = list_mailboxes(request.workspace, now=timezone.now())
    return render(request, "bounces/mailbox_index.html", {"rows": rows})


@require_GET
@member_required(Role.ADMIN)
def mailbox_detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show a mailbox, how it is, and the messages that could not be taken over."""
    mailbox = get_object_or_404(Mailbox, workspace=request.workspace, pk=pk)
    faults = list_faults(mailbox)
    context = {
        "mailbox": mailbox,
        "light": light_of(mailbox, now=timezone.now()),
        "faults": faults,
        "has_set_aside": any(fault.set_aside for fault in faults),
        "set_aside_folder": SET_ASIDE_FOLDER,
    }
    return render(request, "bounces/mailbox_detail.html", context)


@require_http_methods(["GET", "POST"])
@member_required(Role.ADMIN)
def mailbox_create(request: WorkspaceRequest) -> HttpResponse:
    """Add a mailbox."""
    form = MailboxForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and (mailbox := try_save(request, form)):
        messages.success(request, _("受信メールボックスを追加しました。「接続テスト」で設定を確かめられます。"))
        return redirect("mailbox_detail", pk=mailbox.pk)
    return render(request, "bounces/mailbox_form.html", {"form": form, "mailbox": None})


@require_http_methods(["GET", "POST"])
@member_required(Role.ADMIN)
def mailbox_edit(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Change a mailbox."""
    mailbox = get_object_or_404(Mailbox, workspace=request.workspace, pk=pk)
    form = MailboxForm(request.POST or None, mailbox=mailbox)
    if request.method == "POST" and form.is_valid() and try_save(request, form):
        messages.success(request, _("受信メールボックスを保存しました。"))
        return redirect("mailbox_detail", pk=mailbox.pk)
    return render(request, "bounces/mailbox_form.html", {"form": form, "mailbox": mailbox})


def try_save(request: WorkspaceRequest, form: MailboxForm) -> Mailbox | None:
    """Store what a valid form says; where that is refused, put the reason on the form and return None."""
    password = form.cleaned_data["password"]
    try:
        if form.mailbox is None:
            return create_mailbox(request.workspace, form.details(), password, actor=request.user)
        update_mailbox(form.mailbox, form.details(), password, actor=request.user)
    except MailboxTaken:
        form.add_error("username", _("同じサーバー、ユーザー名、フォルダーの受信メールボックスがすでにあります。"))
        return None
    except SenderError:
        form.add_error(
            None, _("パスワードを暗号化できません。ENCRYPTION_KEYSの設定をシステム管理者に確認してください。")
        )
        return None
    return form.mailbox


@require_POST
@member_required(Role.ADMIN)
def mailbox_test(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Connect, log in and open the folder now, and tell how far that went. Nothing in the mailbox changes."""
    mailbox = get_object_or_404(Mailbox, workspace=request.workspace, pk=pk)
    try:
        count = check_mailbox(mailbox)
    except MailboxError as error:
        said = {"step": name_step(error.step), "why": error.describe()}
        messages.error(request, _("接続テスト: 「%(step)s」の段階で失敗しました。%(why)s") % said)
    else:
        messages.success(request, _("接続テスト: 接続できました。メールが%(count)d通あります。") % {"count": count})
    return redirect("mailbox_detail", pk=mailbox.pk)


def name_step(step: Step) -> str:
    """Return what a step is called."""
    names = {
        Step.NAME: _("サーバー名の確認"),
        Step.CONNECT: _("接続"),
        Step.TLS: _("TLSと証明書の確認"),
        Step.LOGIN: _("ログイン"),
        Step.FOLDER: _("フォルダーを開く"),
        Step.READ: _("メールの一覧"),
        Step.REMOVE: _("接続の終了"),
    }
    return names[step]


@require_POST
@member_required(Role.ADMIN)
def mailbox_pause(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Stop reading a mailbox."""
    mailbox = get_object_or_404(Mailbox, workspace=request.workspace, pk=pk)
    if pause_mailbox(mailbox, actor=request.user):
        messages.success(request, _("読み取りを止めました。届いたメールはメールボックスに残ります。"))
    return redirect("mailbox_detail", pk=mailbox.pk)


@require_POST
@member_required(Role.ADMIN)
def mailbox_resume(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Read a mailbox again."""
    mailbox = get_object_or_404(Mailbox, workspace=request.workspace, pk=pk)
    if resume_mailbox(mailbox, actor=request.user):
        messages.success(request, _("読み取りを再開しました。"))
    return redirect("mailbox_detail", pk=mailbox.pk)


@require_POST
@member_required(Role.ADMIN)
def mailbox_retry(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Take the messages that were set aside off the list; those still in the mailbox are tried again."""
    mailbox = get_object_or_404(Mailbox, workspace=request.workspace, pk=pk)
    if count := forget_set_aside(mailbox, actor=request.user):
        messages.success(
            request,
            _("取り分けの記録を%(count)d件消しました。残っているメールは次の読み取りで試します。") % {"count": count},
        )
    return redirect("mailbox_detail", pk=mailbox.pk)


@require_http_methods(["GET", "POST"])
@member_required(Role.ADMIN)
def mailbox_delete(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Ask, then forget a mailbox; what was read stays."""
    mailbox = get_object_or_404(Mailbox, workspace=request.workspace, pk=pk)
    if request.method == "POST":
        delete_mailbox(mailbox, actor=request.user)
        messages.success(request, _("受信メールボックスの設定を削除しました。"))
        return redirect("mailbox_index")
    return render(request, "bounces/mailbox_delete.html", {"mailbox": mailbox})

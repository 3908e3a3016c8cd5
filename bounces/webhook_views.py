"""Pages of webhooks, and the public address that services post to."""

import logging

from django.contrib import messages
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from bounces.errors import WebhookRefused
from bounces.models import Service, Webhook
from bounces.webhook_forms import WebhookCreateForm, WebhookForm
from bounces.webhooks import (
    BAD_REQUEST,
    MAX_BODY,
    TOO_LARGE,
    UNAVAILABLE,
    Post,
    change_webhook,
    create_webhook,
    delete_webhook,
    fetch_https,
    receive,
    url_of,
)
from senders.errors import SenderError

logger = logging.getLogger(__name__)

WEBHOOKS_SHOWN = 100
NOT_FOUND = 404


@require_http_methods(["GET", "POST"])
@member_required(Role.ADMIN)
def webhook_index(request: WorkspaceRequest) -> HttpResponse:
    """List the webhooks and make new ones."""
    form = WebhookCreateForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        webhook = create_webhook(request.workspace, Service(form.cleaned_data["service"]), request.user)
        return redirect("webhook_detail", webhook.pk)
    webhooks = Webhook.objects.filter(workspace=request.workspace).order_by("-pk")[:WEBHOOKS_SHOWN]
    return render(request, "bounces/webhook_index.html", {"form": form, "webhooks": webhooks})


def fetch_webhook(request: WorkspaceRequest, pk: int) -> Webhook:
    """Return a webhook of the workspace, or raise 404."""
    return get_object_or_404(Webhook.objects.filter(workspace=request.workspace).select_related("workspace"), pk=pk)


@require_http_methods(["GET", "POST"])
@member_required(Role.ADMIN)
def webhook_detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show the address to paste, and take what the service signs with."""
    webhook = fetch_webhook(request, pk)
    form = WebhookForm(request.POST if request.method == "POST" else None, webhook=webhook)
    if form.is_valid():
        cleaned = form.cleaned_data
        try:
            change_webhook(
                webhook,
                request.user,
                secret=cleaned.get("secret", ""),
                topics=cleaned.get("topics", []),
                is_active=cleaned["is_active"],
            )
        except SenderError as error:
            form.add_error(None, error.sentence)
        else:
            messages.success(request, _("Webhookの設定を保存しました。"))
            return redirect("webhook_detail", pk)
    return render(request, "bounces/webhook_detail.html", {"webhook": webhook, "form": form, "url": url_of(webhook)})


@require_POST
@member_required(Role.ADMIN)
def webhook_delete(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Close a webhook."""
    delete_webhook(fetch_webhook(request, pk), request.user)
    messages.success(request, _("Webhookを削除しました。"))
    return redirect("webhook_index")


# A service has no token of ours; its signature is checked instead.
@csrf_exempt
@require_POST
def hook(request: HttpRequest, token: str) -> HttpResponse:
    """Take what a service posts. 503 asks it to come again: the fault is ours."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > MAX_BODY:
        return HttpResponse(status=TOO_LARGE)
    try:
        webhook = Webhook.objects.select_related("workspace").filter(token=token, is_active=True).first()
        if webhook is None:
            return HttpResponse(status=NOT_FOUND)
        receive(webhook, Post(request.body, request.headers, timezone.now(), fetch_https))
    except WebhookRefused as refused:
        logger.warning("webhook %s answers %d: %s", token[:8], refused.status, refused.sentence)
        return HttpResponse(status=refused.status)
    except UnreadablePostError:
        # The service broke off and will come again.
        return HttpResponse(status=BAD_REQUEST)
    except (DatabaseError, SenderError) as error:
        logger.error("webhook %s: %s", token[:8], error)
        return HttpResponse(status=UNAVAILABLE)
    return HttpResponse()

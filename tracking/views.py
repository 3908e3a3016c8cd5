"""The settings of 計測, and what stands behind the links and the picture of a mail."""

import logging
from collections.abc import Callable
from typing import Final

from django.contrib import messages
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from tracking import buffer, writing
from tracking.forms import RulesForm
from tracking.host_names import is_strange
from tracking.hosts import HEADER, our_host, proof_of
from tracking.links import UnknownLink, read_token, rules_of, target_of
from tracking.machines import read_source
from tracking.middleware import ASKED_BY
from tracking.models import OPEN, LinkHost
from tracking.rewriting import is_safe_target, quote_unfit
from tracking.saving import save_rules

logger = logging.getLogger(__name__)

# One transparent point (GIF89a).
PICTURE: Final = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
# Nobody between us and the reader answers for us, and the page that follows is not told of the link.
HEADERS: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


@require_safe
def click(
    request: HttpRequest, campaign: int, number: int, token: str, fill_target: Callable[[str, int], str]
) -> HttpResponse:
    """Lead to the target of a link; 404 for a token or a link that is not ours.

    `fill_target` fills the tags of a target for a delivery. Nothing in the request has a say in where it leads.
    """
    delivery = read_token(campaign, token)
    if delivery is None or is_strange(campaign, request.META.get(ASKED_BY, "")):
        raise Http404
    try:
        target = target_of(campaign, number)
    except UnknownLink as error:
        raise Http404 from error
    if "{{" in target:
        target = quote_unfit(fill_target(target, delivery))
    if not is_safe_target(target):
        raise Http404
    note_hit(request, campaign, delivery, number)
    return HttpResponseRedirect(target, headers=HEADERS)


@require_safe
def open_pixel(request: HttpRequest, campaign: int, token: str) -> HttpResponse:
    """Give the picture; 404 for a token that is not ours."""
    delivery = read_token(campaign, token)
    if delivery is None:
        raise Http404
    note_hit(request, campaign, delivery, OPEN)
    return HttpResponse(PICTURE, content_type="image/gif", headers=HEADERS)


@require_safe
def link_proof(request: HttpRequest, token: str) -> HttpResponse:
    """Prove that a host leads here; 404 for a token that is not ours."""
    proof = proof_of(token)
    if proof is None:
        raise Http404
    return HttpResponse(status=204, headers={**HEADERS, HEADER: proof})


def note_hit(request: HttpRequest, campaign: int, delivery: int, number: int) -> None:
    """Keep a hit; whoever only asks whether something is there (HEAD) made none. Raises nothing."""
    if request.method != "GET":
        return
    now = timezone.now()
    # request.headers would read all of them.
    entry = buffer.make_entry(campaign, delivery, number, read_source(number, request.META), now)
    try:
        buffer.push(entry)
    except buffer.Unreachable:
        try:
            writing.store([entry], now=now)
        except Error:
            # The reader shall come to his page all the same.
            logger.exception("a hit is lost: neither Redis nor the database took it")


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def tracking_settings(request: WorkspaceRequest) -> HttpResponse:
    """Show or change what is measured, and say what that means for recipients."""
    form = RulesForm(request.POST if request.method == "POST" else None, instance=rules_of(request.workspace))
    if request.method == "POST" and form.is_valid():
        if save_rules(request.workspace, form.cleaned_data, actor=request.user):
            messages.success(request, _("計測の設定を保存しました。これから配信を始めるメールに適用します。"))
        else:
            messages.info(request, _("変更はありません。"))
        return redirect("tracking_settings")
    host = LinkHost.objects.filter(workspace=request.workspace).first()
    context = {"form": form, "keep_days": writing.keeping().days, "host": host, "our_host": our_host()}
    return render(request, "tracking/settings.html", context)

"""The page and part of a subscriber's errors."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import member_required
from accounts.requests import WorkspaceRequest
from bounces.evidence import read_evidence
from lists.models import Subscriber

PAGE = 50


@require_safe
@member_required()
def subscriber_errors(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Every error that was told about a subscriber; the newest of them as a part of the subscriber's page."""
    subscribers = Subscriber.objects.select_related("workspace")
    subscriber = get_object_or_404(subscribers, workspace=request.workspace, pk=pk)
    page = Paginator(subscriber.errors.order_by("-at", "-pk"), PAGE).get_page(request.GET.get("page"))
    rows = list(read_evidence(subscriber, list(page), now=timezone.now()))
    context = {"subscriber": subscriber, "page": page, "rows": rows}
    is_part = "HX-Request" in request.headers
    return render(request, "bounces/_evidence.html" if is_part else "bounces/evidence.html", context)

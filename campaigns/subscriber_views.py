"""The page and part of the mailings to one subscriber, with what the person opened and clicked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.access import member_required
from accounts.requests import WorkspaceRequest
from campaigns.models import Delivery
from lists.models import Engagement, Subscriber

PAGE = 50
# A page has many campaigns, whose bodies may be large.
UNUSED = ("attributes", "campaign__text", "campaign__html")


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery, and when its mail was opened and clicked last."""

    delivery: Delivery
    opened_at: datetime | None = None
    clicked_at: datetime | None = None


@require_safe
@member_required()
def subscriber_deliveries(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Every delivery to a subscriber; the newest of them as a part of the subscriber's page."""
    subscriber = get_object_or_404(Subscriber, workspace=request.workspace, pk=pk)
    deliveries = Delivery.objects.filter(subscriber=subscriber).select_related("campaign").defer(*UNUSED)
    page = Paginator(deliveries.order_by("-pk"), PAGE).get_page(request.GET.get("page"))
    context = {"subscriber": subscriber, "page": page, "rows": with_engagements(subscriber, list(page))}
    is_part = "HX-Request" in request.headers
    name = "campaigns/_subscriber_deliveries.html" if is_part else "campaigns/subscriber_deliveries.html"
    return render(request, name, context)


def with_engagements(subscriber: Subscriber, deliveries: Sequence[Delivery]) -> list[Row]:
    """Return deliveries to a subscriber with what the person opened and clicked."""
    campaigns = [delivery.campaign_id for delivery in deliveries]
    found = Engagement.objects.filter(subscriber=subscriber, campaign__in=campaigns)
    moments = {
        pk: (opened, clicked) for pk, opened, clicked in found.values_list("campaign", "opened_at", "clicked_at")
    }
    return [Row(delivery, *moments.get(delivery.campaign_id, ())) for delivery in deliveries]

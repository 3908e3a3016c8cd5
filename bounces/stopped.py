"""停止アドレス: who is not sent to any more, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db.models import Count, OuterRef, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy
from import_export.fields import Field
from import_export.resources import ModelResource

from accounts.models import Workspace
from lists.models import AddressError, Subscriber, SubscriberQuerySet


def find_stopped(workspace: Workspace, *, q: str = "", reason: str = "") -> SubscriberQuerySet:
    """Return the stopped subscribers of a workspace, newest first, with the newest error of each."""
    newest = AddressError.objects.filter(subscriber=OuterRef("pk")).order_by("-pk")
    found = Subscriber.objects.for_workspace(workspace).stopped().order_by("-pk")
    if q:
        found = found.filter(address_key__contains=q.strip().lower())
    if reason:
        found = found.filter(stop_reason=reason)
    return found.annotate(
        last_code=Subquery(newest.values("code")[:1]),
        last_text=Subquery(newest.values("text")[:1]),
        last_about=Subquery(newest.values("about")[:1]),
    )


def count_stopped(workspace: Workspace) -> dict[str, int]:
    """Return how many are stopped, by reason."""
    rows = Subscriber.objects.for_workspace(workspace).stopped().values_list("stop_reason")
    return dict(rows.annotate(Count("pk")).order_by())


class StoppedResource(ModelResource):  # type: ignore[misc]
    """The columns of the download of stopped addresses."""

    address = Field("address", gettext_lazy("メールアドレス"))
    name = Field("name", gettext_lazy("お名前"))
    stop_reason = Field("get_stop_reason_display", gettext_lazy("停止理由"))
    stopped_at = Field(column_name=gettext_lazy("停止日時"))
    error_count = Field("error_count", gettext_lazy("エラー回数"))
    last_code = Field("last_code", gettext_lazy("最後のエラーコード"))
    last_text = Field("last_text", gettext_lazy("最後の応答"))

    class Meta:
        model = Subscriber
        fields = ("address", "name", "stop_reason", "stopped_at", "error_count", "last_code", "last_text")
        export_order = fields

    def dehydrate_stopped_at(self, subscriber: Subscriber) -> str:
        """Write the time as people here read it."""
        return write_time(subscriber.stopped_at)


def write_time(at: datetime | None) -> str:
    """Write a time in local notation, "" for none."""
    return f"{timezone.localtime(at):%Y/%m/%d %H:%M:%S}" if at else ""


def export_stopped(subscribers: Iterable[Subscriber]) -> Iterator[list[object]]:
    """Yield the heading and a row for each subscriber."""
    resource = StoppedResource()
    yield resource.get_export_headers()
    for subscriber in subscribers:
        yield resource.export_resource(subscriber)

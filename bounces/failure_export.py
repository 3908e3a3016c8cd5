"""The columns of a download of failed addresses (A8, A9, B10)."""

from collections.abc import Iterator
from functools import cache
from operator import attrgetter

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bounces.exporting import Column
from bounces.reports import label_of, told_where
from bounces.times import write_time
from campaigns.models import Campaign, Delivery, DeliveryQuerySet
from mta.providers import PROVIDER_LABELS

# Rows that are fetched together while the file is streamed.
BATCH = 2000


@cache
def word_of(part: str, value: str) -> str:
    """Return what people read for a value of a column, "" for none; asked for every cell, so it is kept."""
    return label_of(part, value) if value else ""


def provider_of_row(delivery: Delivery) -> str:
    """Return the provider's name."""
    return _(PROVIDER_LABELS.get(delivery.lane.provider, delivery.lane.provider))


FAILURE_COLUMNS = (
    Column("address", gettext_lazy("メールアドレス"), attrgetter("address")),
    Column("name", gettext_lazy("お名前"), attrgetter("name")),
    Column("code", gettext_lazy("エラーコード"), attrgetter("code")),
    Column("kind", gettext_lazy("種別"), lambda delivery: word_of("kind", delivery.kind)),
    Column("reason", gettext_lazy("理由"), lambda delivery: word_of("reason", delivery.reason)),
    Column("text", gettext_lazy("受信サーバーの応答"), attrgetter("text")),
    Column("state", gettext_lazy("状態"), lambda delivery: word_of("state", delivery.state)),
    Column("settled_at", gettext_lazy("日時"), lambda delivery: write_time(delivery.settled_at)),
    Column("told", gettext_lazy("通知元"), told_where),
    Column("provider", gettext_lazy("プロバイダ"), provider_of_row),
    Column("subject", gettext_lazy("件名"), attrgetter("campaign.subject")),
    Column("mail_date", gettext_lazy("送信日時"), lambda delivery: write_time(delivery.mail_date)),
    Column("attempts", gettext_lazy("試行回数"), attrgetter("attempts")),
)


def read_failures(campaign: Campaign, deliveries: DeliveryQuerySet) -> Iterator[Delivery]:
    """Yield deliveries of a campaign with what the columns need, a batch in memory at a time."""
    rows = deliveries.defer("attributes").prefetch_related("lane")
    for delivery in rows.iterator(chunk_size=BATCH):
        # All rows are of this campaign; a join would fetch its texts with every one.
        delivery.campaign = campaign
        yield delivery

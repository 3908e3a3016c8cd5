"""The columns of a download of failed addresses (A8, A9, B10)."""

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export.fields import Field
from import_export.resources import ModelResource

from bounces.reports import told_where
from bounces.times import write_time
from campaigns.models import Campaign, Delivery, DeliveryQuerySet
from mta.providers import PROVIDER_LABELS

# Rows that are fetched together while the file is streamed.
BATCH = 2000


class FailedAddressResource(ModelResource):  # type: ignore[misc]
    """The columns of the download of failed addresses."""

    address = Field("address", gettext_lazy("メールアドレス"))
    name = Field("name", gettext_lazy("お名前"))
    code = Field("code", gettext_lazy("エラーコード"))
    kind = Field("get_kind_display", gettext_lazy("種別"))
    reason = Field("get_reason_display", gettext_lazy("理由"))
    text = Field("text", gettext_lazy("受信サーバーの応答"))
    state = Field("get_state_display", gettext_lazy("状態"))
    settled_at = Field(column_name=gettext_lazy("日時"))
    told = Field(column_name=gettext_lazy("通知元"))
    provider = Field(column_name=gettext_lazy("プロバイダ"))
    subject = Field("campaign__subject", gettext_lazy("件名"))
    mail_date = Field(column_name=gettext_lazy("送信日時"))
    attempts = Field("attempts", gettext_lazy("試行回数"))

    class Meta:
        model = Delivery
        fields = (
            "address",
            "name",
            "code",
            "kind",
            "reason",
            "text",
            "state",
            "settled_at",
            "told",
            "provider",
            "subject",
            "mail_date",
            "attempts",
        )
        export_order = fields

    def dehydrate_settled_at(self, delivery: Delivery) -> str:
        """Write the time as people here read it."""
        return write_time(delivery.settled_at)

    def dehydrate_mail_date(self, delivery: Delivery) -> str:
        """Write the time of the first try."""
        return write_time(delivery.mail_date)

    def dehydrate_told(self, delivery: Delivery) -> str:
        """Write where the failure was told."""
        return told_where(delivery)

    def dehydrate_provider(self, delivery: Delivery) -> str:
        """Write the provider's name."""
        return _(PROVIDER_LABELS.get(delivery.lane.provider, delivery.lane.provider))


def read_failures(campaign: Campaign, deliveries: DeliveryQuerySet) -> Iterator[Delivery]:
    """Yield deliveries of a campaign with what the columns need, a batch in memory at a time."""
    rows = deliveries.defer("attributes").prefetch_related("lane")
    for delivery in rows.iterator(chunk_size=BATCH):
        # All rows are of this campaign; a join would fetch its texts with every one.
        delivery.campaign = campaign
        yield delivery

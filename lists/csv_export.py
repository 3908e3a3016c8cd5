"""Rows of a list's export; the headers are those that an import understands."""

from collections.abc import Iterator, Sequence

from django.utils import timezone
from django.utils.translation import gettext as _

from lists.attributes import attribute_names
from lists.models import MailingList, Subscriber

# Rows that are fetched together while the file is streamed.
BATCH = 2000


def export_list(mailing_list: MailingList) -> Iterator[Sequence[object]]:
    """Yield the header and one row for each subscriber of the list, stopped ones included."""
    attributes = attribute_names(mailing_list.workspace)
    yield [_("メールアドレス"), _("お名前"), *attributes, _("状態"), _("停止理由"), _("登録日時")]
    subscribers = Subscriber.objects.filter(subscriptions__mailing_list=mailing_list).order_by("pk")
    for subscriber in subscribers.iterator(chunk_size=BATCH):
        yield [
            subscriber.address,
            subscriber.name,
            *(subscriber.attributes.get(name, "") for name in attributes),
            subscriber.get_status_display(),
            subscriber.get_stop_reason_display(),
            f"{timezone.localtime(subscriber.created_at):%Y-%m-%d %H:%M}",
        ]

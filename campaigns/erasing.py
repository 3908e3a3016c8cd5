"""Erases what mailings keep of people: addresses, names, values, the replies of their servers. The numbers stay."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat, Lower

from campaigns.erased import PREFIX
from campaigns.models import CLAIMABLE, Delivery, DeliveryState, Tester, TestMail
from campaigns.tally import mark_all_due
from lists.traces import ERASED, Gone
from tracking.writing import erase_hits

# Deliveries that one statement writes.
PIECE = 1000


def deliveries_of(gone: Gone) -> QuerySet[Delivery]:
    """Return the deliveries to people of one workspace, also to whoever had their addresses before."""
    addressed = Q(workspace=gone.workspace, address_key__in=gone.keys)
    return Delivery.objects.filter(Q(subscriber__in=gone.people) | addressed)


def erase_mails(gone: Gone, now: datetime) -> None:
    """Erase locked subscribers of one workspace from its mailings: what waits is not sent, what was sent stays sent.

    A mail whose end was being sent keeps its outcome; its row is known by its number alone.
    """
    rows = list(deliveries_of(gone).order_by("pk").select_for_update(no_key=True).values_list("pk", "campaign_id"))
    for start in range(0, len(rows), PIECE):
        _erase_deliveries([pk for pk, _campaign in rows[start : start + PIECE]], now)
    mark_all_due({campaign for _pk, campaign in rows}, now=now)
    tests = TestMail.objects.filter(campaign__workspace=gone.workspace)
    tests.filter(subscriber__in=gone.people).delete()
    testers = Tester.objects.filter(workspace=gone.workspace)
    testers.alias(small=Lower("address")).filter(small__in=gone.keys).delete()
    tests.alias(small=Lower("address")).filter(small__in=gone.keys).delete()


def _erase_deliveries(ids: Sequence[int], now: datetime) -> None:
    erase_hits(ids)
    own = Delivery.objects.filter(pk__in=ids)
    own.filter(state__in=(*CLAIMABLE, DeliveryState.CLAIMED)).update(
        state=DeliveryState.EXCLUDED, settled_at=now, lease_token=None, lease_until=None
    )
    number = Cast(F("pk"), CharField())
    own.update(
        address=ERASED,
        address_key=Concat(Value(PREFIX), number, output_field=CharField()),
        name="",
        attributes={},
        text="",
        subscriber=None,
    )

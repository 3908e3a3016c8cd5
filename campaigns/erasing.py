"""Erases what mailings keep of people: addresses, names, values, the replies of their servers. The numbers stay."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat, Lower

from campaigns.erased import PREFIX
from campaigns.models import CLAIMABLE, Delivery, DeliveryState, TestMail
from campaigns.tally import mark_due
from lists.models import Subscriber
from lists.traces import ERASED


def deliveries_of(people: Sequence[Subscriber]) -> QuerySet[Delivery]:
    """Return the deliveries to people of one workspace, also to whoever had their addresses before."""
    keys = [person.address_key for person in people]
    addressed = Q(workspace=people[0].workspace_id, address_key__in=keys)
    return Delivery.objects.filter(Q(subscriber__in=people) | addressed)


def erase_mails(people: Sequence[Subscriber], now: datetime) -> None:
    """Erase locked subscribers of one workspace from its mailings: what waits is not sent, what was sent stays sent.

    A mail whose end was being sent keeps its outcome; its row is known by its number alone.
    """
    rows = list(deliveries_of(people).order_by("pk").select_for_update(no_key=True).values_list("pk", "campaign_id"))
    own = Delivery.objects.filter(pk__in=[pk for pk, _campaign in rows])
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
    for campaign_id in {campaign for _pk, campaign in rows}:
        mark_due(campaign_id, now=now)
    words = {spelling.lower() for person in people for spelling in (person.address, person.address_key)}
    tests = TestMail.objects.filter(campaign__workspace=people[0].workspace_id).alias(small=Lower("address"))
    tests.filter(Q(subscriber__in=people) | Q(small__in=words)).delete()

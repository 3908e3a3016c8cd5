"""Erases people from everything: what returned mails and mailings keep of them, then the subscribers themselves."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from django.db import IntegrityError
from django.db.models import CharField, F, Q, Value
from django.db.models.functions import Cast, Concat, Lower

from accounts.models import User, Workspace
from bounces.erased import NOTHING
from bounces.models import Bounce, NoticeState, RawNotice
from campaigns.erased import PREFIX
from campaigns.erasing import deliveries_of, erase_mails
from lists.erasing import erase
from lists.models import Subscriber
from lists.transactions import retry_transaction


def erase_notices(people: Sequence[Subscriber], now: datetime) -> None:
    """Erase locked subscribers of one workspace from returned mails; that there was an error, and which, stays.

    Called before the mailings are erased, which know whose the notices are.
    """
    workspace = people[0].workspace_id
    delivery_ids = list(deliveries_of(people).values_list("pk", flat=True))
    words = {spelling.lower() for person in people for spelling in (person.address, person.address_key)}
    # A notice that nobody knows the workspace of may be theirs as well.
    named = Bounce.objects.alias(small=Lower("recipient")).filter(
        Q(notice__workspace=workspace) | Q(notice__workspace=None), small__in=words
    )
    found = set(named.values_list("pk", flat=True)) | set(
        Bounce.objects.filter(delivery__in=delivery_ids).values_list("pk", flat=True)
    )
    bounces = Bounce.objects.filter(pk__in=found)
    notice_ids = set(bounces.values_list("notice_id", flat=True))
    bounces.update(recipient=Concat(Value(PREFIX), Cast(F("pk"), CharField()), output_field=CharField()), text="")
    notices = RawNotice.objects.filter(Q(pk__in=notice_ids) | Q(assigned_to__in=delivery_ids))
    notices.update(content=NOTHING, note="")
    # There is nothing left in them that a person could find a delivery by.
    notices.filter(state=NoticeState.UNMATCHED).update(state=NoticeState.IGNORED)


# In this order.
ERASERS: Final = (erase_notices, erase_mails)


def erase_people(ids: Collection[int], *, workspace: Workspace, actor: User | None, now: datetime) -> int:
    """Erase up to some hundred subscribers of a workspace from all tables; return how many."""
    # What a merge or a starting mailing writes about them at that moment is seen only after its commit.
    return retry_transaction(
        lambda: erase(ids, workspace=workspace, actor=actor, now=now, also=ERASERS), also=(IntegrityError,)
    )

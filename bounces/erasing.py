"""Erases people from everything: what returned mails and mailings keep of them, then the subscribers themselves."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from django.db import IntegrityError
from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat, Lower

from accounts.models import User, Workspace
from bounces.erased import NOTHING
from bounces.models import Bounce, NoticeState, RawNotice
from campaigns.erased import PREFIX
from campaigns.erasing import deliveries_of, erase_mails
from lists.erasing import erase
from lists.headcounts import mark_due
from lists.models import Subscription
from lists.traces import Gone
from lists.transactions import retry_transaction
from signup.erasing import erase_requests

# Rows whose ids go into one statement.
PIECE = 1000


def erase_notices(gone: Gone, now: datetime) -> None:
    """Erase locked subscribers of one workspace from returned mails; that there was an error, and which, stays.

    Called before the mailings are erased, which know whose the notices are.
    """
    # A notice that nobody knows the workspace of may be theirs as well.
    named = Bounce.objects.alias(small=Lower("recipient")).filter(
        Q(notice__workspace=gone.workspace) | Q(notice__workspace=None), small__in=gone.keys
    )
    _erase_bounces(list(named.values_list("pk", "notice_id")))
    delivery_ids = list(deliveries_of(gone).values_list("pk", flat=True))
    for start in range(0, len(delivery_ids), PIECE):
        ids = delivery_ids[start : start + PIECE]
        _erase_bounces(list(Bounce.objects.filter(delivery__in=ids).values_list("pk", "notice_id")))
        _erase_mails_of(RawNotice.objects.filter(assigned_to__in=ids))


def _erase_bounces(bounces: Sequence[tuple[int, int]]) -> None:
    """Erase returned mails, given by their own ids and those of their notices."""
    recipient = Concat(Value(PREFIX), Cast(F("pk"), CharField()), output_field=CharField())
    for start in range(0, len(bounces), PIECE):
        piece = bounces[start : start + PIECE]
        Bounce.objects.filter(pk__in=[pk for pk, _notice in piece]).update(recipient=recipient, text="")
        _erase_mails_of(RawNotice.objects.filter(pk__in=[notice for _pk, notice in piece]))


def _erase_mails_of(notices: QuerySet[RawNotice]) -> None:
    notices.update(content=NOTHING, note="")
    # There is nothing left in them that a person could find a delivery by.
    notices.filter(state=NoticeState.UNMATCHED).update(state=NoticeState.IGNORED)


# In this order.
ERASERS: Final = (erase_notices, erase_requests, erase_mails)


def erase_people(
    ids: Collection[int], *, workspace: Workspace, actor: User | None, now: datetime, why: str = ""
) -> int:
    """Erase up to some hundred subscribers of a workspace from all tables; return how many. `why` as of `erase`."""
    places = Subscription.objects.filter(subscriber__in=ids, subscriber__workspace=workspace)
    list_ids = set(places.values_list("mailing_list_id", flat=True))
    # What a merge or a starting mailing writes about them at that moment is seen only after its commit.
    number = retry_transaction(
        lambda: erase(ids, workspace=workspace, actor=actor, now=now, why=why, also=ERASERS), also=(IntegrityError,)
    )
    mark_due(workspace.pk, list_ids, now=now)
    return number

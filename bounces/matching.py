"""Brings a notice together with the delivery that it is about."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Max

from accounts.models import Workspace
from bounces.models import MatchedBy
from bounces.parsed import ParsedNotice
from campaigns.models import Delivery
from campaigns.rendering import MESSAGE_ID
from mta import return_path, tokens


@dataclass(frozen=True, slots=True)
class Match:
    """A delivery, and how it was found. Without one, `by` is empty."""

    delivery: Delivery | None = None
    by: MatchedBy | None = None

    def is_proven(self) -> bool:
        """Say whether only we could have written what led to the delivery."""
        return self.delivery is not None and self.by in (MatchedBy.RETURN_PATH, MatchedBy.MESSAGE_ID)


def find_delivery(envelope_to: str, notice: ParsedNotice) -> Match:
    """Find the delivery of a notice: by the signed Return-Path, the Message-ID, and last by the address.

    A token that was not made here is as good as none.
    """
    for address in (envelope_to, *notice.return_paths):
        if (pk := return_path.decode(address, secret=settings.SECRET_KEY)) and (delivery := get_delivery(pk)):
            return Match(delivery, MatchedBy.RETURN_PATH)
    if (pk := read_message_id(notice.message_id)) and (delivery := get_delivery(pk)):
        return Match(delivery, MatchedBy.MESSAGE_ID)
    for recipient in notice.recipients:
        for address in filter(None, (recipient.address, recipient.original)):
            if delivery := find_by_address(address):
                return Match(delivery, MatchedBy.ADDRESS)
    return Match()


def get_delivery(pk: int) -> Delivery | None:
    """Return a delivery that still exists."""
    return Delivery.objects.filter(pk=pk).first()


def read_message_id(message_id: str) -> int | None:
    """Return the delivery that a Message-ID of ours was made for (`<d-TOKEN@domain>`)."""
    local = message_id.strip().removeprefix("<").partition("@")[0].lower()
    if not local.startswith("d-"):
        return None
    return tokens.read(MESSAGE_ID, local.removeprefix("d-"), secret=settings.SECRET_KEY)


def find_by_address(address: str) -> Delivery | None:
    """Return the newest delivery to an address; None where several workspaces have sent to it."""
    # The workspaces are named so that the index on workspace and address serves.
    newest = (
        Delivery.objects.filter(workspace__in=list(Workspace.objects.values_list("pk", flat=True)))
        .filter(address_key=address.lower())
        .values("workspace")
        .annotate(newest=Max("pk"))
        .values_list("newest", flat=True)[:2]
    )
    found = list(newest)
    return get_delivery(found[0]) if len(found) == 1 else None

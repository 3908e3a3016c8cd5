"""Brings a notice together with the delivery that it is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db.models import Max, Q

from accounts.models import Workspace
from bounces.models import Door, MatchedBy, RawNotice
from bounces.parsed import ParsedNotice
from campaigns.links import MESSAGE_ID
from campaigns.models import Delivery, DeliveryState
from mta import return_path, tokens

# A service that proved who it is names the address only; it tells within days of the mail.
WEBHOOK_WINDOW = timedelta(days=14)
# Nothing can have come back of a mail that was not yet made.
NEVER_TRIED = Q(state=DeliveryState.PENDING, mail_date=None)
# Only we or a person of the workspace could have led to the delivery.
PROVEN = (MatchedBy.RETURN_PATH, MatchedBy.MESSAGE_ID, MatchedBy.WEBHOOK, MatchedBy.HAND)


class Why(StrEnum):
    """Why a notice was not counted or not read; `rule_words.WHYS` has the sentences."""

    ADDRESS_ONLY = "address-only"
    ADDRESS_UNKNOWN = "address-unknown"
    NO_ADDRESS = "no-address"
    SEVERAL_WORKSPACES = "several-workspaces"
    DELIVERY_GONE = "delivery-gone"
    NOT_SENT_LATELY = "not-sent-lately"
    NEVER_SETTLED = "never-settled"
    UNREADABLE = "unreadable"
    DAMAGED = "damaged"
    FAULT = "fault"
    KILLED = "killed"


@dataclass(frozen=True, slots=True)
class Match:
    """A delivery, and how it was found. Without one, `by` is empty; `why` says what kept it from counting."""

    delivery: Delivery | None = None
    by: MatchedBy | None = None
    why: str = ""

    def counts(self) -> bool:
        """Say whether the match is proven, or at least enough for the operator (COUNT_ADDRESS_MATCHES)."""
        if self.delivery is None:
            return False
        return self.by in PROVEN or (self.by == MatchedBy.ADDRESS and settings.COUNT_ADDRESS_MATCHES)


def find_delivery(
    notice: RawNotice, parsed: ParsedNotice, *, now: datetime, known: Mapping[int, Delivery] | None = None
) -> Match:
    """Find the delivery of a notice: by hand, signed Return-Path, Message-ID, webhook, and last by the address.

    A token that was not made here is as good as none. `known` holds the deliveries of all tokens where the caller
    has fetched them; by default each is asked for.
    """
    if notice.assigned_to_id is not None and (delivery := get_delivery(notice.assigned_to_id, known)):
        return Match(delivery, MatchedBy.HAND)
    is_gone = False
    for pk, by in read_tokens(notice.envelope_to, parsed):
        if delivery := get_delivery(pk, known):
            return Match(delivery, by)
        is_gone = True
    found = find_by_address(notice, parsed, now=now)
    # A right signature says more than what became of the address.
    return Match(why=Why.DELIVERY_GONE) if is_gone and found.delivery is None else found


def read_tokens(envelope_to: str, parsed: ParsedNotice) -> Iterator[tuple[int, MatchedBy]]:
    """Yield the deliveries that tokens of ours name, the surest first."""
    for address in (envelope_to, *parsed.return_paths):
        if pk := return_path.decode(address, secret=settings.SECRET_KEY):
            yield pk, MatchedBy.RETURN_PATH
    if pk := read_message_id(parsed.message_id):
        yield pk, MatchedBy.MESSAGE_ID


def read_message_id(message_id: str) -> int | None:
    """Return the delivery that a Message-ID of ours was made for (`<d-TOKEN@domain>`)."""
    local = message_id.strip().removeprefix("<").partition("@")[0].lower()
    if not local.startswith("d-"):
        return None
    return tokens.read(MESSAGE_ID, local.removeprefix("d-"), secret=settings.SECRET_KEY)


def fetch_deliveries(read: Iterable[tuple[RawNotice, ParsedNotice]]) -> dict[int, Delivery]:
    """Return every delivery that a token or a person names in these notices, in one query."""
    named: set[int] = set()
    for notice, parsed in read:
        named.update(pk for pk, _by in read_tokens(notice.envelope_to, parsed))
        if notice.assigned_to_id is not None:
            named.add(notice.assigned_to_id)
    return Delivery.objects.in_bulk(sorted(named)) if named else {}


def get_delivery(pk: int, known: Mapping[int, Delivery] | None) -> Delivery | None:
    """Return a delivery that still exists."""
    return Delivery.objects.filter(pk=pk).first() if known is None else known.get(pk)


def find_by_address(notice: RawNotice, parsed: ParsedNotice, *, now: datetime) -> Match:
    """Find the newest delivery to an address that a notice names; in the door's own workspace where it has one."""
    is_told = notice.door == Door.WEBHOOK and notice.workspace_id is not None
    match = Match(why=Why.NOT_SENT_LATELY if is_told else Why.NO_ADDRESS)
    for address in addresses_of(parsed):
        if is_told:
            found = newest_since(notice, address, since=now - WEBHOOK_WINDOW)
            match = Match(found, MatchedBy.WEBHOOK) if found else match
        else:
            match = newest_anywhere(notice.workspace_id, address)
        if match.delivery:
            return match
    return match


def addresses_of(parsed: ParsedNotice) -> list[str]:
    """Return the addresses that a notice says something of, as they are compared."""
    named = (address for recipient in parsed.recipients for address in (recipient.address, recipient.original))
    return list(dict.fromkeys(address.lower() for address in named if address))


def newest_since(notice: RawNotice, address: str, *, since: datetime) -> Delivery | None:
    """Return the newest delivery to an address in the notice's workspace that was sent since then."""
    sent = Delivery.objects.filter(workspace=notice.workspace_id, address_key=address, mail_date__gte=since)
    return sent.order_by("-pk").first()


def newest_anywhere(workspace_id: int | None, address: str) -> Match:
    """Match the newest delivery to an address; none where several workspaces have sent to it."""
    # The workspaces are named so that the index on workspace and address serves.
    asked = [workspace_id] if workspace_id else list(Workspace.objects.values_list("pk", flat=True))
    sent = Delivery.objects.filter(workspace__in=asked, address_key=address).exclude(NEVER_TRIED)
    newest = list(sent.values("workspace").order_by().annotate(newest=Max("pk")).values_list("newest", flat=True)[:2])
    if len(newest) > 1:
        return Match(why=Why.SEVERAL_WORKSPACES)
    delivery = get_delivery(newest[0], None) if newest else None
    return Match(delivery, MatchedBy.ADDRESS, Why.ADDRESS_ONLY) if delivery else Match(why=Why.ADDRESS_UNKNOWN)

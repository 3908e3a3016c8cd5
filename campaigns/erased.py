"""Deliveries whose person was erased: how they are known, and that no reply brings the address back."""

from typing import Final

from django.db.models import Case, CharField, Q, Value, When

from campaigns.models import Delivery

# In front of the delivery's number, where its address stood; an address has an @.
PREFIX: Final = "erased-"
# The same question in a statement that is run for every mail.
IS_ERASED_SQL: Final = (
    f"(campaigns_delivery.subscriber_id IS NULL AND substr(address_key, 1, {len(PREFIX)}) = '{PREFIX}')"
)


def is_erased(delivery: Delivery | None) -> bool:
    """Say whether the person of a delivery was erased, by the row as it was read."""
    return delivery is not None and delivery.subscriber_id is None and delivery.address_key.startswith(PREFIX)


def keep_text(text: str) -> Case:
    """Return what is written as a delivery's text: a server's reply, which may name the person, or "" where erased.

    Decided by the row itself: the process that heard the reply may have read it before the person was erased.
    """
    erased = Q(subscriber=None, address_key__startswith=PREFIX)
    return Case(When(erased, then=Value("")), default=Value(text), output_field=CharField())

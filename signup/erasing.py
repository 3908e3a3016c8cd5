"""Erases what forms keep of people."""

from datetime import datetime

from lists.traces import Gone
from signup.models import SignupRequest


def erase_requests(gone: Gone, now: datetime) -> None:
    """Delete what was typed in with the addresses of erased people; the figures of forms stay."""
    SignupRequest.objects.filter(workspace=gone.workspace, address_key__in=gone.keys).delete()

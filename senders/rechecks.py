"""Looks again, day by day, at the domains that are in use or proved."""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from senders.check_store import GIVEN_UP_AFTER
from senders.dns import Resolver
from senders.models import Sender, SenderDomain
from senders.verification import verify_domain

logger = logging.getLogger(__name__)

# Seconds that one task works: others wait for its process. Domains that it takes at most.
SECONDS = 8.0
BATCH = 50
# A task that took a domain and died leaves it to others after this long.
LEASE = timedelta(minutes=10)


def domains_due(now: datetime) -> QuerySet[SenderDomain]:
    """Return the domains whose time has come: with a sender in use or proved, and not lost for GIVEN_UP_AFTER.

    Nobody else may use a proved domain, so even without a sender it has to stay proved.
    """
    in_use = Q(pk__in=Sender.objects.filter(archived_at=None).values("domain"))
    due = SenderDomain.objects.filter(in_use | Q(verified_at__isnull=False), recheck_at__lte=now)
    return due.exclude(lost_at__lt=now - GIVEN_UP_AFTER)


def recheck_due(
    resolver: Resolver, *, now: datetime, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
) -> int:
    """Check domains whose time has come, one after the other, for so many seconds; return how many.

    `now` is when it begins. A domain whose check fails is logged, and taken again after the lease.
    """
    begun = clock()
    number = 0
    for domain in list(domains_due(now).select_related("workspace").order_by("recheck_at")[:BATCH]):
        passed = clock() - begun
        if passed >= seconds:
            break
        # Whoever moves the time forward has the domain; a task that dies leaves it to others after the lease.
        same = SenderDomain.objects.filter(pk=domain.pk, recheck_at=domain.recheck_at)
        if not same.update(recheck_at=now + LEASE):
            continue
        try:
            verify_domain(domain, resolver, now=now + timedelta(seconds=passed))
            number += 1
        except SenderDomain.DoesNotExist:
            # Removed meanwhile.
            continue
        except Exception:
            # What is wrong with one must not keep the others from their turn.
            logger.exception("the check of %s failed", domain.name)
    return number

"""Celery tasks. A message is a hint that may be lost or doubled; the rows say what is to be done."""

import logging

from celery import shared_task
from django.conf import settings
from django.utils import timezone
from kombu.exceptions import OperationalError

from senders import address_proofs
from senders.check_store import forget_old
from senders.dkim_rotation import domains_to_remind, retire_due
from senders.dns import default_resolver
from senders.domain_mails import domains_to_mail, mail_change
from senders.key_mails import mail_reminder
from senders.rechecks import domains_due, recheck_due
from senders.server_checks import check_servers, own_servers
from senders.server_store import are_servers_due, store_servers

logger = logging.getLogger(__name__)

# A hint that nobody took in this many seconds is out of date: later ticks have given it again.
STALE = 30


@shared_task
def slow_tick() -> None:
    """Ask the database what is due, and hint at it. Beat calls it every thirty seconds; two at once do no harm."""
    now = timezone.now()
    if domains_due(now).exists():
        recheck_domains.apply_async(queue="work", expires=STALE)
    if are_servers_due(now=now):
        check_own_servers.apply_async(queue="work", expires=STALE)
    for pk in domains_to_mail():
        mail_domain.apply_async((pk,), queue="work", expires=STALE)
    for pk in address_proofs.proofs_to_mail(now):
        mail_address.apply_async((pk,), queue="work", expires=STALE)
    for pk in domains_to_remind(now=now):
        remind_of_keys.apply_async((pk,), queue="work", expires=STALE)
    retire_due(now=now)
    forget_old(now=now)
    address_proofs.forget_old(now=now)


def hint_address(proof_id: int) -> None:
    """Hint at an address proof at once: a person waits for its mail. Where the broker is away, a later tick does it."""
    try:
        mail_address.apply_async((proof_id,), queue="work", expires=STALE, retry=False)
    except OperationalError as error:
        logger.warning("the link of address proof %s waits for the tick: %s", proof_id, error)


@shared_task
def recheck_domains() -> None:
    """Check domains whose time has come."""
    recheck_due(default_resolver(), now=timezone.now())


@shared_task
def check_own_servers() -> None:
    """Check the sending addresses and the names of the installation; one that another process just checked is left."""
    now = timezone.now()
    if are_servers_due(now=now):
        outcomes = check_servers(own_servers(), default_resolver(), blocklists=settings.BLOCKLISTS)
        store_servers(outcomes, now=now)


@shared_task
def mail_domain(domain_id: int) -> None:
    """Write to the managers about a domain."""
    mail_change(domain_id, now=timezone.now())


@shared_task
def mail_address(proof_id: int) -> None:
    """Mail the link of an address proof."""
    address_proofs.mail_link(proof_id, now=timezone.now())


@shared_task
def remind_of_keys(domain_id: int) -> None:
    """Write to the managers that keys of a domain are old."""
    mail_reminder(domain_id, now=timezone.now())

"""Keeps what the checks of the installation's own servers found, and says what is known of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy

from senders.check_store import FOUND_LIMIT
from senders.models import CheckResult, ServerCheck, ServerCheckKind
from senders.server_checks import ServerOutcome, own_servers

LISTING_WORDS = {CheckResult.OK: gettext_lazy("載っていません"), CheckResult.WRONG: gettext_lazy("載っています")}


@transaction.atomic
def store_servers(outcomes: Sequence[ServerOutcome], *, now: datetime) -> None:
    """Put the outcomes in the place of the last ones; what is no longer ours is deleted."""
    kept = []
    for one in outcomes:
        fields = {
            "result": one.outcome.result,
            "found": one.outcome.found[:FOUND_LIMIT],
            "advice": one.outcome.advice[:500],
            "checked_at": now,
        }
        check, _created = ServerCheck.objects.update_or_create(
            kind=one.kind, subject=one.subject[:300], defaults=fields
        )
        kept.append(check.pk)
    ServerCheck.objects.exclude(pk__in=kept).delete()


def are_servers_due(*, now: datetime) -> bool:
    """Say whether servers are to be checked: one of the sending addresses was not within RECHECK_HOURS."""
    newer = now - timedelta(hours=settings.RECHECK_HOURS)
    checked = ServerCheck.objects.filter(kind=ServerCheckKind.PTR, checked_at__gt=newer)
    return not {str(ip) for ip in own_servers().ips} <= set(checked.values_list("subject", flat=True))


def result_word(check: ServerCheck) -> str:
    """Return the word for a result: an address that no blocklist names was not "set up"."""
    words = LISTING_WORDS if check.kind == ServerCheckKind.BLOCKLIST else {}
    return str(words.get(CheckResult(check.result), check.get_result_display()))


def list_checks() -> list[ServerCheck]:
    """Return what is known of the names and the sending addresses that are set today, kind by kind. One query.

    Without sending addresses nothing is known.
    """
    own = own_servers()
    subjects = [*map(str, own.ips), own.host, own.return_name] if own.ips else []
    kinds = ServerCheckKind.values
    # Of a blocklist the address stands last.
    known = [check for check in ServerCheck.objects.all() if check.subject.rpartition(" ")[2] in subjects]
    return sorted(known, key=lambda check: (kinds.index(check.kind), subjects.index(check.subject.rpartition(" ")[2])))

"""Asks for a 接続テスト, runs it where mail is sent from, and keeps what it found."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from mta.errors import MtaError
from mta.mail_routes import find_row, load_relay, read_row
from mta.models import RouteCheck
from mta.route_check import Finding, Patience, Result, check_route
from mta.route_problems import Step
from mta.routes import RELAY, Route, RouteError

# Longer than a check and the wait for a process; who waited so long may ask again.
OVERDUE: Final = timedelta(seconds=120)


def ask_for_check(key: str, *, domain: str = "", now: datetime) -> bool:
    """Note that a route is to be checked, at `domain`'s servers on the direct way; False while a check is on its way."""
    check, _created = RouteCheck.objects.get_or_create(route=key)
    free = RouteCheck.objects.filter(Q(asked_at=None) | Q(asked_at__lte=now - OVERDUE), pk=check.pk)
    return bool(free.update(asked_at=now, started_at=None, domain=domain))


def waiting_checks(*, now: datetime) -> QuerySet[RouteCheck]:
    """Return the checks that nobody took yet. What is overdue was given up by who asked."""
    return RouteCheck.objects.filter(asked_at__gt=now - OVERDUE, started_at=None)


def run_check(check_id: int, *, now: datetime, patience: Patience | None = None) -> None:
    """Run a check that waits, and keep its report; one that another process took is left to it."""
    if not RouteCheck.objects.filter(pk=check_id, asked_at__isnull=False, started_at=None).update(started_at=now):
        return
    check = RouteCheck.objects.get(pk=check_id)
    findings = find_out(check.route, check.domain, patience)
    RouteCheck.objects.filter(pk=check_id, started_at=now).update(
        asked_at=None, started_at=None, checked_at=now, report=[finding.stored() for finding in findings]
    )


def find_out(key: str, domain: str, patience: Patience | None) -> list[Finding]:
    """Check a route, disabled or not; one that cannot be read is told as such."""
    try:
        route = read_any(key)
    except MtaError as error:
        return [Finding(Step.SETTINGS, Result.FAILED, error.sentence)]
    return check_route(route, domain=domain, patience=patience)


def read_any(key: str) -> Route:
    """Return the route of a key, disabled or not. Raises RouteError."""
    if key == RELAY:
        return load_relay()
    row = find_row(key)
    if row is None:
        raise RouteError(_("配信経路が見つかりません。"), key)
    return read_row(row)

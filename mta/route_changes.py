"""Adds and changes routes (配信経路); each change stands in the audit log of the installation."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from mta.models import MailRoute, RouteCheck, RouteCircuit
from mta.routes import RELAY
from mta.secrets import encrypt

# Details that a 接続テスト depends on.
CONNECTION: Final = frozenset(
    ("kind", "host", "port", "security", "verify", "username", "password", "ehlo_name", "source_address")
)


class RouteTaken(Exception):
    """Another route has this name, or became the normal one at the same moment."""


@dataclass(frozen=True, slots=True)
class RouteDetails:
    """What may be changed of a route, the password apart; the words are those of MailRoute."""

    name: str
    kind: str
    host: str
    port: int
    security: str
    verify: bool
    username: str
    ehlo_name: str
    source_address: str | None
    connections: int
    messages_per_connection: int | None
    per_minute: int | None
    is_paced: bool
    senders: str
    for_verified: bool
    is_default: bool


def create_route(details: RouteDetails, password: str, *, actor: User) -> MailRoute:
    """Store and return a route. Raises RouteTaken, and SecretError where nothing can be encrypted."""
    row = MailRoute(**asdict(details), password=encrypt(password.encode()) if password else b"")
    try:
        with transaction.atomic():
            if row.is_default:
                MailRoute.objects.filter(is_default=True).update(is_default=False)
            row.save(force_insert=True)
            audit.record(None, actor, "route.create", row.key())
    except IntegrityError as error:
        raise RouteTaken from error
    return row


def update_route(row: MailRoute, details: RouteDetails, password: str, *, actor: User) -> list[str]:
    """Store changed details and return the labels of what changed; the route is tried again at once.

    An empty password stays as it was; without a user name there is none. Raises RouteTaken, and SecretError where
    nothing can be encrypted.
    """
    changes = {name: value for name, value in asdict(details).items() if getattr(row, name) != value}
    labels = [str(field.verbose_name) for field in MailRoute._meta.fields if field.name in changes]
    if not details.username and row.password:
        changes["password"] = b""
    elif password:
        changes["password"] = encrypt(password.encode())
        labels.append(_("パスワード"))
    if not changes:
        return []
    for name, value in changes.items():
        setattr(row, name, value)
    try:
        with transaction.atomic():
            if row.is_default:
                MailRoute.objects.filter(is_default=True).exclude(pk=row.pk).update(is_default=False)
            row.save(update_fields=[*changes, "updated_at"])
            if not CONNECTION.isdisjoint(changes):
                # What was found of the connection before says nothing of this one.
                RouteCheck.objects.filter(route=row.key()).update(checked_at=None, report=[])
            audit.record(None, actor, "route.update", row.key(), fields=labels)
    except IntegrityError as error:
        raise RouteTaken from error
    return labels


def disable_route(row: MailRoute, *, actor: User, now: datetime) -> bool:
    """Take a route out of use; False where it was out of use."""
    with transaction.atomic():
        changed = MailRoute.objects.filter(pk=row.pk, disabled_at=None).update(disabled_at=now, updated_at=now)
        if changed:
            audit.record(None, actor, "route.disable", row.key())
    return bool(changed)


def enable_route(row: MailRoute, *, actor: User, now: datetime) -> bool:
    """Take a route into use again; False where it was in use."""
    with transaction.atomic():
        disabled = MailRoute.objects.filter(pk=row.pk, disabled_at__isnull=False)
        changed = disabled.update(disabled_at=None, updated_at=now)
        if changed:
            audit.record(None, actor, "route.enable", row.key())
    return bool(changed)


def set_default(row: MailRoute | None, *, actor: User) -> bool:
    """Make a route the normal one, None = the relay of the settings; False where it was."""
    with transaction.atomic():
        others = MailRoute.objects.filter(is_default=True)
        if row is not None:
            others = others.exclude(pk=row.pk)
        changed = others.update(is_default=False)
        if row is not None:
            changed = MailRoute.objects.filter(pk=row.pk, is_default=False).update(is_default=True)
        if changed:
            audit.record(None, actor, "route.default", RELAY if row is None else row.key())
    return bool(changed)


def try_soon(key: str, *, now: datetime) -> None:
    """Let a route whose circuit is open be probed at once: what was wrong may be mended."""
    RouteCircuit.objects.filter(route=key, opened_at__isnull=False, retry_at__gt=now).update(retry_at=now)

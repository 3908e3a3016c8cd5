"""The routes (配信経路) of the installation, by the key that lanes know them by."""

from dataclasses import replace
from typing import Final, cast

from django.conf import settings
from django.utils.translation import gettext as _

from mta.models import MailRoute, RouteKind
from mta.routes import RELAY, Kind, Route, RouteError, Security, parse_route, require_safe_password
from mta.secrets import SecretError, decrypt

_PREFIX: Final = "route-"


def load_route(key: str) -> Route:
    """Return the route of a key: "relay" is that of the settings, "route-5" a MailRoute. One query at most.

    Raises RouteError with a sentence for people where it is disabled, deleted or unreadable.
    """
    if key == RELAY:
        return load_relay()
    row = find_row(key)
    if row is None:
        raise RouteError(_("配信経路が見つかりません。"), key)
    if row.disabled_at is not None:
        raise RouteError(
            _("配信経路「%(name)s」は無効になっています。有効にすると送信を再開します。") % {"name": row}, key
        )
    return read_row(row)


def load_relay() -> Route:
    """Return the relay of the settings; raises RouteError where RELAY_URL cannot be read."""
    return replace(
        parse_route(settings.RELAY_URL, ehlo_name=settings.EHLO_NAME),
        connections=settings.SEND_CONNECTIONS,
        per_minute=settings.RELAY_PER_MINUTE or None,
        is_paced=settings.RELAY_PACED,
    )


def find_row(key: str) -> MailRoute | None:
    """Return the MailRoute of a key; None where there is none."""
    number = key.removeprefix(_PREFIX)
    # SQLite stores no number of more than 64 bits.
    if number == key or not number.isascii() or not number.isdecimal() or len(number) > 18:
        return None
    return MailRoute.objects.filter(pk=int(number)).first()


def read_row(row: MailRoute) -> Route:
    """Return a MailRoute as the engine takes it, its password decrypted. Raises RouteError."""
    route = Route(
        name=row.key(),
        host=row.host,
        port=row.port,
        security=cast(Security, row.security),
        username=row.username,
        password=read_password(row),
        ehlo_name=row.ehlo_name or settings.EHLO_NAME,
        verify=row.verify,
        kind=cast(Kind, row.kind),
        source_address=row.source_address or "",
        connections=row.connections,
        messages_per_connection=row.messages_per_connection,
        per_minute=row.per_minute,
        # Providers count what comes from one address, so the direct way always keeps to their figures.
        is_paced=row.is_paced or row.kind == RouteKind.DIRECT,
    )
    require_safe_password(route)
    return route


def read_password(row: MailRoute) -> str:
    """Return the password of a route; raises RouteError where it cannot be decrypted."""
    if not row.username or not row.password:
        return ""
    try:
        return decrypt(row.password).decode()
    except (SecretError, UnicodeDecodeError) as error:
        raise RouteError(
            _(
                "配信経路「%(name)s」のパスワードを復号できません。環境変数 ENCRYPTION_KEYS を元に戻すか、"
                "経路の編集でパスワードを入力し直してください。"
            )
            % {"name": row},
            row.key(),
        ) from error

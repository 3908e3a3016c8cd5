"""The routes (配信経路) of the installation, by the key that lanes know them by."""

from django.conf import settings

from mta.routes import RELAY, Route, RouteError, parse_route


def load_route(key: str) -> Route:
    """Return the route of a key, "relay" for the relay of the settings. Raises RouteError."""
    if key != RELAY:
        raise RouteError("配信経路が見つかりません。", key)
    return parse_route(settings.RELAY_URL, ehlo_name=settings.EHLO_NAME)

"""Routes by their keys: read with one query, passwords encrypted, and a clear sentence where there is none to use."""

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from mta.mail_routes import load_route
from mta.models import MailRoute
from mta.routes import Route, RouteError
from tests.factories import make_mail_route

pytestmark = pytest.mark.django_db


def test_relay_is_that_of_the_settings(settings: Settings, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    settings.RELAY_URL, settings.EHLO_NAME = "smtps://u:p@relay.example", "mail.example"
    settings.RELAY_PACED, settings.RELAY_PER_MINUTE, settings.SEND_CONNECTIONS = True, 600, 7
    with django_assert_num_queries(0):
        route = load_route("relay")
    assert route == Route(
        "relay",
        "relay.example",
        465,
        "tls",
        "u",
        "p",
        "mail.example",
        connections=7,
        per_minute=600,
        is_paced=True,
    )
    settings.RELAY_PACED, settings.RELAY_PER_MINUTE = False, 0
    assert (load_route("relay").per_minute, load_route("relay").is_paced) == (None, False)


def test_route_of_the_database(settings: Settings, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    settings.EHLO_NAME = "mail.example"
    row = make_mail_route(
        login=("送信者", "p@ss 言葉"),
        connections=3,
        messages_per_connection=50,
        per_minute=120,
        source_address="192.0.2.1",
    )
    assert b"p@ss" not in bytes(MailRoute.objects.get().password)
    with django_assert_num_queries(1):
        route = load_route(row.key())
    assert route == Route(
        row.key(),
        "relay.example",
        587,
        "starttls",
        "送信者",
        "p@ss 言葉",
        "mail.example",
        source_address="192.0.2.1",
        connections=3,
        messages_per_connection=50,
        per_minute=120,
    )
    assert "p@ss" not in repr(route)


def test_direct_way_keeps_to_the_figures_of_the_providers() -> None:
    row = make_mail_route(kind="direct", host="", port=25, security="opportunistic", ehlo_name="out.example")
    route = load_route(row.key())
    assert (route.kind, route.host, route.is_paced, route.ehlo_name) == ("direct", "", True, "out.example")


def test_disabled_route_is_not_used() -> None:
    row = make_mail_route(name="社外リレー", disabled_at=timezone.now())
    with pytest.raises(RouteError, match="「社外リレー」は無効") as error:
        load_route(row.key())
    assert error.value.subject == row.key()


@pytest.mark.parametrize("key", ["route-1", "route-", "route-x", "route-²", f"route-{10**30}", "", "Relay", "1"])
def test_unknown_route(key: str) -> None:
    with pytest.raises(RouteError, match="配信経路が見つかりません"):
        load_route(key)


def test_password_of_a_lost_key(settings: Settings) -> None:
    row = make_mail_route(name="社外リレー", login=("u", "secret"))
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(RouteError, match="「社外リレー」のパスワードを復号できません") as error:
        load_route(row.key())
    assert "secret" not in str(error.value)


def test_no_password_in_clear() -> None:
    """A row that was changed past the form gives nothing away."""
    row = make_mail_route(security="none", login=("u", "secret"))
    with pytest.raises(RouteError, match="暗号化せずに"):
        load_route(row.key())


def test_nonsense_in_the_settings_is_an_error_of_the_route(settings: Settings) -> None:
    settings.RELAY_URL = "http://relay.example"
    with pytest.raises(RouteError, match="smtp://"):
        load_route("relay")

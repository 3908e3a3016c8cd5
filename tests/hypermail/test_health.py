"""What watching machines are told."""

import pytest
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import Settings

from hypermail.valkey import find_free_port


def test_healthz_asks_nobody() -> None:
    response = Client().get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_readyz_when_all_is_well() -> None:
    response = Client().get("/readyz")
    assert (response.status_code, response.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_readyz_without_a_broker(settings: Settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{find_free_port()}/0"
    response = Client().get("/readyz")
    assert (response.status_code, response.content) == (503, b"broker: unreachable\n")


@pytest.mark.django_db
def test_readyz_without_a_database() -> None:
    def refuse(*args: object) -> None:
        raise OperationalError("secret details")

    with connection.execute_wrapper(refuse):
        response = Client().get("/readyz")
    assert (response.status_code, response.content) == (503, b"database: unreachable\n")


@pytest.mark.django_db
def test_readyz_with_a_migration_to_apply() -> None:
    newest = MigrationLoader(connection).graph.leaf_nodes("lists")[0]
    MigrationRecorder(connection).record_unapplied(*newest)
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert b"migrations are not applied" in response.content


def test_are_not_redirected_to_https(settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get("/healthz").status_code == 200
    assert Client().get("/accounts/login/").status_code == 301

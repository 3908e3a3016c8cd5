"""Keys, the first account, and the plan of a single machine."""

import json
import os
import socket
from io import StringIO
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.models import Membership, Role, User, Workspace
from hypermail.first_run import make_first_account, make_keys
from hypermail.management.commands.up import lock
from hypermail.single_machine import NoFreePortError, choose_port, make_banner, make_environment, plan_children
from tests.factories import make_user


def test_makes_keys_once_and_for_us_alone(tmp_path: Path) -> None:
    path = make_keys(tmp_path, {})
    assert path is not None
    assert path.stat().st_mode & 0o777 == 0o600
    made = dict(line.split("=", 1) for line in path.read_text().splitlines())
    Fernet(made["ENCRYPTION_KEYS"])
    assert len(made["SECRET_KEY"]) > 50
    assert make_keys(tmp_path, made) is None


def test_one_up_holds_a_data_directory(tmp_path: Path) -> None:
    with lock(tmp_path / "up.lock"):
        assert (tmp_path / "up.lock").read_text() == str(os.getpid())
        with pytest.raises(CommandError, match=str(os.getpid())), lock(tmp_path / "up.lock"):
            pass
    with lock(tmp_path / "up.lock"):
        pass


def test_makes_only_the_key_that_is_missing(tmp_path: Path) -> None:
    path = make_keys(tmp_path, {"SECRET_KEY": "given"})
    assert path is not None
    assert "SECRET_KEY" not in path.read_text()


@pytest.mark.django_db
def test_the_first_account_is_administrator_of_a_new_workspace() -> None:
    user = make_first_account("first@shop.example", "a password", None, name="みほん商店")
    membership = Membership.objects.get(user=user)
    assert (membership.workspace.name, membership.role) == ("みほん商店", Role.ADMIN)
    assert user is not None
    assert user.check_password("a password")


@pytest.mark.django_db
def test_there_is_only_one_first_account() -> None:
    make_user()
    assert make_first_account("first@shop.example", "a password", None, name="みほん商店") is None
    assert not Workspace.objects.exists()


@pytest.mark.django_db
def test_prepare_says_the_password_once(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    settings.STATIC_ROOT = tmp_path
    monkeypatch.setenv("HYPERMAIL_ADMIN_EMAIL", "first@shop.example")
    monkeypatch.delenv("HYPERMAIL_ADMIN_PASSWORD", raising=False)
    out = StringIO()
    call_command("prepare", "--json", stdout=out)
    account = json.loads(out.getvalue())
    assert User.objects.get().check_password(account["password"])
    assert account["email"] == "first@shop.example"
    out = StringIO()
    call_command("prepare", "--json", stdout=out)
    assert json.loads(out.getvalue()) == {}
    assert (tmp_path / "hypermail").is_dir()
    User.objects.all().delete()
    monkeypatch.setenv("HYPERMAIL_ADMIN_PASSWORD", "given by the operator")
    call_command("prepare", stdout=out)
    assert "given by the operator" in out.getvalue()


def test_make_key_prints_usable_keys() -> None:
    out = StringIO()
    call_command("make_key", stdout=out)
    made = dict(line.split("=", 1) for line in out.getvalue().splitlines())
    Fernet(made["ENCRYPTION_KEYS"])
    assert len(made["SECRET_KEY"]) > 50


def test_takes_the_next_free_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        assert port < choose_port("127.0.0.1", port) < port + 100


def test_says_when_an_address_is_not_ours() -> None:
    with pytest.raises(NoFreePortError, match="--host"):
        choose_port("192.0.2.1", 8000)


def test_a_demonstration_sends_to_its_own_sandbox_whatever_was_given() -> None:
    given = {"RELAY_URL": "smtp://real-relay.example", "REQUIRE_VERIFIED_SENDERS": "1", "SANDBOX_LISTEN": "127.0.0.1:9"}
    environment = make_environment(given, 8000, demo=True, sandbox=True)
    assert environment["RELAY_URL"] == "smtp://127.0.0.1:9"
    assert environment["REQUIRE_VERIFIED_SENDERS"] == "0"
    assert environment["SANDBOX"] == "1"
    assert "サンドボックスに届きます" in make_banner(environment, {})


def test_without_a_demonstration_what_was_given_stays() -> None:
    given = {"RELAY_URL": "smtp://relay.example", "BASE_URL": "https://mail.shop.example", "LMTP_LISTEN": "127.0.0.1:9"}
    environment = make_environment(given, 8000, demo=False, sandbox=True)
    assert given.items() <= environment.items()
    assert "SANDBOX" not in environment
    banner = make_banner(environment, {"email": "a@b.example", "password": "secret"})
    assert "https://mail.shop.example/" in banner
    assert "secret" in banner
    assert "サンドボックスに届きます" not in banner


def test_the_sandbox_runs_only_where_it_is_asked_for(tmp_path: Path) -> None:
    def names(*, sandbox: bool) -> list[str]:
        children = plan_children(tmp_path, {}, bind="127.0.0.1:8000", web_workers=2, sandbox=sandbox)
        return [child.name for child in children]

    assert names(sandbox=False) == ["web", "tick", "worker", "importer", "sender", "beat", "lmtp"]
    assert names(sandbox=True)[-1] == "sandbox"

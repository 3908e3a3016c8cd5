"""System checks, each fault alone, and a production environment without any."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.checks import run_checks
from pytest_django import Settings

PRODUCTION = {
    "SECRET_KEY": "nineteen-eighty-four-characters-are-more-than-fifty-0123456789",
    "ENCRYPTION_KEYS": "b25seS1mb3ItdGhlLXRlc3Qtc3VpdGUtMDEyMzQ1Njc=",
    "BASE_URL": "https://mail.shop.example",
    "ALLOWED_HOSTS": "mail.shop.example",
    "RETURN_DOMAIN": "bounce.shop.example",
    "EHLO_NAME": "mail.shop.example",
    "RELAY_URL": "smtp+starttls://hypermail:secret@relay.shop.example:587",
    "BEHIND_PROXY": "1",
}


def ids(*, deploy: bool = True) -> set[str]:
    return {message.id or "" for message in run_checks(include_deployment_checks=deploy)}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ENCRYPTION_KEYS", ["short"], "hypermail.E001"),
        ("ENCRYPTION_KEYS", [], "hypermail.E002"),
        ("RELAY_URL", "http://relay.example", "hypermail.E003"),
        ("REQUIRED_CHECKS", [], "hypermail.E004"),
        ("REQUIRED_CHECKS", ["spf"], "hypermail.E004"),
        ("REQUIRED_CHECKS", ["spf", " dkim"], "hypermail.E004"),
        ("REQUIRED_CHECKS", ["dkim", "proof"], "hypermail.E004"),
        ("SENDING_IPS", ["203.0.113.9", "203.0.113.0/28"], "hypermail.E005"),
        ("LINK_CHECK_PRIVATE", True, "hypermail.E006"),
        ("PICTURES_BASE_URL", "cdn.shop.example/pictures", "hypermail.E007"),
        ("PICTURES_BASE_URL", "ftp://cdn.shop.example", "hypermail.E007"),
        ("BASE_URL", "http://localhost:8000", "hypermail.W001"),
        ("RETURN_DOMAIN", "bounce.localhost", "hypermail.W002"),
        ("EHLO_NAME", "localhost", "hypermail.W003"),
        ("SANDBOX", True, "hypermail.W004"),
        ("REQUIRE_VERIFIED_SENDERS", False, "hypermail.W005"),
    ],
)
def test_names_the_fault(settings: Settings, name: str, value: object, expected: str) -> None:
    settings.EHLO_NAME = "mail.shop.example"
    assert expected not in ids()
    setattr(settings, name, value)
    assert expected in ids()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PICTURES_S3_SECRET_KEY", "", "両方を設定"),
        ("PICTURES_S3_ADDRESSING", "dns", "auto、path、virtual"),
    ],
)
def test_names_what_is_wrong_with_a_bucket(settings: Settings, name: str, value: str, sentence: str) -> None:
    settings.PICTURES_S3_BUCKET = "mails"
    settings.PICTURES_S3_ACCESS_KEY, settings.PICTURES_S3_SECRET_KEY = "key", "secret"
    assert "hypermail.E007" not in ids()
    setattr(settings, name, value)
    assert [sentence in str(one.msg) for one in run_checks() if one.id == "hypermail.E007"] == [True]


def test_without_the_packages_of_a_bucket_the_check_says_what_to_install() -> None:
    """In a process that does not find them, as one where requirements.txt alone was installed."""
    hidden = (
        "import sys; sys.modules['boto3'] = None; from django.core.management import execute_from_command_line as run; "
    )
    outcome = subprocess.run(
        [sys.executable, "-c", hidden + "run(['manage.py', 'check'])"],
        env=os.environ | {"PICTURES_S3_BUCKET": "mails", "DJANGO_SETTINGS_MODULE": "hypermail.settings"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 1
    assert "requirements-s3.txt" in outcome.stderr


def test_without_a_bucket_nothing_of_it_is_loaded() -> None:
    code = (
        "import django, sys; django.setup(); from designs.models import picture_storage; picture_storage().url('a'); "
    )
    outcome = subprocess.run(
        [sys.executable, "-c", code + "print('boto3' in sys.modules, 'storages' in sys.modules)"],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "hypermail.settings"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert outcome.stdout == "False False\n"


def test_a_laptop_is_not_asked_for_public_names(settings: Settings) -> None:
    settings.BASE_URL = "http://localhost:8000"
    assert not any(name.startswith("hypermail.") for name in ids(deploy=False))


def test_never_shows_a_key(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = ["my-broken-key"]
    assert not any("my-broken-key" in str(message) for message in run_checks())


def test_a_production_environment_is_clean(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path)} | PRODUCTION
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=django_settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

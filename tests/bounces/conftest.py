"""Fixtures of mailboxes: a Dovecot for all tests of a run, and the settings that let them reach it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from tests.bounces.authority import Authority
from tests.bounces.dovecot import MISSING, Dovecot, find_dovecot, run_dovecot


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder that the users of Dovecot may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="hypermail-dovecot-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def authority(server_folder: Path) -> Authority:
    return Authority(server_folder)


@pytest.fixture(scope="session")
def dovecot(server_folder: Path, authority: Authority) -> Iterator[Dovecot]:
    """A server that knows MOVE and UIDPLUS."""
    if find_dovecot() is None:
        pytest.skip(MISSING)
    folder = server_folder / "modern"
    folder.mkdir()
    with run_dovecot(folder, authority.issue()) as server:
        yield server


@pytest.fixture(scope="session")
def old_dovecot(server_folder: Path, authority: Authority) -> Iterator[Dovecot]:
    """A server that offers neither, and whose folders are all below INBOX."""
    if find_dovecot() is None:
        pytest.skip(MISSING)
    folder = server_folder / "old"
    folder.mkdir()
    capability = "imap_capability = IMAP4rev1 NAMESPACE CHILDREN"
    with run_dovecot(folder, authority.issue(), prefix="INBOX.", imap=capability) as server:
        yield server


@pytest.fixture
def mail_ports(settings: Settings, monkeypatch: pytest.MonkeyPatch, authority: Authority) -> None:
    """Let mailboxes be at the free ports of the tests, and trust the authority."""
    settings.MAILBOX_ANY_PORT = True
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))

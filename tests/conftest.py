"""Fixtures that every test may use: a real Valkey, SMTP and LMTP servers on loopback, a workspace, logged-in clients."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings as django_settings
from django.test import Client
from hypothesis import HealthCheck, settings

from accounts.models import Role, User, Workspace
from hypermail.celery import app as celery_app
from hypermail.valkey import find_free_port, start_valkey
from tests.factories import make_user, make_workspace
from tests.migrated import copy_migrated

# A busy machine is no reason to fail; examples share the fixtures of their test and clean up themselves.
settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("unhurried")

ClientFor = Callable[[User], Client]


# What a test names that asks the database: itself, or the pages that a module renders once.
DATABASE = {"db", "transactional_db", "rendered"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out on PostgreSQL what asks no database: it runs on SQLite, and would be the same."""
    if "postgresql" not in django_settings.DATABASES["default"]["ENGINE"]:
        return
    parts: dict[bool, list[pytest.Item]] = {True: [], False: []}
    for item in items:
        names = DATABASE.intersection(getattr(item, "fixturenames", ()))
        parts[bool(names or item.get_closest_marker("django_db"))].append(item)
    config.hook.pytest_deselected(items=parts[False])
    items[:] = parts[True]


@pytest.fixture(scope="session", autouse=True)
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real Valkey that Celery and the settings already point to; started once."""
    server = start_valkey(tmp_path_factory.mktemp("valkey"))
    django_settings.REDIS_URL = server.url
    celery_app.conf.update(broker_url=server.url)
    yield server.url
    celery_app.close()
    server.child.stop()


@pytest.fixture(scope="session")
def django_db_keepdb() -> Iterator[bool]:
    """Begin with a migrated file on SQLite; migrations are applied to it where it lacks any."""
    database = django_settings.DATABASES["default"]
    if database["ENGINE"] != "django.db.backends.sqlite3":
        yield False
        return
    path = Path(database["TEST"]["NAME"])
    copy_migrated(path)
    yield True
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


@pytest.fixture
def client_for() -> ClientFor:
    """A function that returns a browser session of a user."""

    def log_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return log_in


@pytest.fixture
def workspace() -> Workspace:
    """A workspace without anything in it."""
    return make_workspace()


@pytest.fixture
def editor(workspace: Workspace, client_for: ClientFor) -> Client:
    """A browser session of a 作成者 of the workspace."""
    return client_for(make_user(workspace, Role.EDITOR))


@pytest.fixture
def viewer(workspace: Workspace, client_for: ClientFor) -> Client:
    """A browser session of a 閲覧者 of the workspace."""
    return client_for(make_user(workspace, Role.VIEWER))


@pytest.fixture
def operator(client_for: ClientFor) -> Client:
    """A browser session of the installation's operator, who is no member of any workspace."""
    return client_for(make_user(is_superuser=True))


@dataclass(frozen=True, slots=True)
class Received:
    """One message that a sink took."""

    mail_from: str
    rcpt_to: list[str]
    content: bytes


@dataclass
class Sink:
    """A mail server that keeps what it is given and answers RCPT as `replies` says (address → reply)."""

    host: str = "127.0.0.1"
    port: int = 0
    messages: list[Received] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.replies:
            return self.replies[address]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        self.messages.append(Received(envelope.mail_from or "", list(envelope.rcpt_tos), content))
        return "250 2.0.0 OK"


class QuietController(Controller):
    """Serves `protocol` and closes what is still open when it stops."""

    protocol: type[SMTP] = SMTP

    def factory(self) -> SMTP:
        return self.protocol(self.handler, **self.SMTP_kwargs)


class LmtpController(QuietController):
    protocol = LMTP


def serve(sink: Sink, controller_class: type[QuietController], **options: Any) -> Iterator[Sink]:
    """Serve a sink on a free port while a test runs."""
    controller = controller_class(sink, hostname=sink.host, port=find_free_port(), enable_SMTPUTF8=True, **options)
    controller.start()
    sink.port = controller.port
    yield sink
    controller.stop()


@pytest.fixture
def smtp_sink() -> Iterator[Sink]:
    """A real SMTP server that accepts everything unless its `replies` say otherwise."""
    yield from serve(Sink(), QuietController)


@pytest.fixture
def lmtp_sink() -> Iterator[Sink]:
    """A real LMTP server that accepts everything unless its `replies` say otherwise."""
    yield from serve(Sink(), LmtpController)

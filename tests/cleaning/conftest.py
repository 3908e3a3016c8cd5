"""Fixtures of the cleaning tests: a folder of their own, a DNS server, a person who cleans."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from dnslib import RR
from pytest_django import Settings

from accounts.models import Role, User, Workspace
from cleaning.intake import begin, guess_column, preview, start
from cleaning.running import run_cleaning
from cleaning.work import Cleaning
from mta.mx import MxResolver
from tests.cleaning.clock import NOW
from tests.factories import make_user
from tests.senders.dns_server import ZoneServer, serve_zones

Cleaner = Callable[..., Cleaning]

ZONE = """
shop.example. 60 IN MX 10 mx.shop.example.
plain.example. 60 IN A 192.0.2.3
text.example. 60 IN TXT "no mail here"
null.example. 60 IN MX 0 .
yahoo.co.jp. 60 IN MX 10 mx.yahoo.co.jp.
"""


@pytest.fixture(autouse=True)
def data_dir(settings: Settings, tmp_path: Path) -> Path:
    """A folder of its own for working files."""
    settings.DATA_DIR = tmp_path / "data"
    return tmp_path / "data" / "cleaning"


@pytest.fixture
def zones(settings: Settings) -> Iterator[ZoneServer]:
    """A DNS server that knows the domains of the tests; the product asks no other one while the test runs."""
    with serve_zones() as server:
        settings.DNS_SERVERS = [server.address]
        server.records += RR.fromZone(ZONE)
        yield server


@pytest.fixture
def resolver(zones: ZoneServer) -> MxResolver:
    """The product's resolver, on the DNS server of the test and with little patience."""
    return MxResolver([zones.address], server_timeout=2, question_timeout=3)


@pytest.fixture
def cleaner(workspace: Workspace) -> User:
    """Somebody who may clean files."""
    return make_user(workspace, Role.EDITOR)


@pytest.fixture
def begin_file(workspace: Workspace, cleaner: User) -> Cleaner:
    """A function that uploads a file and starts it as it was guessed, without judging it."""

    def run(content: str | bytes, name: str = "meibo.csv", *, asks_dns: bool = False) -> Cleaning:
        data = content.encode() if isinstance(content, str) else content
        cleaning = begin(workspace, ContentFile(data, name=name), cleaner, now=NOW.timestamp())
        about = cleaning.about()
        column = guess_column(preview(cleaning, about.format))
        start(cleaning, about, about.format, column, asks_dns=asks_dns)
        return cleaning

    return run


@pytest.fixture
def judge_file(begin_file: Cleaner) -> Cleaner:
    """A function that uploads a file and judges it; with `resolver` the DNS is asked."""

    def run(content: str | bytes, name: str = "meibo.csv", resolver: MxResolver | None = None) -> Cleaning:
        cleaning = begin_file(content, name, asks_dns=resolver is not None)
        assert run_cleaning(cleaning, resolver=resolver or MxResolver(["127.0.0.1:9"]), now=NOW)
        return cleaning

    return run

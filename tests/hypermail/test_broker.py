"""Beat, workers and queues against a real Valkey: its loss costs seconds of delay and nothing else."""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from django.conf import settings as django_settings

from hypermail.child import Child
from hypermail.valkey import Valkey, start_valkey

TASKS = ("tick", "work", "send")


@dataclass
class Flow:
    """A running beat and worker and the file in which their tasks leave lines."""

    valkey: Valkey
    file: Path

    def count(self) -> dict[str, int]:
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return {name: lines.count(name) for name in TASKS}

    def assert_tasks_flow(self, seconds: float = 20) -> None:
        """Wait until each task ran three more times."""
        before, end = self.count(), time.monotonic() + seconds
        while any(self.count()[name] < before[name] + 3 for name in TASKS):
            assert time.monotonic() < end, f"before: {before}, now: {self.count()}"
            time.sleep(0.05)


@pytest.fixture
def flow(tmp_path: Path) -> Iterator[Flow]:
    server = start_valkey(tmp_path / "valkey")
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "REDIS_URL": server.url,
        "FLOW_FILE": str(tmp_path / "flow"),
    }
    celery = [sys.executable, "-m", "celery", "-A", "tests.hypermail.flow"]
    programs = [
        Child("beat", [*celery, "beat", "--scheduler", "celery.beat:Scheduler", "--pidfile="], environment=environment,
              directory=django_settings.BASE_DIR),
        Child("worker", [*celery, "worker", "--pool", "solo", "--queues", ",".join(TASKS), "--loglevel", "ERROR"],
              environment=environment, directory=django_settings.BASE_DIR),
    ]  # fmt: skip
    for program in programs:
        program.start()
    yield Flow(server, tmp_path / "flow")
    for program in programs:
        program.kill()
        program.release()
    server.child.stop()


def test_tasks_flow_after_flushall_and_after_a_restart_of_valkey(flow: Flow) -> None:
    flow.assert_tasks_flow()
    with redis.Redis.from_url(flow.valkey.url) as broker:
        # The default exchange binds nothing, so there is nothing that a flush could unbind.
        assert not broker.keys("_kombu.binding.tick*")
        broker.flushall()
    flow.assert_tasks_flow()
    flow.valkey.child.kill()
    flow.valkey.child.release()
    time.sleep(0.5)
    flow.valkey.child.start()
    flow.assert_tasks_flow()

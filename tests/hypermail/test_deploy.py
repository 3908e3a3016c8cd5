"""What operators copy: the example environment names every setting, and the units name programs that exist."""

import re
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.management import get_commands

ROOT: Path = django_settings.BASE_DIR
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


def test_the_example_explains_every_setting() -> None:
    source = (ROOT / "hypermail" / "settings.py").read_text()
    read = set(re.findall(r'\benv(?:\.\w+)?\("(\w+)"', source))
    example = (ROOT / ".env.example").read_text()
    assert read - set(re.findall(r"^#(\w+)=", example, re.MULTILINE)) == set()


def test_the_example_sets_nothing_by_itself() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_units_run_what_there_is(unit: Path) -> None:
    text = unit.read_text()
    target = (ROOT / "deploy" / "systemd" / "hypermail.target").read_text()
    assert unit.name.removesuffix(".service").partition("@")[0] in target
    for command in re.findall(r"manage\.py (\w+)", text):
        assert command in get_commands()
    for queue in re.findall(r"--queues (\w+)", text):
        assert queue in {found.name for found in django_settings.CELERY_TASK_QUEUES}


def test_every_queue_has_a_worker() -> None:
    for text in ("".join(unit.read_text() for unit in UNITS), (ROOT / "deploy" / "compose.yaml").read_text()):
        for queue in django_settings.CELERY_TASK_QUEUES:
            assert re.search(rf"--queues,? {queue.name}\b", text)


def test_the_image_has_every_app_and_lock() -> None:
    image = (ROOT / "deploy" / "Containerfile").read_text()
    let_through = (ROOT / "deploy" / "Containerfile.dockerignore").read_text().splitlines()
    apps = {name for name in django_settings.INSTALLED_APPS if (ROOT / name).is_dir()}
    assert {app for app in apps if f"COPY {app} {app}\n" not in image} == set()
    assert {f"!{name}" for name in apps | {"templates", "requirements.txt", "requirements-s3.txt"}} <= set(let_through)

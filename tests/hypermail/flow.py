"""A Celery app with the product's settings and three tasks that leave a line in a file; for test_broker.py."""

import os
from pathlib import Path

from celery import Celery

app = Celery("flow")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = {"tick": {"task": "tick", "schedule": 0.2, "options": {"queue": "tick", "expires": 2}}}


def note(word: str) -> None:
    with Path(os.environ["FLOW_FILE"]).open("a") as file:
        file.write(f"{word}\n")


@app.task(name="tick")
def tick() -> None:
    note("tick")
    work.delay()
    send.apply_async(queue="send")


@app.task(name="work")
def work() -> None:
    note("work")


@app.task(name="send")
def send() -> None:
    note("send")

"""The Celery application. Its tasks are hints: the database alone says what is to be done."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hypermail.settings")

app = Celery("hypermail")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

"""Composition root: settings, URLs, Celery app and the `up` command. Owns no model."""

from hypermail.celery import app as celery_app

__all__ = ["celery_app"]

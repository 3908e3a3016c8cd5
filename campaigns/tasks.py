"""Celery tasks: each takes ids, fetches, calls one function, and may run twice."""

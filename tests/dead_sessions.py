"""Waits for what a killed process leaves at PostgreSQL: its session ends the statement that it was at before it goes."""

import time

from django.db import connection

OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


def wait_until_gone(seconds: float = 5) -> None:
    """Wait until nobody else has a session at the database of the test; on SQLite whoever is dead is gone.

    A session that stays for so long is not one of the dead.
    """
    end = time.monotonic() + seconds
    while connection.vendor == "postgresql" and time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute(OTHERS)
            if cursor.fetchone() == (0,):
                return
        time.sleep(0.01)

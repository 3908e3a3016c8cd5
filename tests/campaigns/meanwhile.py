"""What another person, or another process, does between two statements of ours."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from django.db import connection

# Seconds. Whoever has to wait for us acts once we are through.
PATIENCE = 0.5


@contextmanager
def meanwhile(act: Callable[[], Any], *words: str) -> Iterator[list[Future[Any]]]:
    """Have `act` done once, on a connection of its own, before the first statement with any of these words.

    Yields what holds its outcome: nothing where no such statement came. Where a transaction locks all of SQLite, its
    first statement is BEGIN.
    """
    done: list[Future[Any]] = []

    def do() -> Any:
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:

        def wrapper(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
            if not done and any(word in sql for word in words):
                done.append(threads.submit(do))
                wait(done, PATIENCE)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(wrapper):
            yield done

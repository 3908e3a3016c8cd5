"""What parsers written in Rust do where they have a bug: they panic. It is told as content that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from designs.exceptions import DesignRefused


@contextmanager
def panics_refused(sentence: str) -> Iterator[None]:
    """Raise DesignRefused with a sentence where a Rust extension panics; what else is raised goes through."""
    try:
        yield
    except BaseException as error:
        # PyO3 derives it from BaseException, so it would end the worker. Each extension has its own class of that name,
        # and none of them can be imported (https://docs.rs/pyo3/latest/pyo3/panic/struct.PanicException.html).
        kind = type(error)
        if (kind.__module__, kind.__name__) != ("pyo3_runtime", "PanicException"):
            raise
        raise DesignRefused(sentence) from error

"""The sandbox's own SQLite file: the newest messages, mails waiting to be returned, greylisted pairs."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from django.conf import settings

# The sandbox is for looking, not for keeping.
KEEP_MESSAGES = 5_000
KEEP_PAIRS = 50_000

SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received_at REAL NOT NULL,
    mail_from TEXT NOT NULL,
    rcpt_to TEXT NOT NULL,
    subject TEXT NOT NULL,
    answer TEXT NOT NULL,
    content BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS notice (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    return_path TEXT NOT NULL,
    content BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS notice_due ON notice (due_at);
CREATE TABLE IF NOT EXISTS pair (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mail_from TEXT NOT NULL,
    rcpt_to TEXT NOT NULL,
    UNIQUE (mail_from, rcpt_to)
);
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """One received message; `answer` is the status that went back for it, "" for none."""

    id: int
    received_at: datetime
    mail_from: str
    rcpt_to: str
    subject: str
    answer: str
    size: int


@dataclass(frozen=True, slots=True)
class Notice:
    """A mail that waits to be handed to the LMTP door."""

    id: int
    attempts: int
    return_path: str
    content: bytes


class Store:
    """One connection to the file. Times are Unix seconds (UTC)."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # aiosmtpd and the command line each use one connection from one thread; pages open their own.
        self.connection = sqlite3.connect(path, timeout=10, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        # After a crash of the machine the newest demo mails may be missing; nobody needs them.
        self.connection.execute("PRAGMA synchronous=OFF")
        self.connection.executescript(SCHEMA)

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Self]:
        """Open the installation's file (DATA_DIR/sandbox.sqlite3) and close it after use."""
        store = cls(settings.DATA_DIR / "sandbox.sqlite3")
        try:
            yield store
        finally:
            store.close()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def add(
        self, *, mail_from: str, rcpt_to: Sequence[str], subject: str, answer: str, content: bytes, now: float
    ) -> int:
        """Store one message, drop the oldest beyond the limit, and return its id."""
        cursor = self.connection.execute(
            "INSERT INTO message (received_at, mail_from, rcpt_to, subject, answer, content) VALUES (?, ?, ?, ?, ?, ?)",
            (now, mail_from, ", ".join(rcpt_to), subject, answer, content),
        )
        number = cursor.lastrowid or 0
        self.connection.execute("DELETE FROM message WHERE id <= ?", (number - KEEP_MESSAGES,))
        return number

    def count(self, search: str = "") -> int:
        """Return how many messages have `search` in their recipients or subject."""
        condition, values = match(search)
        # The condition is one of our own constants; what the user wrote is a parameter.
        row = self.connection.execute(f"SELECT COUNT(*) FROM message WHERE {condition}", values).fetchone()  # noqa: S608
        return int(row[0])

    def list_newest(self, search: str, offset: int, limit: int) -> list[Stored]:
        """Return a page of the matching messages, newest first."""
        condition, values = match(search)
        rows = self.connection.execute(
            "SELECT id, received_at, mail_from, rcpt_to, subject, answer, LENGTH(content) FROM message"  # noqa: S608
            f" WHERE {condition} ORDER BY id DESC LIMIT ? OFFSET ?",
            (*values, limit, offset),
        )
        return [Stored(row[0], datetime.fromtimestamp(row[1], UTC), *row[2:]) for row in rows]

    def get(self, number: int) -> tuple[Stored, bytes] | None:
        """Return a message and its bytes, None when it is no longer there."""
        row = self.connection.execute(
            "SELECT id, received_at, mail_from, rcpt_to, subject, answer, LENGTH(content), content"
            " FROM message WHERE id = ?",
            (number,),
        ).fetchone()
        return row and (Stored(row[0], datetime.fromtimestamp(row[1], UTC), *row[2:7]), row[7])

    def add_notice(self, return_path: str, content: bytes, *, due_at: float) -> None:
        """Keep a mail for the LMTP door."""
        self.connection.execute(
            "INSERT INTO notice (due_at, return_path, content) VALUES (?, ?, ?)", (due_at, return_path, content)
        )

    def due_notices(self, limit: int, *, now: float) -> list[Notice]:
        """Return notices that are due, oldest first."""
        rows = self.connection.execute(
            "SELECT id, attempts, return_path, content FROM notice WHERE due_at <= ? ORDER BY due_at LIMIT ?",
            (now, limit),
        )
        return [Notice(*row) for row in rows]

    def postpone_notice(self, number: int, *, due_at: float) -> None:
        """Count an attempt and try again at `due_at`."""
        self.connection.execute("UPDATE notice SET attempts = attempts + 1, due_at = ? WHERE id = ?", (due_at, number))

    def drop_notice(self, number: int) -> None:
        """Forget a notice that was handed over, or given up."""
        self.connection.execute("DELETE FROM notice WHERE id = ?", (number,))

    def is_new_pair(self, mail_from: str, rcpt_to: str) -> bool:
        """Remember a pair of envelope addresses; True the first time it is seen.

        A Return-Path of ours is different for each delivery, so a pair is one campaign's mail to one recipient.
        """
        cursor = self.connection.execute(
            "INSERT OR IGNORE INTO pair (mail_from, rcpt_to) VALUES (?, ?)", (mail_from, rcpt_to)
        )
        if not cursor.rowcount:
            return False
        self.connection.execute("DELETE FROM pair WHERE id <= ?", ((cursor.lastrowid or 0) - KEEP_PAIRS,))
        return True


def match(search: str) -> tuple[str, tuple[str, ...]]:
    """Return an SQL condition for a search and its values."""
    if not search:
        return "1", ()
    pattern = search.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return r"(rcpt_to LIKE ? ESCAPE '\' OR subject LIKE ? ESCAPE '\')", (f"%{pattern}%", f"%{pattern}%")

"""The time at which these tests happen."""

from datetime import UTC, datetime

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)

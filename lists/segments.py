"""Segments: conditions as JSON, and the query that finds who fulfils them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from accounts.models import Workspace
from lists.exceptions import ListsError


class SegmentRefused(ListsError):
    """Conditions that cannot be used, with a sentence that says what to change."""


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions of which all, or any, have to be fulfilled."""

    is_any: bool = False
    parts: tuple[Any, ...] = ()


def read_conditions(data: Mapping[str, Any]) -> Group:
    """Return the conditions that a segment's JSON holds. Raises SegmentRefused."""
    return Group()


def compile_group(group: Group, workspace: Workspace, *, now: datetime) -> Q:
    """Return the condition on Subscriber. Raises SegmentRefused where a list is gone or of another workspace."""
    return Q()


def lists_named(group: Group) -> set[int]:
    """Return the ids of the lists that the conditions name."""
    return set()

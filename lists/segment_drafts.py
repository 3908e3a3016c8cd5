"""Conditions while a person builds them: read from a form, changed by its buttons, checked when they are saved.

The parts of the tree stand in the form in their order, each with its place: `part` holds "c:0-1" for the second
condition of the first group, whose inputs are `field-0-1`, `op-0-1` and `value-0-1`; a group has `join-0`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from django.http import QueryDict
from django.utils.translation import gettext as _

from accounts.models import Workspace
from lists.conditions import (
    MAX_CONDITIONS,
    MAX_DEPTH,
    MAX_TEXTS,
    OPERATORS,
    Condition,
    Group,
    SegmentRefused,
    Shape,
    as_texts,
    make_empty,
    read_condition,
    read_conditions,
)
from lists.segment_fields import Field
from lists.segments import require_lists

# Groups and conditions that are read from a form.
MAX_PARTS: Final = 2 * MAX_CONDITIONS


@dataclass(slots=True)
class DraftCondition:
    """A condition as far as it was built."""

    field: str = ""
    op: str = ""
    values: list[str] = dataclasses.field(default_factory=list)
    place: str = ""
    error: str = ""


@dataclass(slots=True)
class DraftGroup:
    """A group as far as it was built."""

    is_any: bool = False
    parts: list[DraftCondition | DraftGroup] = dataclasses.field(default_factory=list)
    place: str = ""
    error: str = ""

    @property
    def depth(self) -> int:
        """Return how many groups it stands in, itself among them."""
        return 1 + len([step for step in self.place.split("-") if step])

    @property
    def may_hold_groups(self) -> bool:
        """Say whether a group fits into it."""
        return self.depth < MAX_DEPTH

    def walk(self) -> Iterator[DraftCondition | DraftGroup]:
        """Yield every part below it, in order."""
        for part in self.parts:
            yield part
            if isinstance(part, DraftGroup):
                yield from part.walk()


def new_draft() -> DraftGroup:
    """Return what a new segment begins with."""
    return number_parts(DraftGroup(parts=[DraftCondition()]))


def draft_of(group: Group) -> DraftGroup:
    """Return stored conditions as a draft."""
    return number_parts(_draft_of(group))


def _draft_of(group: Group) -> DraftGroup:
    return DraftGroup(
        group.is_any,
        [
            _draft_of(part) if isinstance(part, Group) else DraftCondition(part.field, part.op, as_texts(part.value))
            for part in group.parts
        ],
    )


def number_parts(group: DraftGroup) -> DraftGroup:
    """Give each part its place."""
    for number, part in enumerate(group.parts):
        part.place = f"{group.place}-{number}".lstrip("-")
        if isinstance(part, DraftGroup):
            number_parts(part)
    return group


def read_draft(data: QueryDict) -> DraftGroup:
    """Return the draft that a form holds. What is no part of a tree is left out."""
    root = DraftGroup(data.get("join") == "any")
    groups = {"": root}
    for entry in data.getlist("part")[:MAX_PARTS]:
        kind, _sign, place = entry.partition(":")
        parent = groups.get(place.rpartition("-")[0])
        if parent is None or not place:
            continue
        if kind == "g" and parent.may_hold_groups:
            groups[place] = DraftGroup(data.get(f"join-{place}") == "any", place=place)
            parent.parts.append(groups[place])
        elif kind == "c":
            texts = [text.replace("\0", "") for text in data.getlist(f"value-{place}")[: MAX_TEXTS + 1]]
            parent.parts.append(DraftCondition(data.get(f"field-{place}", ""), data.get(f"op-{place}", ""), texts))
    return number_parts(root)


def change(draft: DraftGroup, action: str) -> DraftGroup:
    """Do what a button says: `add:0` puts a condition into the group 0, `group:` a group into the whole, `remove:0-1`."""
    word, _sign, place = action.partition(":")
    groups = {part.place: part for part in draft.walk() if isinstance(part, DraftGroup)} | {"": draft}
    if word == "add" and (group := groups.get(place)):
        group.parts.append(DraftCondition())
    elif word == "group" and (group := groups.get(place)) and group.may_hold_groups:
        group.parts.append(DraftGroup(not group.is_any, [DraftCondition()]))
    elif word == "remove" and (group := groups.get(place.rpartition("-")[0])):
        group.parts = [part for part in group.parts if part.place != place]
    return number_parts(draft)


def settle(draft: DraftGroup, fields: Mapping[str, Field], stored: Group | None = None) -> None:
    """Give every condition an operator that fits its field.

    One that was stored keeps its operator also where the attribute is of another kind by now.
    """
    kept = {(condition.field, condition.op) for condition in stored.conditions()} if stored else set()
    for part in draft.walk():
        if isinstance(part, DraftCondition) and (found := fields.get(part.field)) is not None:
            offered = found.operators(part.op if (part.field, part.op) in kept else "")
            part.op = part.op if part.op in offered else offered[0]


def finish(draft: DraftGroup, fields: Mapping[str, Field], workspace: Workspace) -> Group | None:
    """Return the conditions; None where something is missing, which then stands at its place in the draft."""
    group = _finish(draft, fields)
    if any(part.error for part in (draft, *draft.walk())):
        return None
    try:
        read_conditions(group.as_json())
        require_lists(group, workspace)
    except SegmentRefused as error:
        draft.error = error.sentence
        return None
    return group


def _finish(draft: DraftGroup, fields: Mapping[str, Field]) -> Group:
    found: list[Condition | Group] = []
    for part in draft.parts:
        if isinstance(part, DraftGroup):
            found.append(_finish(part, fields))
            continue
        try:
            found.append(read_condition(part.field if part.field in fields else "", part.op, part.values))
        except SegmentRefused as error:
            part.error = error.sentence
    if not draft.parts:
        draft.error = make_empty().sentence
    return Group(tuple(found), draft.is_any)


@dataclass(frozen=True, slots=True)
class Option:
    """A choice of a select, or a box to check."""

    value: str
    label: Any
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A condition as the page shows it."""

    condition: DraftCondition
    fields: Sequence[tuple[Any, list[Option]]]
    operators: Sequence[Option]
    shape: str
    options: Sequence[Option]

    @property
    def place(self) -> str:
        """Return where the condition stands."""
        return self.condition.place

    @property
    def number(self) -> str:
        """Return how it is called for those who do not see where it stands."""
        return "-".join(str(int(step) + 1) for step in self.place.split("-"))

    @property
    def first(self) -> str:
        """Return the first value."""
        return self.condition.values[0] if self.condition.values else ""

    @property
    def second(self) -> str:
        """Return the second value, of a range."""
        return self.condition.values[1] if len(self.condition.values) > 1 else ""


@dataclass(frozen=True, slots=True)
class Rows:
    """A group as the page shows it."""

    group: DraftGroup
    parts: Sequence[Row | Rows]

    @property
    def place(self) -> str:
        """Return where the group stands; nothing for the whole."""
        return self.group.place

    @property
    def suffix(self) -> str:
        """Return the end of the names of its inputs."""
        return f"-{self.place}" if self.place else ""

    is_group = True


def show(draft: DraftGroup, fields: Mapping[str, Field]) -> Rows:
    """Return the draft as the page shows it; `settle` comes before."""
    return Rows(
        draft, [show(part, fields) if isinstance(part, DraftGroup) else show_row(part, fields) for part in draft.parts]
    )


def show_row(condition: DraftCondition, fields: Mapping[str, Field]) -> Row:
    """Return a condition with what can be chosen in it."""
    chosen = fields.get(condition.field)
    sections = [
        (section, [Option(one.name, one.label, one is chosen) for one in members])
        for section, members in groupby(fields.values(), key=lambda one: one.section)
    ]
    offered = chosen.operators(condition.op) if chosen else []
    operators = [Option(op, OPERATORS[op].label, op == condition.op) for op in offered]
    shape = OPERATORS[condition.op].shape if condition.op in offered else Shape.NOTHING
    options = months(condition) if shape == Shape.MONTH else boxes(condition, chosen) if chosen else []
    return Row(condition, sections, operators, shape.value, options)


def boxes(condition: DraftCondition, chosen: Field) -> list[Option]:
    """Return the choices of a field, and what the condition names beside them."""
    known = {str(value) for value, _label in chosen.choices}
    others = [] if chosen.name == "list" else [(text, text) for text in condition.values if text and text not in known]
    return [Option(str(value), label, str(value) in condition.values) for value, label in [*chosen.choices, *others]]


def months(condition: DraftCondition) -> list[Option]:
    """Return the months of a year, and those that move with it."""
    from_now = [("this", _("今月")), ("next", _("来月"))]
    named = [(str(number), _("%d月") % number) for number in range(1, 13)]
    return [Option(value, label, value in condition.values) for value, label in [*from_now, *named]]

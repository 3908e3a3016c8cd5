"""The condition of the block that is open in the editor, while a person builds it: the builder of segments within a form.

Its inputs are called as those of a segment (lists.segment_drafts) with PREFIX before; its buttons are `show:begin`,
`show:none` and `show:done`, and `show:` before what a button of the builder says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.http import QueryDict

from accounts.models import Workspace
from designs.blocks import Block, BlockKind, Design
from lists.conditions import Group, SegmentRefused, read_conditions
from lists.segment_drafts import DraftGroup, Rows, change, draft_of, finish, new_draft, read_draft, settle, show
from lists.segment_fields import Field, fields_of

PREFIX: Final = "b-show-"
# Is there while the builder is open.
IS_OPEN: Final = f"{PREFIX}open"


@dataclass(frozen=True, slots=True)
class BlockCondition:
    """A condition as far as it was built; `group` is None and `problem` says why while it cannot be used."""

    draft: DraftGroup
    fields: Mapping[str, Field]
    group: Group | None
    problem: str

    @property
    def rows(self) -> Rows:
        """Return what templates/lists/_segment_group.html shows."""
        return show(self.draft, self.fields)

    def quiet(self) -> BlockCondition:
        """Return it without what is wrong with its parts: whoever goes on building has not said that he is done."""
        for part in (self.draft, *self.draft.walk()):
            part.error = ""
        return self


def may_have_condition(design: Design, block: Block) -> bool:
    """Say whether a block can be for some people only: the footer and what stands in a column cannot."""
    return block.kind != BlockKind.FOOTER and block in design.blocks


def begin_condition(block: Block, workspace: Workspace) -> BlockCondition:
    """Return the builder with the condition that a block has."""
    stored = stored_group(block.show)
    return build(draft_of(stored) if stored else new_draft(), stored, workspace)


def read_condition(data: QueryDict, block: Block, workspace: Workspace, *, action: str = "") -> BlockCondition:
    """Return what a form holds of the builder, with one of its buttons done."""
    own = QueryDict(mutable=True)
    for name, values in data.lists():
        if name.startswith(PREFIX):
            own.setlist(name.removeprefix(PREFIX), values)
    return build(change(read_draft(own), action), stored_group(block.show), workspace)


def build(draft: DraftGroup, stored: Group | None, workspace: Workspace) -> BlockCondition:
    """Return a draft with its fields, checked."""
    fields = fields_of(workspace, stored)
    settle(draft, fields, stored)
    group = finish(draft, fields, workspace)
    problem = next((part.error for part in (draft, *draft.walk()) if part.error), "")
    return BlockCondition(draft, fields, group, problem)


def stored_group(condition: Mapping[str, Any] | None) -> Group | None:
    """Return the condition of a block; None where it has none."""
    try:
        return None if condition is None else read_conditions(condition)
    except SegmentRefused:
        return None

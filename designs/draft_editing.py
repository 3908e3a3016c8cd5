"""A mail of blocks while a person builds it: read from a form and changed by its buttons; nothing is stored here.

The form has a hidden `block` (JSON) for each block in its order, `open` (the id of the block whose inputs it shows) and
these inputs (`b-…`). A button sends the whole form with `do`: `add:<place>:<kind>`, `up:<id>`, `down:<id>`,
`move:<id>:<number>`, `copy:<id>`, `remove:<id>`, `open:<id>`, `close:`, or `show:…` for the condition of the open block
(designs/block_conditions.py). A place is the id of the block before, empty
for the end, or `<id>.left` and `<id>.right` for the end of a column. `keep:<id>` (`keep:` for all but the footer) makes a
snippet of what stands there, and `put:<place>` puts one in: whoever reads the form does both with designs/snippets.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from accounts.models import Workspace
from accounts.numbers import read_number
from designs.block_conditions import IS_OPEN, BlockCondition, begin_condition, may_have_condition, read_condition
from designs.block_forms import BlockForm, form_for
from designs.blocks import (
    IN_COLUMNS,
    MAX_BLOCKS,
    Block,
    BlockKind,
    Design,
    copy_block,
    new_block,
    read_design,
    unreadable,
)
from designs.brands import Look
from designs.exceptions import DesignRefused
from designs.models import Picture

SIDES: Final = ("left", "right")
# What a new mail begins with.
BEGINNING: Final = (BlockKind.HEADING, BlockKind.TEXT, BlockKind.BUTTON, BlockKind.FOOTER)
Siblings = list[Block]
Change = Callable[[Siblings, int], Siblings]


@dataclass(frozen=True, slots=True)
class EditedDesign:
    """The blocks as far as they were built; `form` is that of the block with the id `open`, `problem` what was refused.

    `notice` says what was done beside them; `named` is the name that was typed for a snippet which was refused.
    `condition` is there while its condition is built, which needs the `workspace`.
    """

    design: Design
    open: str = ""
    form: BlockForm | None = None
    problem: str = ""
    # Asked for by the forms that offer them alone.
    pictures: QuerySet[Picture] | None = field(default=None, repr=False)
    condition: BlockCondition | None = None
    workspace: Workspace | None = None
    notice: str = ""
    named: str = ""

    @property
    def errors(self) -> list[tuple[str, str]]:
        """Return the places and sentences of what was typed and cannot be used."""
        found = []
        if self.form is not None and self.form.is_bound:
            found = [(f"{self.open}-{name}", str(text)) for name, texts in self.form.errors.items() for text in texts]
        if self.condition is not None and self.condition.problem:
            found.append((f"{self.open}-show", _("表示する条件: %s") % self.condition.problem))
        return found


def begin(look: Look) -> Design:
    """Return what a new mail begins with."""
    return Design(tuple(new_block(kind, footer=look.footer, sns=look.sns) for kind in BEGINNING))


def read_posted(
    data: QueryDict, *, pictures: QuerySet[Picture] | None = None, workspace: Workspace | None = None
) -> EditedDesign:
    """Return what a form holds. Raises DesignRefused for what no page of ours wrote."""
    try:
        blocks = [json.loads(text) for text in data.getlist("block")[: MAX_BLOCKS + 1]]
    except (ValueError, RecursionError) as error:
        raise unreadable() from error
    design = read_design({"blocks": blocks})
    opened = find(design, data.get("open", ""))
    if opened is None:
        return EditedDesign(design, pictures=pictures, workspace=workspace)
    form = form_for(opened, data, pictures=pictures, is_in_column=is_in_column(design, opened))
    block = form.block()
    design = rewrite(design, block.id, lambda row, at: put(row, at, [block]))
    edited = EditedDesign(design, block.id, form, "", pictures, workspace=workspace)
    if workspace is None or IS_OPEN not in data or not may_have_condition(design, block):
        return edited
    action = data.get("do", "")
    builds = action.removeprefix("show:") if action.startswith("show:") else ""
    return with_condition(edited, read_condition(data, block, workspace, action=builds))


def with_condition(edited: EditedDesign, condition: BlockCondition) -> EditedDesign:
    """Give the open block the condition that was built, as soon as it can be used."""
    if condition.group is None:
        return replace(edited, condition=condition)
    shown = condition.group.as_json()
    design = rewrite(edited.design, edited.open, lambda row, at: put(row, at, [replace(row[at], show=shown)]))
    try:
        read_design(design.as_json())
    except DesignRefused as error:
        condition.draft.error = error.sentence
        return replace(edited, condition=replace(condition, group=None, problem=error.sentence))
    return replace(edited, design=design, condition=condition)


def change_condition(edited: EditedDesign, action: str) -> EditedDesign:
    """Open or close the builder, or take the condition away; what its own buttons say was done when it was read."""
    block = find(edited.design, edited.open)
    if edited.workspace is None or block is None or not may_have_condition(edited.design, block):
        return edited
    if action == "begin":
        return replace(edited, condition=begin_condition(block, edited.workspace).quiet())
    if action == "none":
        design = rewrite(edited.design, block.id, lambda row, at: put(row, at, [replace(row[at], show=None)]))
        return replace(edited, design=design, condition=None)
    if edited.condition is None or action == "done":
        is_done = edited.condition is None or edited.condition.group is not None
        return replace(edited, condition=None) if is_done else edited
    return replace(edited, condition=edited.condition.quiet())


def show_block(edited: EditedDesign, block_id: str) -> EditedDesign:
    """Open a block, or none."""
    block = find(edited.design, block_id)
    if block is None:
        return replace(edited, open="", form=None, condition=None)
    form = form_for(block, pictures=edited.pictures, is_in_column=is_in_column(edited.design, block))
    return replace(edited, open=block.id, form=form, condition=None)


def change(edited: EditedDesign, action: str, *, look: Look) -> EditedDesign:
    """Do what a button says; a block with something that cannot be used stays open until it is mended."""
    word, _sign, rest = action.partition(":")
    if word in ("open", "close", "add", "copy") and edited.errors:
        return edited
    if word in ("open", "close"):
        return show_block(edited, rest)
    if word == "show":
        return change_condition(edited, rest)
    place, _sign, more = rest.partition(":")
    if word == "add":
        return add(edited, place, more, look=look)
    if word == "move" and (at := read_number(more)) is not None:
        return keep(edited, move(edited.design, place, at))
    if word == "copy" and (source := find(edited.design, place)):
        copied = copy_block(source)
        changed = keep(edited, rewrite(edited.design, place, lambda row, at: put(row, at, [row[at], copied])))
        return changed if changed.problem else show_block(changed, copied.id)
    if word in STEPS:
        changed = keep(edited, rewrite(edited.design, place, STEPS[word]))
        return changed if find(changed.design, changed.open) else show_block(changed, "")
    return edited


def add(edited: EditedDesign, place: str, kind: str, *, look: Look) -> EditedDesign:
    """Put a new block at a place and open it."""
    if kind not in BlockKind.values:
        return edited
    block = new_block(BlockKind(kind), footer=look.footer, sns=look.sns)
    before, _dot, side = place.partition(".")
    design = edited.design
    if side in SIDES and block.kind in IN_COLUMNS:
        design = rewrite(design, before, lambda row, at: put(row, at, [append(row[at], side, block)]))
    elif find(design, before) is not None:
        is_inner = all(found.id != before for found in design.blocks)
        if is_inner and block.kind not in IN_COLUMNS:
            before = next(found.id for found in design.blocks if find(Design((found,)), before))
        design = rewrite(design, before, lambda row, at: put(row, at, [row[at], block]))
    else:
        design = Design(before_footer(design.blocks, block))
    changed = keep(edited, design)
    return changed if changed.problem else show_block(changed, block.id)


def put_in(edited: EditedDesign, place: str, blocks: Sequence[Block]) -> EditedDesign:
    """Put copies of blocks below the one at a place, or below the columns that it stands in; open none."""
    if edited.errors:
        return edited
    copies = [copy_block(block) for block in blocks]
    before = next((found.id for found in edited.design.blocks if find(Design((found,)), place)), "")
    if before:
        design = rewrite(edited.design, before, lambda row, at: put(row, at, [row[at], *copies]))
    else:
        design = Design(before_footer(edited.design.blocks, *copies))
    changed = keep(edited, design)
    return changed if changed.problem else show_block(changed, "")


def chosen_blocks(edited: EditedDesign, block_id: str) -> list[Block]:
    """Return the block with an id, or with "" all but the footer: every mail has its own."""
    if not block_id:
        return [block for block in edited.design.blocks if block.kind != BlockKind.FOOTER]
    found = find(edited.design, block_id)
    return [found] if found else []


def before_footer(blocks: Sequence[Block], *more: Block) -> tuple[Block, ...]:
    """Return the blocks with more at their end, where the footer stays the last."""
    at = len(blocks)
    if more[-1].kind != BlockKind.FOOTER and blocks and blocks[-1].kind == BlockKind.FOOTER:
        at -= 1
    return (*blocks[:at], *more, *blocks[at:])


def keep(edited: EditedDesign, design: Design) -> EditedDesign:
    """Return the changed blocks; the old ones with the reason where there would be too much of something."""
    try:
        return replace(edited, design=read_design(design.as_json()))
    except DesignRefused as error:
        return replace(edited, problem=error.sentence)


def find(design: Design, block_id: str) -> Block | None:
    """Return the block with an id, also one in a column."""
    return next((block for block in design.all_blocks() if block.id == block_id), None)


def rewrite(design: Design, block_id: str, step: Change) -> Design:
    """Return the design with `step` done to the row of blocks in which one stands; it is given its number there."""
    return Design(tuple(_rewrite(design.blocks, block_id, step)))


def _rewrite(row: Sequence[Block], block_id: str, step: Change) -> Siblings:
    for at, block in enumerate(row):
        if block.id == block_id:
            return step(list(row), at)
    return [
        replace(block, data={**block.data, **{side: _rewrite(block.data[side], block_id, step) for side in SIDES}})
        if block.kind == BlockKind.COLUMNS
        else block
        for block in row
    ]


def put(row: Siblings, at: int, blocks: Siblings) -> Siblings:
    """Return a row with blocks in the place of one."""
    return [*row[:at], *blocks, *row[at + 1 :]]


def is_in_column(design: Design, block: Block) -> bool:
    """Say whether a block stands in one of two columns."""
    return all(one.id != block.id for one in design.blocks)


def append(columns: Block, side: str, block: Block) -> Block:
    """Return two columns with one more block in one of them; another kind stays as it is."""
    if columns.kind != BlockKind.COLUMNS:
        return columns
    return replace(columns, data={**columns.data, side: [*columns.data[side], block]})


def swap(row: Siblings, at: int, other: int) -> Siblings:
    """Return a row with two blocks in each other's place, as far as there are two."""
    if 0 <= other < len(row):
        row[at], row[other] = row[other], row[at]
    return row


def move(design: Design, block_id: str, to: int) -> Design:
    """Return the design with a block of the first level at another number, counted without it."""
    moved = [block for block in design.blocks if block.id == block_id]
    others = [block for block in design.blocks if block.id != block_id]
    return Design((*others[:to], *moved, *others[to:]))


STEPS: Final[dict[str, Change]] = {
    "up": lambda row, at: swap(row, at, at - 1),
    "down": lambda row, at: swap(row, at, at + 1),
    "remove": lambda row, at: put(row, at, []),
}

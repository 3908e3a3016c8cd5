"""The list of blocks in the editor: what the page shows of it, and what its buttons answer with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.access import member_required
from accounts.models import Role, Workspace
from accounts.requests import WorkspaceRequest
from designs.block_conditions import BlockCondition, may_have_condition, stored_group
from designs.block_forms import BlockForm
from designs.blocks import IN_COLUMNS, Block, BlockKind
from designs.brands import look_of
from designs.draft_editing import SIDES, EditedDesign, change, chosen_blocks, put_in, read_posted
from designs.exceptions import DesignRefused
from designs.models import Picture
from designs.snippets import block_snippets, blocks_of, store_blocks
from designs.text_writing import write_words
from lists.segment_fields import Field, fields_of
from lists.segment_words import describe

# Letters of a block that its row shows.
WORDS: Final = 40
# What designs/text_writing.py puts before words and between them.
ORNAMENTS: Final = "━─■●▼"
ICONS: Final = {
    BlockKind.HEADING: "heading",
    BlockKind.TEXT: "pilcrow",
    BlockKind.PICTURE: "image",
    BlockKind.BUTTON: "square-mouse-pointer",
    BlockKind.DIVIDER: "minus",
    BlockKind.COLUMNS: "columns-2",
    BlockKind.PRODUCT: "shopping-bag",
    BlockKind.SNS: "share-2",
    BlockKind.FOOTER: "panel-bottom",
    BlockKind.HTML: "code",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A block as the page shows it; `form` where it is open, `columns` are the rows in the columns of one that is.

    `told` is its condition in words; `condition` is there while that is built, of one that `may_have` any.
    """

    block: Block
    form: BlockForm | None
    columns: Sequence[tuple[str, Sequence[Row]]]
    told: str = ""
    condition: BlockCondition | None = None
    may_have: bool = False

    @property
    def words(self) -> str:
        """Return the beginning of what it says, without the marks that stand for lines and points in the text part."""
        words = " ".join(word for word in write_words(self.block).split() if word.strip(ORNAMENTS))
        return words[:WORDS] + "…" if len(words) > WORDS else words

    @property
    def json(self) -> SafeString:
        """Return the block for an attribute in single quotes, in which JSON stays short."""
        written = json.dumps(self.block.as_json(), ensure_ascii=False, separators=(",", ":"))
        return SafeString(written.replace("&", "&amp;").replace("'", "&#39;"))

    @property
    def is_open(self) -> bool:
        """Say whether it shows more than its row."""
        return self.form is not None or bool(self.columns)


def rows_of(blocks: Sequence[Block], edited: EditedDesign, fields: Mapping[str, Field]) -> list[Row]:
    """Return blocks as rows, those of the columns that are open or hold the open one with theirs.

    `fields` are those that conditions ask for.
    """
    rows = []
    for block in blocks:
        form = edited.form if block.id == edited.open else None
        inner = block.kind == BlockKind.COLUMNS and (
            form or any(part.id == edited.open for side in SIDES for part in block.data[side])
        )
        columns = [(side, rows_of(block.data[side], edited, fields)) for side in SIDES] if inner else []
        stored = stored_group(block.show)
        told = str(describe(stored, fields)) if stored else ""
        condition = edited.condition if form else None
        rows.append(Row(block, form, columns, told, condition, may_have_condition(edited.design, block)))
    return rows


def blocks_context(edited: EditedDesign) -> dict[str, Any]:
    """Return what templates/campaigns/_edit_blocks.html shows."""
    kinds = [(kind.value, kind.label, ICONS[kind]) for kind in BlockKind]
    asks = any(block.show for block in edited.design.blocks)
    fields = fields_of(edited.workspace, has_archived=True) if asks and edited.workspace else {}
    rows = rows_of(edited.design.blocks, edited, fields)
    return {
        "edited": edited,
        "rows": rows,
        # A new block comes below the one that is open, else to the end.
        "place": next((row.block.id for row in rows if row.is_open), ""),
        "kinds": kinds,
        "inner_kinds": [kind for kind in kinds if kind[0] in IN_COLUMNS],
        "snippets": block_snippets(edited.workspace) if edited.workspace else [],
    }


def pictures_of(workspace: Workspace) -> QuerySet[Picture]:
    """Return the pictures that a block may show, the newest first; the form that offers them asks for some."""
    return Picture.objects.filter(workspace=workspace).order_by("-pk")


def edited_posted(request: WorkspaceRequest) -> EditedDesign:
    """Return the blocks of the form with its button done. Raises DesignRefused."""
    edited = read_posted(request.POST, pictures=pictures_of(request.workspace), workspace=request.workspace)
    action = request.POST.get("do", "")
    word, _sign, place = action.partition(":")
    if word == "keep":
        return keep_snippet(request, edited, place)
    if word == "put":
        return put_snippet(request, edited, place)
    return change(edited, action, look=look_of(request.workspace)) if action else edited


def keep_snippet(request: WorkspaceRequest, edited: EditedDesign, block_id: str) -> EditedDesign:
    """Make a snippet of a block, or of all; the mail stays as it is."""
    if edited.errors:
        return edited
    name = request.POST.get("keep-name", "")
    try:
        kept = store_blocks(
            request.workspace,
            chosen_blocks(edited, block_id),
            name=name,
            replaces="keep-over" in request.POST,
            actor=request.user,
        )
    except DesignRefused as error:
        return replace(edited, problem=error.sentence, named=name)
    return replace(edited, notice=_("部品「%s」を保存しました。どのメールにも入れられます。") % kept.name)


def put_snippet(request: WorkspaceRequest, edited: EditedDesign, place: str) -> EditedDesign:
    """Put a copy of the chosen snippet in."""
    try:
        return put_in(edited, place, blocks_of(request.workspace, request.POST.get("put-snippet", "")))
    except DesignRefused as error:
        return replace(edited, problem=error.sentence)


@require_POST
@member_required(Role.EDITOR)
def blocks(request: WorkspaceRequest) -> HttpResponse:
    """Do what a button of the list says and show the list anew; stores nothing."""
    try:
        edited = edited_posted(request)
    except DesignRefused as error:
        return HttpResponse(error.sentence, status=422, content_type="text/plain; charset=utf-8")
    return render(request, "campaigns/_edit_blocks.html", blocks_context(edited))

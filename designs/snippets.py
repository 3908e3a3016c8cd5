"""差し込み部品: blocks and words that a workspace puts into its mails again and again, as copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import User, Workspace
from accounts.numbers import read_number
from designs.blocks import Block, Design, copy_block, read_design
from designs.brands import Look, picture_urls
from designs.exceptions import DesignRefused
from designs.fields import clean_text
from designs.frames import show_tags
from designs.models import Snippet
from designs.rendering import render_design
from designs.tags import escape
from designs.templates import show_words
from designs.text_writing import write_text

MAX_SNIPPETS: Final = 200
LONGEST_NAME: Final = 100
# Of the text, in characters.
LONGEST_TEXT: Final = 20_000


def snippets_of(workspace: Workspace) -> QuerySet[Snippet]:
    """Return the snippets of a workspace by name, without what they hold."""
    return Snippet.objects.filter(workspace=workspace).defer("blocks", "text").order_by("name")


def block_snippets(workspace: Workspace) -> list[tuple[int, str]]:
    """Return number and name of the snippets that hold blocks."""
    return list(snippets_of(workspace).exclude(blocks={}).values_list("pk", "name"))


def store_blocks(workspace: Workspace, blocks: Sequence[Block], *, name: str, replaces: bool, actor: User) -> Snippet:
    """Keep copies of blocks under a name, in the place of the snippet that has it with `replaces`.

    Raises DesignRefused.
    """
    name = clean_name(name)
    stored = Design(tuple(copy_block(block) for block in blocks))
    # In a mail of text everybody gets all of it.
    for_all = Design(tuple(block for block in stored.blocks if block.show is None))
    values = {"blocks": stored.as_json(), "text": write_text(for_all)[:LONGEST_TEXT]}
    if not stored.blocks:
        raise DesignRefused(_("部品にするブロックがありません。"))
    with transaction.atomic():
        # Two who store at once wait for each other.
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        known = Snippet.objects.filter(workspace=workspace, name=name).first()
        if known is None:
            require_room(workspace)
            known = Snippet.objects.create(workspace=workspace, name=name, **values)
            record(workspace, actor, "snippet.create", name)
        elif replaces:
            Snippet.objects.filter(pk=known.pk).update(**values)
            record(workspace, actor, "snippet.update", name)
        else:
            sentence = _(
                "「%s」という部品はすでにあります。別の名前にするか、「同じ名前の部品を置き換える」を選んでください。"
            )
            raise DesignRefused(sentence % name)
    return known


def clean_name(name: str) -> str:
    """Return a name of one line. Raises DesignRefused."""
    name = " ".join(clean_text(name).split())
    if not name:
        raise DesignRefused(_("部品名を入力してください。"))
    if len(name) > LONGEST_NAME:
        raise DesignRefused(_("部品名は%d文字までです。") % LONGEST_NAME)
    return name


def require_room(workspace: Workspace) -> None:
    """Raise DesignRefused where a workspace can keep no more."""
    if Snippet.objects.filter(workspace=workspace).count() >= MAX_SNIPPETS:
        raise DesignRefused(_("部品は%d個までです。使わないものを削除してください。") % MAX_SNIPPETS)


def blocks_of(workspace: Workspace, number: str) -> tuple[Block, ...]:
    """Return the blocks of a snippet of a workspace by the number that was posted. Raises DesignRefused."""
    found = Snippet.objects.filter(workspace=workspace, pk=read_number(number) or 0).first()
    if found is None or not found.blocks:
        raise DesignRefused(_("選んだ部品が見つかりません。ほかの部品を選んでください。"))
    return read_design(found.blocks).blocks


def show_snippet(snippet: Snippet, look: Look) -> str:
    """Return a snippet as a page for a frame. Raises DesignRefused."""
    if not snippet.blocks:
        return show_words(show_tags(escape(snippet.text)))
    design = read_design(snippet.blocks)
    pictures = picture_urls(snippet.workspace, used) if (used := design.pictures()) else {}
    return show_tags(render_design(design, look, title=snippet.name, preheader="", pictures=pictures).html)

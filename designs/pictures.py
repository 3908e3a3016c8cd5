"""The pictures of a workspace: stored once each under a name that tells their content, deleted when nothing shows them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Final

from django.core.files.base import ContentFile
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import User, Workspace
from designs.fields import clean_text
from designs.models import Brand, Picture, PictureKind, Snippet, Template, picture_storage
from designs.picture_encoding import PictureRefused, encode

ENDINGS: Final = {PictureKind.JPEG: "jpg", PictureKind.PNG: "png", PictureKind.GIF: "gif"}
TYPES: Final = {ending: f"image/{kind.value}" for kind, ending in ENDINGS.items()}
LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Use:
    """A place that shows a picture, for people; `url` leads there."""

    what: str
    name: str
    url: str


# Finds where else a picture is shown: this app knows no mailings.
FindUses = Callable[[Picture], Sequence[Use]]


def store_picture(
    workspace: Workspace, file: BinaryIO, *, name: str, actor: User | None, now: datetime, alt: str = ""
) -> tuple[Picture, bool]:
    """Store an uploaded picture; return it and whether it is new. The same content is the same row.

    Raises PictureRefused; PictureUnavailable where it cannot be stored, and then there is none.
    """
    found = encode(file)
    digest = hashlib.sha256(found.data).hexdigest()
    if known := Picture.objects.filter(workspace=workspace, digest=digest).first():
        return known, False
    # Workspaces share no files, so that one can delete its own.
    own = hashlib.sha256(f"{workspace.pk}:{digest}".encode()).hexdigest()
    stored = picture_storage().save(f"{own}.{ENDINGS[found.kind]}", ContentFile(found.data))
    # Beside the digest, since two uploads of one picture can pass the question above at once.
    return Picture.objects.get_or_create(
        workspace=workspace,
        digest=digest,
        defaults={
            "file": stored,
            "kind": found.kind,
            "width": found.width,
            "height": found.height,
            "bytes": len(found.data),
            "name": " ".join(clean_text(name).split())[-LONGEST_NAME:] or _("名前のない画像"),
            "alt": alt,
            "uploaded_by": actor,
            "uploaded_at": now,
        },
    )


def file_of(picture: Picture) -> str:
    """Return what the file of a picture is called, which stands in its address."""
    return str(picture.file.name)


def find_uses(picture: Picture) -> Iterator[Use]:
    """Yield where a picture is shown, as far as this app knows."""
    if Brand.objects.filter(logo=picture).exists():
        yield Use(_("ブランド"), _("ロゴ"), reverse("brand"))
    for template in Template.objects.filter(workspace=picture.workspace_id).order_by("name").iterator():
        if holds_picture(template.blocks, picture) or file_of(picture) in template.source:
            yield Use(_("テンプレート"), template.name, reverse("template_detail", args=[template.pk]))
    for snippet in Snippet.objects.filter(workspace=picture.workspace_id).order_by("name").iterator():
        if holds_picture(snippet.blocks, picture):
            yield Use(_("差し込み部品"), snippet.name, reverse("snippet_detail", args=[snippet.pk]))


def holds_picture(stored: Any, picture: Picture) -> bool:
    """Say whether the JSON of a design shows a picture, by its number or by its address."""
    if isinstance(stored, dict):
        return stored.get("picture") == picture.pk or any(holds_picture(part, picture) for part in stored.values())
    if isinstance(stored, list):
        return any(holds_picture(part, picture) for part in stored)
    return isinstance(stored, str) and file_of(picture) in stored


def delete_picture(picture: Picture, *, actor: User, find_more: FindUses) -> None:
    """Delete a picture and its file, both or none.

    Raises PictureRefused where it is shown somewhere, which would lose it, and PictureUnavailable.
    """
    with transaction.atomic():
        Picture.objects.select_for_update().get(pk=picture.pk)
        if next(find_uses(picture), None) or find_more(picture):
            raise PictureRefused(_("使われている画像は削除できません。使っている所から外してください。"))
        name = file_of(picture)
        picture.delete()
        record(picture.workspace, actor, "picture.delete", picture.name)
        # Last: where a bucket cannot be asked, all is as before.
        picture_storage().delete(name)

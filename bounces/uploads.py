"""Takes over the notices of uploaded files: kept as one mbox, stored mail by mail in turns, then deleted."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from tempfile import TemporaryFile
from typing import Any, BinaryIO, cast
from uuid import uuid4

from django.conf import settings
from django.core.files.base import File
from django.db import models, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User, Workspace
from bounces.errors import TurnLost, UploadRefused
from bounces.intake import envelope_of, store_raw
from bounces.mbox_reading import append_mail, append_mbox, is_mbox, read_mails
from bounces.models import Door, NoticeUpload, UploadState
from lists.csv_import import describe_size_limit

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
# A turn ends after so long, so that one large file keeps no other task waiting.
TURN_SECONDS = 10.0
# A transaction takes so many mails, fewer where they are large.
BATCH = 50
BATCH_BYTES = 8 * 1024 * 1024
# So often a batch is begun anew; a mail that kills its process every time is given up.
MAX_TRIES = 4
HINTS = 20
FILES_A_TICK = 20
WAITING = (UploadState.QUEUED, UploadState.RUNNING)

HEAD = 4096
FIELD = re.compile(rb"[!-9;-~]{1,200}[ \t]{0,20}:")
# What people take for a file of mails, by how it begins.
COMPRESSED = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ")
OUTLOOK = (b"\xd0\xcf\x11\xe0", b"!BDN")


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to work on an upload until `lease_until`; another process that takes it changes that."""

    upload: NoticeUpload
    lease_until: datetime


def create_upload(workspace: Workspace, files: Sequence[File[Any]], user: User) -> NoticeUpload:
    """Keep uploaded files as one upload that waits to be read. Raises UploadRefused."""
    if sum(file.size or 0 for file in files) > settings.UPLOAD_MAX_BYTES:
        raise UploadRefused(describe_size_limit())
    heads = [require_mails(file) for file in files]
    names = [(file.name or "").rpartition("/")[2] for file in files]
    name = names[0] if len(names) == 1 else _("%(first)s ほか%(rest)d件") % {"first": names[0], "rest": len(names) - 1}
    upload = NoticeUpload(workspace=workspace, created_by=user, filename=name[:255])
    with TemporaryFile() as joined:
        one = files[0].file
        if len(files) > 1 or not is_mbox(heads[0]):
            join_files(joined, files, heads)
            one = joined
        # The name of a person's file never becomes a path.
        upload.file.save(f"{uuid4().hex}.mbox", File(one, name="upload"), save=False)
    with transaction.atomic():
        upload.save()
        audit.record(workspace, user, "notice.upload", upload.filename, files=len(files))
    return upload


def require_mails(file: File[Any]) -> bytes:
    """Return how a file begins; raises UploadRefused where it holds no mails."""
    file.seek(0)
    head = bytes(file.read(HEAD)).lstrip(b"\r\n")
    file.seek(0)
    name = file.name or ""
    if head.startswith(COMPRESSED):
        raise UploadRefused(
            _("「%s」は圧縮されています。展開してから、.emlまたはmboxのファイルを選んでください。") % name, name
        )
    if head.startswith(OUTLOOK):
        raise UploadRefused(
            _("「%s」はOutlookの形式です。メールを .eml(またはテキスト)形式で保存し直してください。") % name, name
        )
    if not is_mbox(head) and not FIELD.match(head):
        raise UploadRefused(
            _("「%s」はメールのファイルではないようです。.emlまたはmboxを選んでください。") % name, name
        )
    return head


def join_files(target: Any, files: Sequence[File[Any]], heads: Sequence[bytes]) -> None:
    """Write several files into one mbox."""
    for file, head in zip(files, heads, strict=True):
        append = append_mbox if is_mbox(head) else append_mail
        append(target, cast(BinaryIO, file.file))
    target.seek(0)


def waiting_uploads(now: datetime) -> models.QuerySet[NoticeUpload]:
    """Return the uploads that are to be read and that no task is at work on."""
    free = models.Q(lease_until__isnull=True) | models.Q(lease_until__lte=now)
    return NoticeUpload.objects.filter(free, state__in=WAITING)


def read_upload(upload_id: int, *, now: datetime, clock: Callable[[], float] = time.monotonic) -> bool:
    """Store mails of an upload for one turn; True where some are left.

    A process that is killed loses its newest batch, which is then done again. The counts are written with the mails
    they count, so a later turn goes on at the right one.
    """
    turn = take_turn(upload_id, now=now)
    if turn is None:
        return False
    try:
        with turn.upload.file.open("rb") as file:
            return store_mails(turn, cast(BinaryIO, file), until=clock() + TURN_SECONDS, clock=clock)
    except TurnLost:
        logger.warning("upload %d was taken over by another process", upload_id)
    except (FileNotFoundError, ValueError):
        end(
            turn,
            UploadState.FAILED,
            _("アップロードされたファイルが見つかりません。もう一度アップロードしてください。"),
        )
    return False


def take_turn(upload_id: int, *, now: datetime) -> Turn | None:
    """Take an upload that waits; give it up when the same batch ended its process several times."""
    free = waiting_uploads(now).filter(pk=upload_id)
    until = now + LEASE
    if free.filter(tries__lt=MAX_TRIES).update(state=UploadState.RUNNING, tries=F("tries") + 1, lease_until=until):
        return Turn(NoticeUpload.objects.select_related("workspace").get(pk=upload_id), until)
    free.update(
        state=UploadState.FAILED,
        lease_until=None,
        finished_at=now,
        message=_("処理が何度も中断されたため、途中で読み取りをやめました。読み取れた分は残っています。"),
    )
    return None


def store_mails(turn: Turn, file: BinaryIO, *, until: float, clock: Callable[[], float]) -> bool:
    """Store batch after batch; True where the time was up first. Raises TurnLost."""
    for batch in batches(read_mails(file, skip=turn.upload.found)):
        turn = store_batch(turn, batch)
        if clock() >= until:
            renew(turn, state=UploadState.QUEUED, lease_until=None)
            return True
    if NoticeUpload.objects.filter(pk=turn.upload.pk, found=0).exists():
        end(turn, UploadState.FAILED, _("ファイルの中にメールが見つかりませんでした。"))
    else:
        end(turn, UploadState.DONE, "")
    return False


def batches(mails: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield the mails in batches that are bounded in number and in bytes."""
    batch: list[bytes] = []
    size = 0
    for mail in mails:
        batch.append(mail)
        size += len(mail)
        if len(batch) >= BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@transaction.atomic
def store_batch(turn: Turn, batch: Sequence[bytes]) -> Turn:
    """Store some mails together with their counts; return the renewed turn. Raises TurnLost."""
    upload = turn.upload
    before = upload.notices.count()
    for mail in batch:
        store_raw(mail, envelope_to=envelope_of(mail), door=Door.UPLOAD, workspace=upload.workspace, upload=upload)
    stored = upload.notices.count() - before
    until = timezone.now() + LEASE
    renew(
        turn,
        found=F("found") + len(batch),
        stored=F("stored") + stored,
        known=F("known") + len(batch) - stored,
        tries=0,
        lease_until=until,
    )
    return Turn(upload, until)


def renew(turn: Turn, **fields: Any) -> None:
    """Change the upload while the turn is ours; raises TurnLost where it is not."""
    held = NoticeUpload.objects.filter(pk=turn.upload.pk, state=UploadState.RUNNING, lease_until=turn.lease_until)
    if not held.update(**fields):
        raise TurnLost(_("このアップロードは別のプロセスが引き継ぎました。"), turn.upload.pk)


def end(turn: Turn, state: UploadState, message: str) -> None:
    """Finish an upload and delete its file."""
    renew(turn, state=state, message=message, lease_until=None, finished_at=timezone.now())
    delete_file(turn.upload)


def delete_file(upload: NoticeUpload) -> None:
    """Delete the file: what it held is stored, or cannot be read."""
    upload.file.delete(save=False)
    NoticeUpload.objects.filter(pk=upload.pk).update(file="")


def clear_uploads(*, now: datetime) -> None:
    """Delete the files that a process left that ended between the last mail and the deletion."""
    over = NoticeUpload.objects.exclude(state__in=WAITING).exclude(file="")
    for upload in over.order_by("pk")[:FILES_A_TICK]:
        delete_file(upload)

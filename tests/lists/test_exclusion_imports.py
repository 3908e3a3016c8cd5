"""Files for the 除外リスト in the background: claimed once, taken whole or not at all, forgotten."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile

from accounts.models import AuditEntry, Workspace
from lists.erasing import digest_of
from lists.exceptions import ClaimLost
from lists.exclusion_imports import (
    DEAD_AFTER,
    HINT_FOR,
    KEEP,
    MAX_ATTEMPTS,
    forget_old_imports,
    queue_exclusions,
    read,
    requeue_dead_exclusions,
    run_exclusions,
    take_exclusion_hints,
    write,
)
from lists.models import ErasedAddress, Exclusion, ExclusionImport, ExclusionImportState
from lists.sweeping import sweep_texts
from tests.factories import make_user
from tests.lists.clock import NOW

pytestmark = pytest.mark.django_db


def queue(workspace: Workspace | None, content: str, **fields: object) -> ExclusionImport:
    file = ContentFile(content.encode(), name="../../meibo.csv")
    job = queue_exclusions(workspace, file, make_user(workspace), reason="一括", expires_at=None)
    ExclusionImport.objects.filter(pk=job.pk).update(created_at=NOW, **fields)
    job.refresh_from_db()
    return job


def again(job: ExclusionImport) -> ExclusionImport:
    job.refresh_from_db()
    return job


def test_a_file_is_taken_once_and_deleted(workspace: Workspace, media: Path) -> None:
    job = queue(workspace, "a@example.jp,\nexample.com,理由\nA@example.jp\n誤り\n")
    assert run_exclusions(job.pk, now=NOW)
    assert not run_exclusions(job.pk, now=NOW)
    again(job)
    assert (job.state, job.rows_done, job.rows_new, job.rows_repeated, job.rows_refused) == ("done", 4, 2, 1, 1)
    assert (job.filename, job.finished_at, job.refused[0][:2]) == ("meibo.csv", NOW, [4, "誤り"])
    assert set(Exclusion.objects.values_list("value", "reason", "created_by")) == {
        ("a@example.jp", "一括", job.created_by_id),
        ("example.com", "理由", job.created_by_id),
    }
    told = AuditEntry.objects.get()
    assert (told.action, told.target, told.detail) == ("exclusion.import", "meibo.csv", {"rows": 2, "rejected": 1})
    assert not job.file
    assert [path for path in media.rglob("*") if path.is_file()] == []


def test_a_file_that_cannot_be_read_leaves_the_list_alone(workspace: Workspace) -> None:
    job = queue(workspace, 'a@example.jp\n"b@example.jp\n')
    assert run_exclusions(job.pk, now=NOW)
    assert again(job).state == ExclusionImportState.FAILED
    assert not job.file
    assert "引用符" in job.message
    assert not Exclusion.objects.exists()


def test_a_file_that_is_gone_is_told(workspace: Workspace) -> None:
    job = queue(workspace, "a@example.jp\n")
    Path(job.file.path).unlink()
    assert run_exclusions(job.pk, now=NOW)
    assert "もう一度アップロード" in again(job).message


def test_whoever_uploaded_it_may_be_gone(workspace: Workspace) -> None:
    job = queue(workspace, "a@example.jp\n", created_by=None)
    assert run_exclusions(job.pk, now=NOW)
    assert Exclusion.objects.get().created_by is None


def test_the_tick_asks_for_a_file_once_in_a_while(workspace: Workspace) -> None:
    job, other = queue(workspace, "a@example.jp\n"), queue(None, "b@example.jp\n")
    assert list(take_exclusion_hints(NOW)) == [job.pk, other.pk]
    assert list(take_exclusion_hints(NOW + HINT_FOR / 2)) == []
    run_exclusions(other.pk, now=NOW)
    assert list(take_exclusion_hints(NOW + HINT_FOR * 2)) == [job.pk]


def test_a_file_whose_process_died_is_read_again_and_given_up_in_the_end(workspace: Workspace) -> None:
    job = queue(workspace, "a@example.jp\n", state="running", attempt=1, heartbeat_at=NOW)
    assert requeue_dead_exclusions(NOW + DEAD_AFTER) == 0
    assert requeue_dead_exclusions(NOW + DEAD_AFTER * 2) == 1
    assert again(job).state == ExclusionImportState.QUEUED
    ExclusionImport.objects.update(state="running", attempt=MAX_ATTEMPTS)
    assert requeue_dead_exclusions(NOW + DEAD_AFTER * 2) == 0
    assert again(job).state == ExclusionImportState.FAILED
    assert "何も登録していません" in job.message


def test_a_process_that_was_taken_for_dead_writes_nothing(workspace: Workspace) -> None:
    job = queue(workspace, "\n".join(f"a{number}@example.jp" for number in range(5001)), state="running", attempt=1)
    reading = read(job, now=NOW)
    assert again(job).rows_done == 5000
    ExclusionImport.objects.update(attempt=2)
    with pytest.raises(ClaimLost):
        read(job, now=NOW)
    with pytest.raises(ClaimLost):
        write(job, reading, now=NOW)
    assert not Exclusion.objects.exists()
    assert not AuditEntry.objects.exists()


def test_refused_lines_forget_who_was_erased_f4(workspace: Workspace) -> None:
    job = queue(workspace, "taro@example.jp,,2020-01-01\nhanako@example.jp,,2020-01-01\n")
    run_exclusions(job.pk, now=NOW)
    ErasedAddress.objects.create(workspace=workspace, digest=digest_of(workspace.pk, "taro@example.jp"), at=NOW)
    sweep_texts(workspace)
    assert [line[:2] for line in again(job).refused] == [[1, "(消去済み)"], [2, "hanako@example.jp"]]


def test_after_a_week_nothing_of_a_file_is_known(workspace: Workspace, media: Path) -> None:
    queue(workspace, "a@example.jp\n", state="running")
    forget_old_imports(NOW + KEEP)
    assert ExclusionImport.objects.exists()
    forget_old_imports(NOW + KEEP + timedelta(seconds=1))
    assert not ExclusionImport.objects.exists()
    assert [path for path in media.rglob("*") if path.is_file()] == []

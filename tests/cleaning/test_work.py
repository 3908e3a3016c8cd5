"""The working files: who sees them, and that they go."""

import errno
import os
import stat
from pathlib import Path

import pytest
from django.core.files.base import ContentFile

from accounts.models import User, Workspace
from cleaning.errors import CleaningGone
from cleaning.intake import begin
from cleaning.results import clean_pieces
from cleaning.running import is_waiting
from cleaning.work import KEEP, Report, all_cleanings, create_folder, delete_old, own_cleanings
from tests.cleaning.clock import NOW
from tests.cleaning.conftest import Cleaner

pytestmark = pytest.mark.django_db
BEGAN = NOW.timestamp()


def test_files_go_within_the_hour_a11(judge_file: Cleaner, data_dir: Path) -> None:
    judge_file("email\na@example.jp\n")
    assert delete_old(now=BEGAN + KEEP - 1) == 0
    assert delete_old(now=BEGAN + KEEP) == 1
    assert list(data_dir.iterdir()) == []


@pytest.mark.parametrize("text", ["", '{"workspace": 1', "[]", '{"workspace": 1, "of_another_version": 2}'])
def test_a_damaged_folder_is_nobodys_and_goes_too(begin_file: Cleaner, data_dir: Path, text: str) -> None:
    damaged, other = begin_file("email\na@example.jp\n"), begin_file("email\na@example.jp\n")
    (damaged.folder / "about.json").write_text(text)
    os.utime(damaged.folder, (BEGAN, BEGAN))
    with pytest.raises(CleaningGone):
        damaged.about()
    assert {cleaning: about is None for cleaning, about in all_cleanings()} == {damaged: True, other: False}
    assert delete_old(now=BEGAN + KEEP - 1) == 0
    assert delete_old(now=BEGAN + KEEP) == 2
    assert list(data_dir.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"masks": [], "samples": {}}', '{"masks": {}, "samples": {}, "x": 1}']
)
def test_a_damaged_report_is_made_anew(begin_file: Cleaner, text: str) -> None:
    cleaning = begin_file("email\na@example.jp\n")
    (cleaning.folder / "report.json").write_text(text)
    assert cleaning.report() is None
    assert is_waiting(cleaning, cleaning.about())


def test_a_full_disk_leaves_nothing(workspace: Workspace, cleaner: User, data_dir: Path) -> None:
    class Full(ContentFile[bytes]):
        def chunks(self, chunk_size=None):
            yield b"email\n"
            assert [about and about.workspace for _cleaning, about in all_cleanings()] == [workspace.pk]
            raise OSError(errno.ENOSPC, "no room")

    with pytest.raises(OSError, match="no room"):
        begin(workspace, Full(b"email\na@example.jp\n", name="meibo.csv"), cleaner, now=BEGAN)
    assert list(data_dir.iterdir()) == []


def test_an_upload_that_never_ended_goes_too(data_dir: Path) -> None:
    cleaning = create_folder()
    (cleaning.folder / "upload").write_bytes(b"half")
    os.utime(cleaning.folder, (BEGAN, BEGAN))
    assert [about for _cleaning, about in all_cleanings()] == [None]
    assert delete_old(now=BEGAN + KEEP) == 1
    assert list(data_dir.iterdir()) == []


def test_what_a_deletion_left_is_swept_up(judge_file: Cleaner, data_dir: Path) -> None:
    cleaning = judge_file("email\na@example.jp\n")
    cleaning.folder.rename(data_dir / ".left")
    delete_old(now=BEGAN)
    assert list(data_dir.iterdir()) == []


def test_without_a_folder_there_is_nothing_to_do(data_dir: Path) -> None:
    assert delete_old(now=BEGAN) == 0
    assert not data_dir.exists()


def test_only_this_installation_reads_the_files(judge_file: Cleaner, data_dir: Path) -> None:
    cleaning = judge_file("email\na@example.jp\n")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (data_dir, cleaning.folder)] == [0o700, 0o700]
    assert stat.S_IMODE(cleaning.upload.stat().st_mode) == 0o600


def test_the_newest_comes_first(judge_file: Cleaner, workspace, cleaner) -> None:
    first, second = judge_file("email\na@example.jp\n"), judge_file("email\na@example.jp\n")
    about = second.about()
    about.began += 1
    second.write_about(about)
    assert [cleaning for cleaning, _about in own_cleanings(workspace, cleaner)] == [second, first]


def test_a_report_comes_back_as_it_was_written(begin_file: Cleaner) -> None:
    cleaning = begin_file("email\na@example.jp\n")
    assert cleaning.report() is None
    report = Report(rows=3, masks={0: 1, 5: 2}, samples={"typo": [(2, "a", "b")]})
    cleaning.write_report(report)
    assert cleaning.report() == report


def test_a_download_under_way_outlives_its_folder(judge_file: Cleaner) -> None:
    cleaning = judge_file("email\na@example.jp\n")
    pieces = clean_pieces(cleaning, cleaning.about(), [])
    cleaning.delete()
    # The open file is read to its end.
    assert b"".join(pieces) == b"email\na@example.jp\n"

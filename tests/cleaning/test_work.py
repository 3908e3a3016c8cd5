"""The working files: who sees them, and that they go."""

import os
import stat
from pathlib import Path

import pytest

from cleaning.results import clean_pieces
from cleaning.work import (
    CLEAN,
    EXCLUDED,
    KEEP,
    KEEP_FETCHED,
    Cleaning,
    Report,
    all_cleanings,
    create_folder,
    delete_old,
    own_cleanings,
)
from tests.cleaning.clock import NOW
from tests.cleaning.conftest import Cleaner

pytestmark = pytest.mark.django_db
BEGAN = NOW.timestamp()


def fetch(cleaning: Cleaning, which: str, at: float) -> None:
    cleaning.note_fetched(which)
    os.utime(cleaning.folder / f"{which}.fetched", (at, at))


def test_files_go_within_the_hour_a11(judge_file: Cleaner, data_dir: Path) -> None:
    judge_file("email\na@example.jp\n")
    assert delete_old(now=BEGAN + KEEP - 1) == 0
    assert delete_old(now=BEGAN + KEEP) == 1
    assert list(data_dir.iterdir()) == []


def test_files_go_soon_after_both_results_were_fetched(judge_file: Cleaner, data_dir: Path) -> None:
    cleaning = judge_file("email\na@example.jp\nbroken\n")
    fetch(cleaning, CLEAN, BEGAN + 10)
    assert delete_old(now=BEGAN + 10 + KEEP_FETCHED) == 0
    fetch(cleaning, EXCLUDED, BEGAN + 60)
    assert delete_old(now=BEGAN + 59 + KEEP_FETCHED) == 0
    assert delete_old(now=BEGAN + 60 + KEEP_FETCHED) == 1


def test_where_nothing_was_taken_out_one_result_is_all(judge_file: Cleaner) -> None:
    cleaning = judge_file("email\na@example.jp\n")
    fetch(cleaning, CLEAN, BEGAN + 10)
    assert delete_old(now=BEGAN + 10 + KEEP_FETCHED) == 1


def test_a_late_download_does_not_prolong_the_hour(judge_file: Cleaner) -> None:
    cleaning = judge_file("email\na@example.jp\n")
    fetch(cleaning, CLEAN, BEGAN + KEEP - 1)
    assert cleaning.ends_at(cleaning.about(), cleaning.report()) == BEGAN + KEEP


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


def test_a_download_that_ended_is_noted_once_deleted_too(judge_file: Cleaner) -> None:
    cleaning = judge_file("email\na@example.jp\n")
    pieces = clean_pieces(cleaning, cleaning.about(), [])
    assert next(pieces)
    cleaning.delete()
    # The open file is read to its end, and nothing is made anew.
    assert list(pieces)
    cleaning.note_fetched(CLEAN)
    assert not cleaning.folder.exists()

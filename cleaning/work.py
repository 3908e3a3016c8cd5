"""The working files of a cleaning: one folder for each, seen by whoever began it, deleted within the hour.

Nothing of a cleaning is in the database. `about.json` is written by the pages and says what was chosen,
`report.json` by the task that judges; each file has one writer at a time and is replaced as a whole.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.base import File
from django.utils.translation import gettext as _

from accounts.models import User, Workspace
from cleaning.errors import CleaningGone, CleaningRefused
from lists.csv_reading import Format

# How long the files of a cleaning are kept, in seconds.
KEEP = 3600.0
# Cleanings that one workspace may have at a time: each may hold a file of UPLOAD_MAX_BYTES.
MOST_OPEN = 10
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(slots=True)
class About:
    """What was uploaded and chosen. `began` is in seconds since 1970; `column` < 0: not started yet."""

    workspace: int
    user: int
    filename: str
    began: float
    encoding: str
    separator: str
    has_header: bool
    sheet: str = ""
    sheets: list[str] = field(default_factory=list)
    rows: int = 0
    column: int = -1
    headers: list[str] = field(default_factory=list)
    asks_dns: bool = True

    @property
    def format(self) -> Format:
        """Return how the file is read."""
        return Format(self.encoding, self.separator, self.has_header, self.sheet)

    def is_started(self) -> bool:
        """Say whether the address column was chosen and the file waits to be judged, or was."""
        return self.column >= 0

    def ends_at(self) -> float:
        """Return when the files go, in seconds since 1970."""
        return self.began + KEEP


@dataclass(slots=True)
class Report:
    """How far the judging is, and what it found.

    `masks` has the number of rows for each set of flaws (cleaning.flaws), `samples` for each flaw a few of its rows:
    line, value, what is said about it.
    """

    rows: int = 0
    is_over: bool = False
    problem: str = ""
    attempts: int = 0
    masks: dict[int, int] = field(default_factory=dict)
    samples: dict[str, list[tuple[int, str, str]]] = field(default_factory=dict)
    carrier_dots: int = 0
    domains: int = 0
    domains_asked: int = 0
    domains_unknown: int = 0
    is_asking: bool = False
    is_dns_silent: bool = False
    finished: float = 0.0


@dataclass(frozen=True, slots=True)
class Cleaning:
    """One cleaning: its folder, whose name is the token of its pages."""

    folder: Path

    @property
    def token(self) -> str:
        """Return what its URLs are made of."""
        return self.folder.name

    @property
    def upload(self) -> Path:
        """Return the file that was uploaded."""
        return self.folder / "upload"

    @property
    def source(self) -> Path:
        """Return the file that the results are cut from: the upload, or the sheet of a workbook written as CSV."""
        sheet = self.folder / "sheet"
        return sheet if sheet.exists() else self.upload

    def about(self) -> About:
        """Return what was chosen; raises CleaningGone.

        What a loss of power damaged or another version wrote is of no use to anybody: the files go within the hour.
        """
        try:
            return About(**self._read("about.json"))
        except (ValueError, TypeError) as error:
            raise gone(self.token) from error

    def report(self) -> Report | None:
        """Return how far the judging is; raises CleaningGone.

        None: it has not begun, or is to begin anew, as nobody can read what it wrote.
        """
        try:
            values = self._read("report.json")
            # JSON has neither numbers as keys nor tuples.
            values["masks"] = {int(mask): number for mask, number in values["masks"].items()}
            values["samples"] = {flaw: [tuple(row) for row in rows] for flaw, rows in values["samples"].items()}
            return Report(**values)
        except CleaningGone:
            if self.folder.exists():
                return None
            raise
        except (ValueError, TypeError, LookupError, AttributeError):
            return None

    def write_about(self, about: About) -> None:
        """Keep what was chosen; raises CleaningGone."""
        self._write("about.json", asdict(about))

    def write_report(self, report: Report) -> None:
        """Tell how far the judging is; raises CleaningGone where the cleaning was deleted."""
        self._write("report.json", asdict(report))

    def _read(self, name: str) -> dict[str, Any]:
        try:
            return cast("dict[str, Any]", json.loads((self.folder / name).read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise gone(self.token) from error

    def _write(self, name: str, values: dict[str, Any]) -> None:
        part = self.folder / f"{name}.part"
        try:
            part.write_text(json.dumps(values), encoding="utf-8")
            # Whoever reads meanwhile sees the old file or the new one.
            part.replace(self.folder / name)
        except FileNotFoundError as error:
            raise gone(self.token) from error

    def delete(self) -> None:
        """Delete everything of the cleaning; a process that judges it ends by itself."""
        # Renamed first: nobody finds it any more, even where a file of it is written at this moment.
        away = self.folder.with_name(f".{self.token}.{secrets.token_hex(4)}")
        with suppress(FileNotFoundError):
            self.folder.rename(away)
            shutil.rmtree(away, ignore_errors=True)


def gone(token: str) -> CleaningGone:
    """Return the error for a cleaning that is not there any more."""
    return CleaningGone(_("ファイルはすでに削除されています。もう一度アップロードしてください。"), token)


def root() -> Path:
    """Return the folder of all cleanings."""
    return Path(settings.DATA_DIR) / "cleaning"


def create_folder() -> Cleaning:
    """Make an empty cleaning that only this process knows of."""
    root().mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = root() / secrets.token_urlsafe(32)
    folder.mkdir(mode=0o700)
    return Cleaning(folder)


def store(file: File[Any], target: Path) -> None:
    """Write an uploaded file; readable by this installation alone."""
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        for chunk in file.chunks():
            out.write(chunk)


def find_by_token(token: str) -> Cleaning | None:
    """Return the cleaning with a token, whoever began it; None where there is none."""
    cleaning = Cleaning(root() / token) if TOKEN.fullmatch(token) else None
    return cleaning if cleaning and cleaning.folder.is_dir() else None


def take_hint(cleaning: Cleaning, *, now: float, every: float) -> bool:
    """Say whether the task of a cleaning is to be asked for now: not again within `every` seconds."""
    path = cleaning.folder / "hinted"
    with suppress(FileNotFoundError):
        if path.exists() and path.stat().st_mtime > now - every:
            return False
        path.touch()
        os.utime(path, (now, now))
        return True
    return False


def find_cleaning(token: str, workspace: Workspace, user: User) -> tuple[Cleaning, About]:
    """Return the cleaning that a person began in a workspace; raises CleaningGone for everybody and everything else."""
    cleaning = find_by_token(token)
    if cleaning is None:
        raise gone(token)
    about = cleaning.about()
    if (about.workspace, about.user) != (workspace.pk, user.pk):
        raise gone(token)
    return cleaning, about


def all_cleanings() -> Iterator[tuple[Cleaning, About | None]]:
    """Yield every cleaning there is; one that is being deleted at this moment, or is damaged, has no About."""
    try:
        names = sorted(entry.name for entry in os.scandir(root()) if TOKEN.fullmatch(entry.name))
    except FileNotFoundError:
        return
    for name in names:
        cleaning = Cleaning(root() / name)
        about = None
        with suppress(CleaningGone):
            about = cleaning.about()
        yield cleaning, about


def own_cleanings(workspace: Workspace, user: User) -> list[tuple[Cleaning, About]]:
    """Return the cleanings of a person, the newest first."""
    own = [
        (cleaning, about)
        for cleaning, about in all_cleanings()
        if about and (about.workspace, about.user) == (workspace.pk, user.pk)
    ]
    return sorted(own, key=lambda pair: -pair[1].began)


def require_room(workspace: Workspace) -> None:
    """Refuse one more cleaning where the workspace has many; raises CleaningRefused."""
    own = sum(about is not None and about.workspace == workspace.pk for _cleaning, about in all_cleanings())
    if own >= MOST_OPEN:
        raise CleaningRefused(
            _("同時に%d個までしか調べられません。終わったものを削除してから、もう一度お試しください。") % MOST_OPEN
        )


def delete_old(*, now: float) -> int:
    """Delete the cleanings whose time is over at `now` (seconds since 1970); return how many."""
    deleted = 0
    for cleaning, about in all_cleanings():
        with suppress(FileNotFoundError):
            if (about.ends_at() if about else cleaning.folder.stat().st_mtime + KEEP) <= now:
                cleaning.delete()
                deleted += 1
    # What an interrupted deletion left, or a process that was just writing into it.
    for left in root().glob(".*"):
        shutil.rmtree(left, ignore_errors=True)
    return deleted


def open_file(cleaning: Cleaning, path: Path) -> BinaryIO:
    """Open a file of the cleaning to read it; raises CleaningGone."""
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise gone(cleaning.token) from error

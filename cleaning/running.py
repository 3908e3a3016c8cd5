"""Judges a whole file: reads it once, asks the database and the DNS, and writes what was found beside it."""

from __future__ import annotations

import codecs
import csv
import fcntl
import json
import logging
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO
from itertools import islice
from typing import BinaryIO, TextIO

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.models import Workspace
from cleaning.cutting import RowsAt, exact_encoding, make_finder
from cleaning.domains import look_up
from cleaning.errors import CleaningError, CleaningGone, CleaningRefused
from cleaning.facts import find_facts
from cleaning.flaws import BITS, Flaw, mask_of
from cleaning.judging import Judge, Judged, add_facts, value_of
from cleaning.work import About, Cleaning, Report, gone, open_file
from lists.csv_reading import Row
from lists.csv_writing import guard_cell
from lists.exceptions import ListsError
from lists.table_files import read_table
from mta.mx import MxResolver

logger = logging.getLogger(__name__)

# Rows that are judged together: their addresses go into one question to the database.
PIECE = 1000
# Answers of the DNS between two words about how far it is.
ANSWERS_TOLD = 20
SAMPLES = 5
SAMPLE_LENGTH = 200
# A file whose process dies every time is given up.
MAX_ATTEMPTS = 3


@dataclass(slots=True)
class Findings:
    """What is kept of each row: where it begins, its line, its flaws, its domain as a number."""

    offsets: array[int] = field(default_factory=lambda: array("Q"))
    lines: array[int] = field(default_factory=lambda: array("I"))
    masks: array[int] = field(default_factory=lambda: array("H"))
    domains: array[int] = field(default_factory=lambda: array("I"))
    # Domain → its number; 0 is for rows without an address.
    numbers: dict[str, int] = field(default_factory=dict)

    def add(self, row: Judged, offset: int) -> None:
        """Take the next row."""
        self.offsets.append(offset)
        self.lines.append(row.line)
        self.masks.append(mask_of(row.flaws))
        self.domains.append(self.numbers.setdefault(row.domain, len(self.numbers) + 1) if row.domain else 0)

    def count_domains(self) -> dict[str, int]:
        """Return how many rows each domain has."""
        counts = array("I", bytes(4 * (len(self.numbers) + 1)))
        for number in self.domains:
            counts[number] += 1
        return {domain: counts[number] for domain, number in self.numbers.items()}

    def mark_missing(self, missing: set[str]) -> list[int]:
        """Note the rows whose domain takes no mail; return the first of them."""
        numbers = {self.numbers[domain] for domain in missing}
        marked: list[int] = []
        for row, number in enumerate(self.domains):
            if number in numbers:
                self.masks[row] |= BITS[Flaw.NO_DOMAIN]
                marked += [row] if len(marked) < SAMPLES else []
        return marked


def run_cleaning(cleaning: Cleaning, *, resolver: MxResolver, now: datetime) -> bool:
    """Judge a file that was started; False where there is nothing to do, or another process does it.

    A file that cannot be judged ends with a sentence in the report; one that was deleted meanwhile ends nowhere.
    Any other error is raised, and the file is judged anew, MAX_ATTEMPTS times at most.
    """
    try:
        with lock(cleaning) as is_mine:
            return is_mine and judge_file(cleaning, resolver=resolver, now=now)
    except (CleaningGone, FileNotFoundError):
        if cleaning.folder.exists():
            raise
        logger.info("a cleaning was deleted while it ran")
        return False


@contextmanager
def lock(cleaning: Cleaning) -> Iterator[bool]:
    """Hold the cleaning while it is judged; the lock goes with the process that held it."""
    try:
        file = (cleaning.folder / "lock").open("wb")
    except FileNotFoundError as error:
        raise gone(cleaning.token) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def is_waiting(cleaning: Cleaning, about: About) -> bool:
    """Say whether the file is to be judged: it was started, is not over and nobody is at it."""
    if not about.is_started():
        return False
    with suppress(CleaningGone), lock(cleaning) as is_free:
        report = cleaning.report()
        return is_free and not (report and report.is_over)
    return False


def judge_file(cleaning: Cleaning, *, resolver: MxResolver, now: datetime) -> bool:
    """Judge the file that one holds the lock of."""
    about, before = cleaning.about(), cleaning.report()
    if not about.is_started() or (before and before.is_over):
        return False
    report = Report(attempts=(before.attempts if before else 0) + 1)
    cleaning.write_report(report)
    try:
        if report.attempts > MAX_ATTEMPTS:
            raise CleaningRefused(_("処理が何度も中断されたため、中止しました。ファイルを分けてお試しください。"))
        Run(cleaning, about, report).judge(resolver, now=now)
    except CleaningGone:
        raise
    except (CleaningError, ListsError) as error:
        report.problem = error.sentence
    report.is_over, report.is_asking, report.finished = True, False, now.timestamp()
    cleaning.write_report(report)
    # Neither the file's name nor an address: nothing of a cleaning is kept anywhere.
    logger.info("a cleaning is done: %d rows, workspace %d", report.rows, about.workspace)
    return True


@dataclass(slots=True)
class Run:
    """One pass over a file."""

    cleaning: Cleaning
    about: About
    report: Report
    found: Findings = field(default_factory=Findings)

    def judge(self, resolver: MxResolver, *, now: datetime) -> None:
        """Read, ask and write; raises CleaningError and ListsError."""
        workspace = Workspace.objects.get(pk=self.about.workspace)
        with workspace.in_zone():
            self.read_all(workspace, now=now)
        if self.about.asks_dns:
            self.ask_dns(resolver)
        self.write()

    def read_all(self, workspace: Workspace, *, now: datetime) -> None:
        """Judge each row by itself and by what the database knows."""
        about = self.about
        judge = Judge(about.column, about.headers if about.has_header else [])
        with (
            open_rows(self.cleaning, about) as rows,
            (self.cleaning.folder / "details").open("w", encoding="utf-8") as details,
        ):
            while piece := list(islice(rows, PIECE)):
                judged = [judge.read(row) for row, _offset in piece]
                add_facts(judged, find_facts(workspace, {row.key for row in judged if row.key}, now=now))
                for row, (_row, offset) in zip(judged, piece, strict=True):
                    self.take(row, offset, details)
                require_size(len(self.found.masks))
                self.report.rows = len(self.found.masks)
                self.cleaning.write_report(self.report)
        self.found.offsets.append(self.cleaning.source.stat().st_size)

    def take(self, row: Judged, offset: int, details: TextIO) -> None:
        """Keep what was found about a row."""
        number = len(self.found.masks)
        self.found.add(row, offset)
        mask = self.found.masks[number]
        self.report.masks[mask] = self.report.masks.get(mask, 0) + 1
        self.report.carrier_dots += row.has_carrier_dots
        if row.flaws:
            details.write(json.dumps([number, row.flaws]) + "\n")
        for flaw, detail in row.flaws.items():
            self.add_sample(flaw, row.line, row.value, detail)

    def add_sample(self, flaw: Flaw, line: int, value: str, detail: str) -> None:
        """Keep the first few rows of each flaw for the page."""
        samples = self.report.samples.setdefault(flaw.value, [])
        if len(samples) < SAMPLES:
            samples.append((line, value[:SAMPLE_LENGTH], detail[:SAMPLE_LENGTH]))

    def ask_dns(self, resolver: MxResolver) -> None:
        """Find the domains that take no mail, and their rows."""
        report, counts = self.report, self.found.count_domains()
        report.is_asking, report.domains = True, len(counts)

        def tell(asked: int, _total: int) -> None:
            report.domains_asked = asked
            if asked % ANSWERS_TOLD == 0:
                self.cleaning.write_report(report)

        self.cleaning.write_report(report)
        answers = look_up(counts, resolver, tell=tell)
        report.domains_asked, report.domains_unknown = answers.asked, len(answers.unknown)
        report.is_dns_silent = answers.is_silent()
        first = self.found.mark_missing(answers.missing)
        report.masks = count_masks(self.found.masks)
        with open_file(self.cleaning, self.cleaning.source) as file:
            encoding = exact_encoding(file, self.about.encoding)
            rows = RowsAt(file, self.found.offsets, encoding, self.about.separator)
            for number in first:
                value = value_of(rows.read(number), self.about.column)
                self.add_sample(Flaw.NO_DOMAIN, self.found.lines[number], value, "")

    def write(self) -> None:
        """Write where the rows begin, their lines, and what their flaws are."""
        found = self.found
        for name, values in (("offsets", found.offsets), ("lines", found.lines), ("masks", found.masks)):
            (self.cleaning.folder / name).write_bytes(values.tobytes())


def require_size(rows: int) -> None:
    """Refuse a file with too many rows; raises CleaningRefused."""
    if rows > settings.CLEANING_MAX_ROWS:
        raise CleaningRefused(
            _("一度に調べられるのは%d行までです。ファイルを分けてお試しください。") % settings.CLEANING_MAX_ROWS
        )


@contextmanager
def open_rows(cleaning: Cleaning, about: About) -> Iterator[Iterator[tuple[Row, int]]]:
    """Give the rows below the header with the offsets at which they begin in the file the results are cut from."""
    with open_file(cleaning, cleaning.upload) as file:
        rows = read_table(file, about.format)
        if about.sheet:
            with (cleaning.folder / "sheet").open("wb") as sheet:
                yield write_sheet(rows, sheet, has_header=about.has_header)
            return
        if about.has_header:
            next(rows, None)
        with open_file(cleaning, cleaning.upload) as beside:
            find_offset = make_finder(beside, about.encoding)
            yield ((row, find_offset(row.line)) for row in rows)


def write_sheet(rows: Iterator[Row], target: BinaryIO, *, has_header: bool) -> Iterator[tuple[Row, int]]:
    """Write the rows of a workbook as CSV in UTF-8 with BOM; yield those below the header with their offsets.

    What is text in a workbook must not be a formula in the CSV.
    """
    target.write(codecs.BOM_UTF8)
    buffer = StringIO(newline="")
    writer = csv.writer(buffer)
    for number, row in enumerate(rows):
        offset = target.tell()
        writer.writerow([guard_cell(cell) for cell in row.cells] or [""])
        target.write(buffer.getvalue().encode("utf-8", "replace"))
        buffer.seek(0)
        buffer.truncate()
        if number or not has_header:
            yield row, offset


def count_masks(masks: array[int]) -> dict[int, int]:
    """Return how many rows have each set of flaws."""
    counts: dict[int, int] = {}
    for mask in masks:
        counts[mask] = counts.get(mask, 0) + 1
    return counts

"""Parts a judged file into what stays and what is taken out, as a person chose; both are streamed."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TypeVar

from django.utils.translation import gettext as _

from cleaning.cutting import RowsAt, copy_rows, exact_encoding, mark_length
from cleaning.flaws import Flaw, count_rows, flaws_of, mask_of
from cleaning.work import About, Cleaning, Report, gone, open_file

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Group:
    """The rows with one flaw: how many, whether they are taken out, and a few of them (line, value, detail)."""

    flaw: Flaw
    number: int
    is_chosen: bool
    samples: Sequence[tuple[int, str, str]]


@dataclass(frozen=True, slots=True)
class Split:
    """How a file is parted."""

    total: int
    excluded: int
    groups: Sequence[Group]

    @property
    def kept(self) -> int:
        """Return how many rows stay."""
        return self.total - self.excluded


def split_rows(report: Report, chosen: Collection[Flaw]) -> Split:
    """Return what stays and what goes where the rows with one of the chosen flaws are taken out."""
    groups = [
        Group(flaw, count_rows(report.masks, [flaw]), flaw in chosen, report.samples.get(flaw.value, []))
        for flaw in Flaw
    ]
    return Split(report.rows, count_rows(report.masks, chosen), groups)


def read_array(cleaning: Cleaning, name: str, kind: str) -> array[int]:
    """Return what the judging wrote for each row; raises CleaningGone."""
    values: array[int] = array(kind)
    try:
        values.frombytes((cleaning.folder / name).read_bytes())
    except FileNotFoundError as error:
        raise gone(cleaning.token) from error
    return values


def clean_pieces(cleaning: Cleaning, about: About, chosen: Collection[Flaw]) -> Iterator[bytes]:
    """Yield the bytes of the file without the rows that are taken out; those that stay are as they were.

    Raises CleaningGone at once where the files are gone.
    """
    return _begin(_clean_pieces(cleaning, about, chosen))


def _begin(pieces: Iterator[T]) -> Iterator[T]:
    """Read the first piece now: what it raises can still be told, which it cannot within a download under way."""
    return chain(list(islice(pieces, 1)), pieces)


def _clean_pieces(cleaning: Cleaning, about: About, chosen: Collection[Flaw]) -> Iterator[bytes]:
    masks, wanted = read_array(cleaning, "masks", "H"), mask_of(chosen)
    offsets = read_array(cleaning, "offsets", "Q")
    with open_file(cleaning, cleaning.source) as file:
        mark = mark_length(file, about.encoding)
        yield from copy_rows(file, offsets, lambda row: not masks[row] & wanted, mark=mark)


def excluded_rows(cleaning: Cleaning, about: About, chosen: Collection[Flaw]) -> Iterator[Sequence[object]]:
    """Yield the header and the rows that are taken out, each with its line, the reasons and the suggestion.

    Raises CleaningGone at once where the files are gone.
    """
    return _begin(_excluded_rows(cleaning, about, chosen))


def _excluded_rows(cleaning: Cleaning, about: About, chosen: Collection[Flaw]) -> Iterator[Sequence[object]]:
    masks, wanted = read_array(cleaning, "masks", "H"), mask_of(chosen)
    lines, offsets = read_array(cleaning, "lines", "I"), read_array(cleaning, "offsets", "Q")
    find_details = make_details(cleaning)
    with open_file(cleaning, cleaning.source) as file:
        yield [_("行"), _("理由"), _("理由の詳細"), _("正しいと思われるアドレス"), *about.headers]
        rows = RowsAt(file, offsets, exact_encoding(file, about.encoding), about.separator)
        for number, mask in enumerate(masks):
            if mask & wanted:
                yield [lines[number], *describe_flaws(mask, find_details(number)), *rows.read(number)]


def describe_flaws(mask: int, details: dict[str, str]) -> tuple[str, str, str]:
    """Return the reasons of a row, what is said about them, and the address that was meant."""
    flaws = flaws_of(mask)
    said = [details[flaw] for flaw in flaws if flaw != Flaw.TYPO and details.get(flaw)]
    return "、".join(str(flaw.label) for flaw in flaws), "、".join(said), details.get(Flaw.TYPO, "")


def make_details(cleaning: Cleaning) -> Callable[[int], dict[str, str]]:
    """Return a function from a row's number to what is said about its flaws; to be asked in rising order."""
    lines = read_details(cleaning)
    at, details = next(lines, (-1, {}))

    def find(number: int) -> dict[str, str]:
        nonlocal at, details
        while 0 <= at < number:
            at, details = next(lines, (-1, {}))
        return details if at == number else {}

    return find


def read_details(cleaning: Cleaning) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the numbers of the rows with flaws and what is said about each flaw."""
    with open_file(cleaning, cleaning.folder / "details") as file:
        for line in file:
            number, details = json.loads(line)
            yield number, details

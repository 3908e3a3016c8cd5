"""Writes a ZIP whose bytes leave while its members are being made."""

from collections.abc import Iterable, Iterator
from typing import IO, cast
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from django.utils import timezone

# A member of twice as many bytes needs ZIP64, which not every program reads in a ZIP that was streamed.
MEMBER_BYTES = 1 << 30
# The fastest; the slower levels take three times as long for a tenth less.
LEVEL = 1


class _Outlet:
    """What ZipFile writes into: it cannot go back, and keeps nothing that was taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Keep bytes until they are taken."""
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: there is nothing behind."""

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def stream_zip(members: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
    """Yield the bytes of a ZIP (APPNOTE 6.3, sizes behind the data) with members of these names and contents.

    A member may have up to MEMBER_BYTES; RuntimeError is raised for one with more than 2 GiB.
    """
    outlet = _Outlet()
    now = timezone.localtime().timetuple()[:6]
    with ZipFile(cast(IO[bytes], outlet), "w", ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for name, pieces in members:
            info = ZipInfo(name, now)
            info.compress_type = ZIP_DEFLATED
            # An argument of `writestr` alone, which takes a whole member.
            info._compresslevel = LEVEL  # type: ignore[attr-defined]
            with archive.open(info, "w") as member:
                for piece in pieces:
                    member.write(piece)
                    if ready := outlet.take():
                        yield ready
    yield outlet.take()

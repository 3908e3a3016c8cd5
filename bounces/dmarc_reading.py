"""Reads DMARC aggregate reports (RFC 9990; of older reporters RFC 7489 appendix C): who sent mail in the name of a domain.

Anybody can write such a report, so what is read here decides nothing: it is shown.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from ipaddress import ip_address
from typing import Final
from xml.parsers import expat

from bounces.mime_reading import (
    MAX_BYTES,
    Budget,
    Part,
    UnreadableNotice,
    decode_base64,
    normalise,
    read_part,
    top_level_parts,
)

# A report of a day of a large sender has a few thousand rows; a file that unpacks to more than this is none.
MAX_XML: Final = 20 * 1024 * 1024
MAX_ROWS: Final = 5000
MAX_DEPTH: Final = 20
MAX_TEXT: Final = 1000
MAX_COUNT: Final = 10**9
DISPOSITIONS: Final = ("none", "quarantine", "reject")
# 2000 and 2100, in seconds: a reporter whose clock is elsewhere tells nothing.
TIMES: Final = range(946_684_800, 4_102_444_800)


@dataclass(frozen=True, slots=True)
class SourceRow:
    """Mails from one address: how many, what the receiver did, and whether DKIM and SPF passed in alignment."""

    source_ip: str
    messages: int
    disposition: str
    dkim: bool
    spf: bool
    header_from: str


@dataclass(frozen=True, slots=True)
class AggregateReport:
    """A report on a domain. `policy` is p= as the reporter saw it; rows beyond MAX_ROWS are left out."""

    reporter: str
    report_id: str
    domain: str
    policy: str
    begins: datetime
    ends: datetime
    rows: tuple[SourceRow, ...]


def read_dmarc_report(content: bytes) -> AggregateReport | None:
    """Return the report in a mail, None where it holds none that can be read. `content` is the mail as it came in."""
    # Attachments are base64, which does not mind that line ends are made LF.
    whole = read_part(normalise(content))
    try:
        for part in top_level_parts(whole, Budget()):
            if (xml := unpack_xml(decode(part))) and (report := read_xml(xml)):
                return report
    except UnreadableNotice:
        return None
    return None


def decode(part: Part) -> bytes:
    """Return the whole body of a part without its transfer encoding."""
    if part.header("content-transfer-encoding").lower() == "base64":
        return decode_base64(part.body[:MAX_BYTES])
    return part.body[:MAX_BYTES]


def unpack_xml(data: bytes) -> bytes:
    """Return the XML in a gzip file, a zip file or as it is; empty where there is none, or more than MAX_XML."""
    try:
        if data.startswith(b"\x1f\x8b"):
            unpacked = zlib.decompressobj(wbits=31).decompress(data, MAX_XML + 1)
        elif data.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(BytesIO(data)) as archive:
                names = [name for name in archive.namelist()[:10] if name.lower().endswith(".xml")]
                unpacked = archive.open(names[0]).read(MAX_XML + 1) if names else b""
        else:
            unpacked = data if data.lstrip(b"\xef\xbb\xbf \n\t").startswith((b"<?xml", b"<feedback")) else b""
    except (zlib.error, zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError):
        return b""
    return unpacked if len(unpacked) <= MAX_XML else b""


class _RefusedError(Exception):
    """The file is no report that we read."""


@dataclass(slots=True)
class _Reader:
    """Collects what a report says; a document type, which could define entities, ends the reading."""

    path: list[str] = field(default_factory=list)
    text: str = ""
    values: dict[str, str] = field(default_factory=dict)
    record: dict[str, str] = field(default_factory=dict)
    rows: list[SourceRow] = field(default_factory=list)

    def start(self, name: str, _attributes: Mapping[str, str]) -> None:
        self.path.append(name.rpartition(":")[2])
        self.text = ""
        if len(self.path) > MAX_DEPTH:
            raise _RefusedError

    def data(self, text: str) -> None:
        self.text = (self.text + text)[:MAX_TEXT]

    def end(self, _name: str) -> None:
        place = "/".join(self.path[1:])
        if place.startswith("record/"):
            self.record.setdefault(place.removeprefix("record/"), self.text.strip())
        elif place == "record":
            if len(self.rows) < MAX_ROWS and (row := make_row(self.record)):
                self.rows.append(row)
            self.record = {}
        else:
            self.values.setdefault(place, self.text.strip())
        self.path.pop()
        self.text = ""

    def refuse(self, *_told: object) -> None:
        raise _RefusedError


def read_xml(xml: bytes) -> AggregateReport | None:
    """Return what a report's XML says, None where it is none."""
    reader, parser = _Reader(), expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.buffer_text = True
    try:
        parser.Parse(xml, True)
    except (expat.ExpatError, _RefusedError, ValueError, LookupError):
        return None
    return make_report(reader.values, tuple(reader.rows))


def make_report(values: Mapping[str, str], rows: tuple[SourceRow, ...]) -> AggregateReport | None:
    """Return the report, None where it lacks what names it."""
    begins = read_time(values.get("report_metadata/date_range/begin", ""))
    ends = read_time(values.get("report_metadata/date_range/end", ""))
    domain = clean(values.get("policy_published/domain", "")).lower().rstrip(".")
    report_id = clean(values.get("report_metadata/report_id", ""))
    if begins is None or ends is None or ends < begins or not domain or not report_id or not rows:
        return None
    reporter = clean(values.get("report_metadata/org_name", "")) or clean(values.get("report_metadata/email", ""))
    policy = values.get("policy_published/p", "").lower()
    return AggregateReport(
        reporter=reporter[:200],
        report_id=report_id[:200],
        domain=domain[:253],
        policy=policy if policy in DISPOSITIONS else "",
        begins=begins,
        ends=ends,
        rows=rows,
    )


def make_row(record: Mapping[str, str]) -> SourceRow | None:
    """Return a row of a report, None where its address or number cannot be read."""
    count = record.get("row/count", "")
    disposition = record.get("row/policy_evaluated/disposition", "").lower()
    try:
        address = str(ip_address(record.get("row/source_ip", "")))
    except ValueError:
        return None
    if not (count.isascii() and count.isdecimal() and 0 < int(count[:12]) <= MAX_COUNT):
        return None
    return SourceRow(
        source_ip=address,
        messages=int(count[:12]),
        disposition=disposition if disposition in DISPOSITIONS else "none",
        dkim=record.get("row/policy_evaluated/dkim", "").lower() == "pass",
        spf=record.get("row/policy_evaluated/spf", "").lower() == "pass",
        header_from=clean(record.get("identifiers/header_from", "")).lower()[:253],
    )


def read_time(text: str) -> datetime | None:
    """Return a time given in seconds since 1970, None where it is none."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 12 and int(text) in TIMES):
        return None
    return datetime.fromtimestamp(int(text), UTC)


def clean(text: str) -> str:
    """Return a text on one line, without control characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())

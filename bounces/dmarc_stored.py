"""What DMARC makes of our mail by stored checks alone: the published policy, and whether SPF aligns (RFC 9989, C26)."""

from __future__ import annotations

from collections.abc import Mapping

from senders.alignment import align
from senders.dmarc import Discovery, discover
from senders.dns import Absent, Answer, Found, RecordType
from senders.domain_names import guess_zone
from senders.models import DnsCheck


class StoredRecords:
    """Answers from records that checks found, one a line, and says of everything else that there is none."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    def find_txt(self, name: str) -> Answer:
        """Return the TXT records of a name."""
        return self.find(name, RecordType.TXT)

    def find(self, name: str, kind: RecordType) -> Answer:
        """Return the records of a name."""
        records = tuple(self.texts.get(name, "").splitlines()) if kind is RecordType.TXT else ()
        return Found(records) if records else Absent(exists=True)


def stored_records(author: str, check: DnsCheck | None) -> StoredRecords:
    """Return the DMARC records that a check of the author's domain found; `check` is None where there was none."""
    # Where the check proposes nothing, the record of the parent speaks for the domain.
    place = author if check is None or check.expected else guess_zone(author)
    return StoredRecords({f"_dmarc.{place}": check.found if check else ""})


def read_published(author: str, check: DnsCheck | None) -> Discovery:
    """Return the policy that holds for mail from a domain."""
    return discover(author, stored_records(author, check))


def is_spf_aligned(author: str, check: DnsCheck | None, *, mail_from: str) -> bool:
    """Say whether what SPF proves of the domain of MAIL FROM counts for the author's domain."""
    records = stored_records(author, check)
    return align(discover(author, records), mail_from=mail_from, dkim_domains=[], resolver=records).spf is True

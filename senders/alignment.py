"""Says whether what a mail proves belongs to the domain in its From line (RFC 9989 section 4.4)."""

from collections.abc import Sequence
from dataclasses import dataclass

from senders.dmarc import Discovery, discover
from senders.dns import Resolver


@dataclass(frozen=True, slots=True)
class Alignment:
    """Whether SPF's and DKIM's domains align with the author domain; None = the DNS could not be asked."""

    spf: bool | None
    dkim: bool | None

    def passes(self) -> bool | None:
        """Say whether mail can pass DMARC by at least one of both; None where that is not known."""
        if self.spf or self.dkim:
            return True
        return None if self.spf is None or self.dkim is None else False


def align(found: Discovery, *, mail_from: str, dkim_domains: Sequence[str], resolver: Resolver) -> Alignment:
    """Return what aligns with the author domain of a discovery.

    `mail_from` is the domain of the envelope sender, `dkim_domains` the d= of the signatures. Without a record both are
    relaxed, as for receivers that look all the same.
    """
    strict_spf = bool(found.record and found.record.is_strict_spf)
    strict_dkim = bool(found.record and found.record.is_strict_dkim)
    dkim = {is_aligned(found, domain, resolver, is_strict=strict_dkim) for domain in dkim_domains}
    return Alignment(
        spf=is_aligned(found, mail_from, resolver, is_strict=strict_spf),
        # One that aligns is enough.
        dkim=next((answer for answer in (True, None) if answer in dkim), False),
    )


def is_aligned(found: Discovery, domain: str, resolver: Resolver, *, is_strict: bool) -> bool | None:
    """Say whether a domain aligns with the author domain; None where the DNS could not be asked."""
    if domain == found.author:
        return True
    if is_strict or not domain:
        return False
    other = discover(domain, resolver)
    if other.organizational_domain == found.organizational_domain:
        return True
    return None if other.could_not_ask or found.could_not_ask else False

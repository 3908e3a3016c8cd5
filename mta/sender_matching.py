"""The match rule of routes: which From addresses a setting means (E16)."""

import re
import unicodedata

from mta.addresses import AddressError, ascii_domain

# Comma or line; people also type the commas of Japanese texts.
_SEPARATORS = re.compile(r"[,、\n\r]+")


def split_entries(setting: str) -> list[str]:
    """Return the entries of a setting: domains and addresses in lower case, as people typed them otherwise.

    Full-width letters, commas and spaces are mended; a dot or @ before a domain and a dot behind it are dropped.
    """
    text = unicodedata.normalize("NFKC", setting).replace("。", ".").lower()
    entries = (part.strip() for part in _SEPARATORS.split(text))
    return [entry for entry in map(_tidy, entries) if entry]


def is_entry(entry: str) -> bool:
    """Say whether an entry of `split_entries` is a domain of at least two labels, or an address at one."""
    read = _read(entry)
    return read is not None and "." in read.rpartition("@")[2]


def matches(setting: str, address: str) -> bool:
    """Say whether a From address is meant by a setting.

    A domain means itself and its subdomains at a dot, an entry with @ that address alone (E16). What is no domain
    and no address means nobody, and so does an empty setting (E1).
    """
    sender = _read(unicodedata.normalize("NFKC", address).strip().lower())
    if sender is None or "@" not in sender:
        return False
    domain = sender.rpartition("@")[2]
    entries = [read for entry in split_entries(setting) if (read := _read(entry))]
    return any(entry in (sender, domain) or ("@" not in entry and domain.endswith(f".{entry}")) for entry in entries)


def _tidy(entry: str) -> str:
    return entry.removeprefix("@").removeprefix(".").removesuffix(".")


def _read(entry: str) -> str | None:
    """Return an entry in the form in which it is compared, its domain in ASCII; None where it is neither."""
    local, at, domain = entry.rpartition("@")
    if bool(at) != bool(local) or any(character.isspace() for character in local):
        return None
    try:
        return f"{local}{at}{ascii_domain(domain).lower()}"
    except AddressError:
        return None

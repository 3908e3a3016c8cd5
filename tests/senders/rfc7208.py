"""The test suite of RFC 7208 as Debian's golang-blitiri-go-spf-dev ships it: one YAML document a scenario."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from senders.dns import Absent, Answer, CouldNotAsk, Found, RecordType

SUITE = Path("/usr/share/gocode/src/blitiri.com.ar/go/spf/testdata/rfc7208-tests.yml")
CHAIN_LIMIT = 8


@dataclass(frozen=True)
class SuiteCase:
    """One case. `results` are those that are right, `explanation` is None where it does not matter."""

    name: str
    host: str
    mailfrom: str
    helo: str
    results: tuple[str, ...]
    explanation: str | None
    zone: "SuiteZone"


@dataclass
class SuiteZone:
    """The records of a scenario, as a resolver. Names are compared in lower case."""

    records: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)

    def find_txt(self, name: str) -> Answer:
        return self.find(name, RecordType.TXT)

    def find(self, name: str, kind: RecordType) -> Answer:
        name = name.lower()
        for _step in range(CHAIN_LIMIT):
            here = self.records.get(name, {})
            if values := here.get(kind):
                return Found(tuple(as_value(kind, value) for value in values))
            if "CNAMELOOP" in here or name in self.silent:
                return CouldNotAsk("on purpose")
            if "CNAME" not in here:
                return Absent(exists=bool(here))
            name = here["CNAME"][0].lower().removesuffix(".")
        return CouldNotAsk("loop")


def as_value(kind: RecordType, value: Any) -> str:
    """Return a record as our resolver would."""
    if kind is RecordType.TXT:
        return "".join(value) if isinstance(value, list) else str(value)
    if kind is RecordType.MX:
        return f"{value[0]} {value[1].lower().removesuffix('.') or '.'}"
    return str(value).lower().removesuffix(".")


def read_zone(zonedata: dict[str, list[Any]]) -> SuiteZone:
    """Return the zone of a scenario.

    A record of the type SPF, which nobody asks for any more, stands for a TXT record where the name has none; "TXT:
    NONE" keeps it from that. "TIMEOUT" silences all types that are not listed.
    """
    zone = SuiteZone()
    for name, entries in zonedata.items():
        here = zone.records.setdefault(name.lower(), {})
        for entry in entries:
            if entry == "TIMEOUT" or "TIMEOUT" in entry:
                zone.silent.add(name.lower())
                continue
            for kind, value in entry.items():
                here.setdefault(kind, []).append(value)
        spf = here.pop("SPF", [])
        here.setdefault("TXT", spf)
        here["TXT"] = [value for value in here["TXT"] if value != "NONE"]
    return zone


def read_suite() -> Iterator[SuiteCase]:
    """Return the cases of the suite. Its "skip" are wishes of the package that ships it, not of the suite."""
    for scenario in yaml.safe_load_all(SUITE.read_text(encoding="utf-8")):
        zone = read_zone(scenario["zonedata"])
        for name, case in scenario["tests"].items():
            result = case["result"]
            yield SuiteCase(
                name=name,
                host=str(case["host"]),
                mailfrom=case["mailfrom"],
                helo=case["helo"],
                results=tuple(result) if isinstance(result, list) else (result,),
                explanation=case.get("explanation"),
                zone=zone,
            )

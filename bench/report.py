"""The medians of the send benchmark, its ratios, and both as a table for people."""

import os
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Figures = dict[str, Any]
GOALS = {
    "signed/limit postgresql": 0.80,
    "signed/limit of all cores postgresql": 0.80,
    "signed/plain postgresql": 20.0,
    "unsigned/source postgresql": 1.0,
}


def summarise(rounds: Sequence[Mapping[str, Figures]], extras: Mapping[str, Figures]) -> dict[str, Any]:
    """Return the medians of all rounds and the ratios, each by the clock and by CPU time."""
    rows = {name: median([one[name] for one in rounds]) for name in rounds[0]}
    ratios = [find_ratios(one) for one in rounds]
    return {
        "rows": rows,
        "ratios": {
            name: {way: round(statistics.median(one[name][way] for one in ratios), 3) for way in ("by_clock", "by_cpu")}
            for name in ratios[0]
        },
        "extras": dict(extras),
        "rounds": len(rounds),
    }


def median(rows: Sequence[Figures]) -> Figures:
    """Return the median of each figure."""
    found: Figures = {}
    for name, value in rows[0].items():
        if isinstance(value, dict):
            found[name] = median([row[name] for row in rows])
        else:
            found[name] = round(statistics.median(row.get(name, 0.0) for row in rows), 4)
    return found


def find_ratios(rows: Mapping[str, Figures]) -> dict[str, dict[str, float]]:
    """Return the ratios of one round: its rows were measured close to each other."""
    cores = os.cpu_count() or 1
    found: dict[str, dict[str, float]] = {}
    for name, row in rows.items():
        way, _space, kind = name.partition(" ")
        rate, cpu = row.get("messages_per_second", 0.0), row["cpu_ms_per_message"]
        if way == "signed":
            plain = rows["plain"]
            found[f"signed/plain {kind}"] = {
                "by_clock": rate / plain["messages_per_second"],
                "by_cpu": plain["cpu_ms_per_message"] / cpu,
            }
        if "source" not in rows:
            continue
        source = rows["source"]
        if way == "signed":
            for rsa, limit in (("rsa", "limit"), ("rsa, all cores", "limit of all cores")):
                least = rows[rsa]["cpu_ms_per_message"] + source["cpu_ms_per_message"]
                found[f"signed/{limit} {kind}"] = {"by_clock": rate / (1000 * cores / least), "by_cpu": least / cpu}
        if way == "unsigned":
            found[f"unsigned/source {kind}"] = {
                "by_clock": rate / source["messages_per_second"],
                "by_cpu": source["cpu_ms_per_message"] / cpu,
            }
    return found


def as_table(found: Mapping[str, Any]) -> str:
    """Return the figures as lines for people."""
    lines = [f"{found['extras']['machine']['name']}; medians of {found['rounds']} rounds", ""]
    lines += [f"{'':42}{'messages/s':>11}{'CPU ms/message':>16}   by process"]
    shown = found["rows"] | {name: row for name, row in found["extras"].items() if "messages_per_second" in row}
    lines += [row_line(name, row) for name, row in shown.items()]
    lines += ["", f"{'':42}{'by clock':>11}{'by CPU time':>16}{'goal':>8}"]
    for name, ratio in found["ratios"].items():
        goal = f"{GOALS[name]:8.2f}" if name in GOALS else ""
        lines.append(f"{name:42}{ratio['by_clock']:>11.2f}{ratio['by_cpu']:>16.2f}{goal}")
    lines.append("")
    for worker in found["extras"]["memory"]["workers"]:
        lines.append(f"worker: peak RSS {worker['peak_rss_mb']} MB, proportional share {worker['pss_mb']} MB")
    return "\n".join(lines)


def row_line(name: str, row: Figures) -> str:
    """Return one line of the table."""
    rate = row.get("messages_per_second", "")
    roles = ", ".join(f"{role} {used:.3f}" for role, used in row.get("cpu_ms_by_role", {}).items() if used)
    return f"{name:42}{rate:>11}{row['cpu_ms_per_message']:>16.3f}   {roles}"

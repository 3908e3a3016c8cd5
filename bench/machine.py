"""What a machine gives and what processes use: CPU and memory from /proc, the speed of an RSA signature."""

import os
import re
import subprocess
from collections import defaultdict
from pathlib import Path

# Of each process: whose work it is, by a word of its command line. The first that fits.
ROLES = {
    "postgres": "database",
    "smtp-sink": "sink",
    "sink.py": "sink",
    "delay.py": "proxy",
    "celery": "workers",
    "valkey-server": "valkey",
    "redis-server": "valkey",
    "scenario.py": "controller",
}
TICKS = os.sysconf("SC_CLK_TCK")


def processes() -> dict[int, str]:
    """Return the role of each process below this one."""
    found: dict[int, str] = {}
    waiting = [os.getpid()]
    while waiting:
        pid = waiting.pop()
        try:
            for thread in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (thread / "children").read_text().split())
            words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[pid] = next((role for word, role in ROLES.items() if word in words), "bench")
    return found


def cpu_seconds() -> dict[str, float]:
    """Return what the processes below this one used so far, with the children they waited for, by role."""
    used: dict[str, float] = defaultdict(float)
    for pid, role in processes().items():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        # utime, stime, cutime and cstime of proc(5), counted behind the name.
        used[role] += sum(map(int, fields[11:15])) / TICKS
    return used


def worker_memory() -> list[dict[str, float]]:
    """Return the peak of resident memory and the present proportional share of each sending process, in MB."""
    rows = []
    for pid, role in processes().items():
        if role != "workers" or not is_pool_child(pid):
            continue
        peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
        share = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
        if peak and share:
            rows.append({"peak_rss_mb": round(int(peak[1]) / 1024, 1), "pss_mb": round(int(share[1]) / 1024, 1)})
    return rows


def is_pool_child(pid: int) -> bool:
    """Say whether a worker process is one that sends: its parent is a worker too, and it has no children."""
    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    has_children = any((task / "children").read_text() for task in Path(f"/proc/{pid}/task").iterdir())
    return processes().get(parent) == "workers" and not has_children


def rsa_seconds(cores: int = 1) -> float:
    """Return the CPU seconds of one RSA-2048 signature by OpenSSL while so many cores sign."""
    together = ["-multi", str(cores)] if cores > 1 else []
    told = subprocess.run(
        ["openssl", "speed", "-seconds", "2", *together, "rsa2048"],  # noqa: S607
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        text=True,
        timeout=60,
    ).stdout
    found = re.search(r"rsa\s+2048 bits\s+([\d.]+)s", told)
    if found is None:
        raise RuntimeError("openssl speed said nothing of rsa 2048")
    # With several cores it tells the time between two signatures of all of them together.
    return float(found[1]) * cores


def describe() -> str:
    """Return the processor and its cores, in one line."""
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return f"{model[1].strip() if model else 'unknown processor'}, {os.cpu_count()} cores"

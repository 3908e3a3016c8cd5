"""Asks OpenDKIM's `opendkim-testmsg`, a verifier in C, about signed mails; keys come by a real DNS server.

The program asks the machine's resolver on port 53, so it runs in network and mount namespaces of its own (`unshare`),
where a server on loopback has that port and /etc/resolv.conf names it. Nothing of the machine is changed.
"""

import base64
import fcntl
import json
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache

from dnslib import QTYPE, RCODE, RR, TXT, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer

PROGRAM = shutil.which("opendkim-testmsg", path="/usr/sbin:/usr/bin")
ALONE = ("unshare", "--map-root-user", "--mount", "--net")
# linux/sockios.h and linux/if.h.
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


@cache
def why_not() -> str:
    """Return why the program cannot be asked on this machine, or nothing."""
    if PROGRAM is None:
        return "opendkim-testmsg (Debian's opendkim-tools) is not installed"
    if shutil.which("unshare") is None or subprocess.run([*ALONE, "true"], capture_output=True).returncode:
        return "no namespaces of its own for opendkim-testmsg on this machine"
    return ""


def find_faults(messages: Sequence[bytes], records: Mapping[str, str]) -> list[str]:
    """Return what the program says against each message, "" where it accepts it; `records` are TXT values by name."""
    task = {"messages": [base64.b64encode(message).decode() for message in messages], "records": dict(records)}
    done = subprocess.run(
        [*ALONE, sys.executable, "-m", "tests.mta.opendkim"],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    faults: list[str] = json.loads(done.stdout)
    return faults


class Records(BaseResolver):  # type: ignore[misc]
    """Answers with the TXT records of a mapping."""

    def __init__(self, records: Mapping[str, str]) -> None:
        self.records = records

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        reply = request.reply()
        value = self.records.get(str(request.q.qname).removesuffix("."))
        if value is None:
            reply.header.rcode = RCODE.NXDOMAIN
        elif request.q.qtype == QTYPE.TXT:
            strings = [value[at : at + 255].encode() for at in range(0, len(value), 255)]
            reply.add_answer(RR(request.q.qname, QTYPE.TXT, rdata=TXT(strings), ttl=60))
        return reply


def judge(messages: Sequence[bytes], records: Mapping[str, str]) -> list[str]:
    """Run inside the namespaces: serve the records on port 53 and ask about each message."""
    with socket.socket() as loopback:
        fcntl.ioctl(loopback, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as resolv:
        resolv.write("nameserver 127.0.0.1\noptions timeout:2 attempts:1\n")
        resolv.flush()
        subprocess.run(["/bin/mount", "--bind", resolv.name, "/etc/resolv.conf"], check=True)
        quiet = DNSLogger(log="-recv,-send,-request,-reply,-truncated,-error,-data", logf=lambda line: None)
        for tcp in (False, True):
            # A daemon thread: it ends with the process.
            DNSServer(Records(records), "127.0.0.1", 53, tcp=tcp, logger=quiet).start_thread()
        return [ask(message) for message in messages]


def ask(message: bytes) -> str:
    """Return what the program says against one message."""
    assert PROGRAM is not None
    done = subprocess.run([PROGRAM], input=message, capture_output=True, timeout=20)
    said = (done.stderr + done.stdout).decode(errors="replace").strip()
    return said or ("" if done.returncode == 0 else f"exit {done.returncode}")


if __name__ == "__main__":
    task = json.load(sys.stdin)
    json.dump(judge([base64.b64decode(text) for text in task["messages"]], task["records"]), sys.stdout)

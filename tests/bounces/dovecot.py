"""A real Dovecot on loopback: IMAP and POP3, with and without TLS, with a state directory of its own."""

from __future__ import annotations

import base64
import grp
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hypermail.valkey import find_free_port

PASSWORD = 'ひみつ pass-1 "quoted"'  # noqa: S105
# No two messages have the same file name, whichever mailbox they are in.
NUMBERS = itertools.count()
MISSING = "Dovecotがありません(dovecot-imapdとdovecot-pop3dを入れると動きます)"

CONFIG = """
protocols = imap pop3
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
instance_name = hypermail-tests-{port}
ssl = yes
ssl_cert = <{pem}
ssl_key = <{pem}
disable_plaintext_auth = no
auth_mechanisms = plain
default_internal_user = {user}
default_login_user = {login}
default_internal_group = {group}
first_valid_uid = 0
first_valid_gid = 0
mail_location = maildir:{folder}/mail/%u
mail_plugins = acl quota
passdb {{
  driver = static
  args = password={{PLAIN.b64}}{password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
  prefix = {prefix}
  separator = .
}}
protocol imap {{
  mail_plugins = acl quota imap_quota
  {imap}
}}
plugin {{
  acl = vfile
  quota = maildir:User quota
  quota_rule = *:bytes={quota}
}}
mail_max_userip_connections = 100
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3_port}
  }}
  inet_listener pop3s {{
    port = {pop3s_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
auth_failure_delay = 0
service stats {{
  chroot =
}}
"""


def find_dovecot() -> str | None:
    """Return the program, or None where it is not installed."""
    return shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@dataclass(frozen=True, slots=True)
class Dovecot:
    """A running server. Every user name is a mailbox of its own; all have the same password."""

    folder: Path
    prefix: str
    imap: int
    imaps: int
    pop3: int
    pop3s: int

    def add_user(self, name: str) -> Path:
        """Make an empty mailbox and return its folder."""
        home = self.folder / "mail" / name
        for path in (home, *(home / part for part in ("cur", "new", "tmp"))):
            path.mkdir()
            path.chmod(0o777)
        return home

    def put(self, name: str, *messages: bytes) -> None:
        """Deliver messages into a mailbox."""
        new = self.folder / "mail" / name / "new"
        for message, number in zip(messages, NUMBERS, strict=False):
            (new / f"{1_700_000_000 + number}.M{number:06d}P1.test").write_bytes(message.replace(b"\r\n", b"\n"))

    def count(self, name: str, folder: str = "") -> int:
        """Return how many messages are in a folder of a mailbox, by looking at the disk."""
        home = self.folder / "mail" / name
        home = home / f".{folder}" if folder else home
        return sum(len(list((home / part).iterdir())) for part in ("cur", "new") if (home / part).exists())


def wait_for(server: Dovecot) -> None:
    """Return when the server answers."""
    end = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(("127.0.0.1", server.imap), 5) as connection:
                assert connection.recv(100).startswith(b"* OK")
                return
        except OSError:
            assert time.monotonic() < end, (server.folder / "start.log").read_text()
            time.sleep(0.05)


@contextmanager
def run_dovecot(folder: Path, pem: Path, *, prefix: str = "", imap: str = "", quota: int = 0) -> Iterator[Dovecot]:
    """Run a server in `folder`; `prefix` begins its folder names, `imap` are more settings of the protocol."""
    me = pwd.getpwuid(os.getuid())
    # Dovecot opens no mailbox as root.
    owner = pwd.getpwnam("nobody") if me.pw_uid == 0 else me
    ports = [find_free_port() for _ in range(4)]
    server = Dovecot(folder, prefix, *ports)
    (folder / "mail").mkdir()
    values = {
        "folder": folder,
        "pem": pem,
        "password": base64.b64encode(PASSWORD.encode()).decode(),
        # As root Dovecot insists on users without rights for those parts that strangers talk to.
        "user": "dovecot" if me.pw_uid == 0 else me.pw_name,
        "login": "dovenull" if me.pw_uid == 0 else me.pw_name,
        "group": "dovecot" if me.pw_uid == 0 else grp.getgrgid(me.pw_gid).gr_name,
        "uid": owner.pw_uid,
        "gid": owner.pw_gid,
        "prefix": prefix,
        "imap": imap,
        "quota": quota,
        "port": ports[0],
    }
    names = dict(zip(("imap_port", "imaps_port", "pop3_port", "pop3s_port"), ports, strict=True))
    config = folder / "dovecot.conf"
    config.write_text(CONFIG.format(**values, **names))
    program = find_dovecot()
    assert program
    with (folder / "start.log").open("wb") as log:
        process = subprocess.Popen([program, "-F", "-c", str(config)], stdout=log, stderr=log)
    try:
        wait_for(server)
        yield server
    finally:
        process.terminate()
        process.wait(10)

"""Stands between the supervisor and one program, so that nothing outlives the supervisor.

Run by path in a bare interpreter: `python -I -S guardian.py FD PROGRAM [ARGUMENT …]`. FD is the read end of
a pipe whose other end only the supervisor holds: when the supervisor dies, however it dies, the pipe ends.
Then, and also when the program itself ends, every process that came from the program is killed, including
workers that it forked and daemons that left its session. Needs Linux (prctl, /proc) and nothing but the
standard library.
"""

import ctypes
import os
import select
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def guard(lifeline: int, command: list[str]) -> int:
    """Run `command` until it ends or the lifeline does; return the exit code for a shell."""
    libc = ctypes.CDLL(None, use_errno=True)
    # Orphans of the program become our children instead of init's, so that we can find and kill them.
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wakeups = listen_for_signals()
    program = start(libc, lifeline, command)
    while True:
        readable = select.select([lifeline, wakeups], [], [])[0]
        if lifeline in readable:
            kill_descendants()
            return 128 + signal.SIGKILL
        for number in os.read(wakeups, 512):
            if number != signal.SIGCHLD:
                os.kill(program, number)
        code = reap(program)
        if code is not None:
            kill_descendants()
            return code


def listen_for_signals() -> int:
    """Turn the signals we handle into bytes on a pipe and return its read end."""
    wakeups, alarm = os.pipe()
    os.set_blocking(alarm, False)
    signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
    for number in (*FORWARDED, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return wakeups


def start(libc: ctypes.CDLL, lifeline: int, command: list[str]) -> int:
    """Start the program and return its process id."""
    guardian = os.getpid()
    program = os.fork()
    if program:
        return program
    # The guardian has one thread, so this fires when the guardian dies and at no other time.
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != guardian:
        os._exit(1)
    os.close(lifeline)
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(127)


def reap(program: int) -> int | None:
    """Collect every child that has ended; return the program's exit code if it is among them."""
    code = None
    try:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == program:
                code = os.waitstatus_to_exitcode(ended[1])
    except ChildProcessError:
        pass
    return code if code is None or code >= 0 else 128 - code


def kill_descendants() -> None:
    """Kill all children, then the orphans that we inherit from them, until none is left."""
    while True:
        for pid in find_children():
            os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def find_children() -> list[int]:
    """Return our direct children, as /proc tells them."""
    me = str(os.getpid())
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The second field is the name in parentheses and may contain anything.
            parent = stat.read_text(errors="replace").rpartition(")")[2].split()[1]
        except OSError:
            continue
        if parent == me:
            children.append(int(stat.parent.name))
    return children


if __name__ == "__main__":
    sys.exit(guard(int(sys.argv[1]), sys.argv[2:]))

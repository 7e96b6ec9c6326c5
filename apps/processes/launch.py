"""Become another program that does not outlive the process that started it.

Run as a script by `apps.processes.spawning.spawn`: the setup between fork and exec runs here, in a
fresh single-threaded interpreter, because running Python in a forked copy of a threaded process can
deadlock. What is forked from a process without threads takes `end_with_parent` alone.

    launch.py PARENT_PID SIGNAL DROP_ROOT PROGRAM [ARGUMENT…]

SIGNAL is sent by the kernel to PROGRAM when the *thread* that started it ends; `0`: the kernel does
not watch. DROP_ROOT is `1` to run PROGRAM in a user namespace where it is an ordinary user:
PostgreSQL refuses to be root. Both need Linux, and nothing else here does. The process id stays the
same throughout.
"""

import ctypes
import os
import signal
import sys
from typing import NoReturn

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
INNER_ID = 1000  # any id but 0: who we are inside the user namespace


def fail(message: str) -> NoReturn:
    sys.stderr.write(f"launch: {message}\n")
    raise SystemExit(97)


def drop_root(libc: ctypes.CDLL) -> None:
    """Enter a user namespace in which this user is INNER_ID; files keep their outer owner."""
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER) != 0:
        reason = os.strerror(ctypes.get_errno())
        fail(f"no user namespace for a server that refuses to run as root ({reason})")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{INNER_ID} {uid} 1"),
        ("gid_map", f"{INNER_ID} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def end_with_parent(signum: int) -> None:
    """Let the kernel send this process a signal when the thread that started it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signum)


def main(arguments: list[str]) -> NoReturn:
    parent, death_signal, unprivileged, *command = arguments
    if unprivileged == "1":
        drop_root(ctypes.CDLL(None, use_errno=True))
    if death_signal != "0":
        # After drop_root: a change of credentials clears the setting.
        end_with_parent(int(death_signal))
    if os.getppid() != int(parent):
        fail("the starting process is gone already")
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    try:
        os.execv(command[0], command)  # noqa: S606
    except OSError as error:
        fail(f"cannot run {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])

"""Services that are forked from a process in which the platform is loaded already.

To load it costs each of our programs two to three seconds of a processor and 100 MB of memory. The
fork server of `multiprocessing` loads it once (`PRELOADED`); what it forks shares that memory. On
Linux only: elsewhere libraries of the system do not survive a fork, and services are spawned.
Django is imported in forks alone.
"""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from apps.processes.launch import end_with_parent
from apps.processes.spawning import LINUX, spawn

PRELOADED = "campus.preloaded"


def start_fork_server() -> None:
    """It loads while we go on. A Ctrl-C in the terminal is for us alone."""
    if not LINUX:
        return
    forkserver.set_forkserver_preload([PRELOADED])
    heeded = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, heeded)


class Forked:
    """As much of a `subprocess.Popen` as a supervisor needs."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], cwd: Path | None) -> None:
        context = multiprocessing.get_context("forkserver")
        self.stdout, theirs = context.Pipe(duplex=False)
        with theirs:
            self._process = context.Process(
                target=become, args=(list(command[1:]), dict(env), str(cwd or Path.cwd()), theirs)
            )
            self._process.start()
        self.pid = int(self._process.pid or 0)

    def poll(self) -> int | None:
        return self._process.exitcode

    def terminate(self) -> None:
        self._process.terminate()

    def wait(self) -> int:
        self._process.join()
        return int(self._process.exitcode or 0)


def fork(
    command: Sequence[str], *, env: Mapping[str, str], cwd: Path | None
) -> "Forked | subprocess.Popen[bytes]":
    """Run `PYTHON -m MODULE …`, with its output in a pipe; anything else is spawned, and so is
    this where there is no fork server, or no more."""
    if LINUX and list(command[:2]) == [sys.executable, "-m"]:
        try:
            return Forked(command, env=env, cwd=cwd)
        except (OSError, EOFError):
            pass
    return spawn(command, output=subprocess.PIPE, env=env, cwd=cwd)


def become(arguments: list[str], env: dict[str, str], cwd: str, output: Connection) -> None:
    """In the fork: go on as `PYTHON arguments`, in a session of its own like what is spawned."""
    os.setsid()
    end_with_parent(signal.SIGTERM)
    _let_fork_server_end()
    for number in (1, 2):
        os.dup2(output.fileno(), number)
    output.close()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    _read_settings_anew()
    multiprocessing.set_start_method("fork", force=True)  # Granian's workers share the memory too
    sys.argv = arguments[1:]
    runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)


def _let_fork_server_end() -> None:
    """With its starter: it lives on until all who hold this descriptor have ended or closed it.

    Each fork gets it, and keeps it until the kernel watches: none is left behind in between.
    """
    server: Any = forkserver._forkserver
    os.close(server._forkserver_alive_fd)


def _read_settings_anew() -> None:
    """They depend on the environment."""
    from django.conf import settings
    from django.utils.functional import empty

    for name in [name for name in sys.modules if name.startswith("campus.settings")]:
        del sys.modules[name]
    lazy: Any = settings
    lazy._wrapped = empty

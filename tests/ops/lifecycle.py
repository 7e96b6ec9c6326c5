"""An operator: a machine, a browser, and the commands of the guides."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import requests

from apps.ops.bringup import answers
from apps.processes.spawning import wait_until
from tests.ops.running import ROOT, Script, environment, running
from tests.totp import totp_code

COMMAND_SECONDS = 240
READY_SECONDS = 180
KEYS = ("SECRET_KEY", "CAMPUS_MASTER_KEY", "BACKUP_KEY")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Machine:
    """One machine with a checkout: its folder, and what its operator has in the environment."""

    def __init__(self, var: Path, **env: str) -> None:
        self.var, self.port = var, free_port()
        settings = {"DJANGO_SETTINGS_MODULE": "campus.settings.dev", "SECRET_KEY": ""}
        self.env = environment(CAMPUS_VAR=str(var), **{**settings, **env})
        self._starts = 0

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def manage(self, *arguments: str, fails: bool = False, typed: str = "", **env: str) -> str:
        """The output of a command that succeeds (or, with `fails`, does not)."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**self.env, **env},
            input=typed,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) is fails, said
        return said

    @contextmanager
    def up(self, *arguments: str, **env: str) -> Iterator[Script]:
        """`manage.py up` until it is ready; afterwards Ctrl-C, with which it has to end well."""
        self._starts += 1
        log = self.var.with_name(f"{self.var.name}-{self._starts}.log")
        command = ("manage.py", "up", "--port", str(self.port), *arguments)
        with running(*command, log=log, env={**self.env, **env}) as script:
            services_only = "--services-only" in arguments

            def ready() -> bool:
                if script.process.poll() is not None:
                    return True
                wanted = "Ready." if services_only else "Campus is ready at"
                return any(wanted in line for line in script.lines)

            assert wait_until(ready, timeout=READY_SECONDS), "\n".join(script.lines)
            assert script.process.poll() is None, "\n".join(script.lines)
            assert services_only or answers(f"{self.url}/readyz")
            yield script
            script.process.send_signal(signal.SIGINT)
            assert script.process.wait(READY_SECONDS) == 0, "\n".join(script.lines[-40:])

    def keys(self) -> dict[str, str]:
        """What the guide says to keep elsewhere."""
        found: dict[str, str] = {}
        for name in ("secrets.json", "backup-key.json"):
            found |= json.loads((self.var / name).read_text())
        return {name: found[name] for name in KEYS}

    def destroy(self) -> None:
        shutil.rmtree(self.var)


class _Fields(HTMLParser):
    """What a browser would send of the forms of a page, unchanged."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self._choosing = ""
        self._writing = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        name = has.get("name") or ""
        if tag == "input" and name and "disabled" not in has:
            kind = has.get("type", "text")
            boxes = kind in ("checkbox", "radio")
            if kind not in ("submit", "file", "button") and (not boxes or "checked" in has):
                self._add(name, has.get("value") or ("on" if boxes else ""))
        elif tag == "select":
            self._choosing = name
        elif tag == "option" and "selected" in has and self._choosing:
            self._add(self._choosing, has.get("value") or "")
        elif tag == "textarea":
            self._writing = name
            self._add(name, "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._choosing = ""
        elif tag == "textarea":
            self._writing = ""

    def handle_data(self, data: str) -> None:
        if self._writing:
            self.found[self._writing][-1] += data.lstrip("\n")

    def _add(self, name: str, value: str) -> None:
        self.found.setdefault(name, []).append(value)


class Browser:
    """One person's browser at one machine."""

    def __init__(self, machine: Machine) -> None:
        self.url = machine.url
        self.session = requests.Session()

    def get(self, path: str) -> str:
        answer = self.session.get(self._address(path), timeout=60)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:2000]}"
        return answer.text

    def send(self, path: str, **changes: Any) -> requests.Response:
        """The form at that address as it stands, with these changes (None: not sent)."""
        fields = _Fields(self.get(path)).found
        for name, value in changes.items():
            fields.pop(name, None)
            if value is not None:
                fields[name] = value if isinstance(value, list) else [value]
        answer = self.session.post(
            self._address(path), data=fields, headers={"Referer": self._address(path)}, timeout=60
        )
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:2000]}"
        return answer

    def _address(self, path: str) -> str:
        return path if path.startswith("http") else f"{self.url}{path}"


def link_in(lines: list[str]) -> str:
    (link,) = set(re.findall(r"http://localhost:\d+/set-up/\S+", "\n".join(lines)))
    return str(link)


def totp_secret_of(page: str) -> str:
    """The key that is written beside the QR code, for authenticator apps without a camera."""
    (found,) = re.findall(r"\b((?:[A-Z2-7]{4} ){7}[A-Z2-7]{4})\b", page)
    return str(found).replace(" ", "")


def code_for(secret: str) -> str:
    return totp_code(secret)


def names_in(path: Path) -> set[str]:
    return {name for _folder, _folders, files in os.walk(path) for name in files}

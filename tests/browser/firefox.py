"""Firefox over Marionette, the protocol that it comes with: no driver has to be installed.

https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html: messages are JSON arrays,
each behind its length in bytes and a colon; commands are those of WebDriver.
"""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

FIREFOX = next((path for name in ("firefox-esr", "firefox") if (path := shutil.which(name))), None)
PATIENCE = 60.0  # seconds
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of a reference to an element
VISIBLE = "const [one] = arguments; return one.checkVisibility() && !one.disabled"


class FirefoxError(Exception):
    """What Firefox answered in the place of a result."""


class Firefox:
    """One window. Waits for what is asked for; raises `FirefoxError`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._read, self._commands = connection, b"", 0
        self._receive()  # its greeting
        self._command("WebDriver:NewSession", capabilities={})

    def goto(self, url: str) -> None:
        self._command("WebDriver:Navigate", url=url)

    @property
    def url(self) -> str:
        return str(self._command("WebDriver:GetCurrentURL"))

    def run(self, script: str, *arguments: Any) -> Any:
        return self._command("WebDriver:ExecuteScript", script=script, args=list(arguments))

    def fill(self, selector: str, text: str) -> None:
        self._command("WebDriver:ElementSendKeys", id=self._visible(selector), text=text)

    def click(self, selector: str) -> None:
        self._command("WebDriver:ElementClick", id=self._visible(selector))

    def wait_for(self, selector: str) -> str:
        """The text of the first such element, once it is visible."""
        return str(self._command("WebDriver:GetElementText", id=self._visible(selector)))

    def quit(self) -> None:
        with suppress(FirefoxError, OSError):
            self._command("Marionette:Quit", flags=["eForceQuit"])
        self._connection.close()

    def _visible(self, selector: str) -> str:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with suppress(FirefoxError):  # none yet, or one of the page before
                found = self._command(
                    "WebDriver:FindElements", using="css selector", value=selector
                )
                for one in found:
                    if self.run(VISIBLE, one):
                        return str(one[ELEMENT])
            time.sleep(0.1)
        shown = self.run("return document.body.innerText")
        raise AssertionError(f"no visible {selector} in {self.url}: {shown}")

    def _command(self, name: str, **parameters: Any) -> Any:
        self._commands += 1
        message = json.dumps([0, self._commands, name, parameters]).encode()
        self._connection.sendall(b"%d:%b" % (len(message), message))
        _type, _number, error, result = self._receive()
        if error is not None:
            raise FirefoxError(f"{name}: {error['message']}")
        return result["value"] if isinstance(result, dict) and "value" in result else result

    def _receive(self) -> Any:
        while b":" not in self._read:
            self._more()
        length, _colon, self._read = self._read.partition(b":")
        while len(self._read) < int(length):
            self._more()
        message, self._read = self._read[: int(length)], self._read[int(length) :]
        return json.loads(message)

    def _more(self) -> None:
        received = self._connection.recv(1 << 16)
        if not received:
            raise FirefoxError("it has gone")
        self._read += received


def _preferences(port: int, *, latitude: float, longitude: float, accuracy: float) -> str:
    place = {"location": {"lat": latitude, "lng": longitude}, "accuracy": accuracy}
    values = {
        "marionette.port": port,
        "geo.prompt.testing": True,
        "geo.prompt.testing.allow": True,
        "geo.provider.network.url": f"data:application/json,{json.dumps(place)}",
        "geo.provider.use_geoclue": False,
        "geo.provider.use_gpsd": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "app.normandy.enabled": False,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
    }
    lines = (
        f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in values.items()
    )
    return "\n".join(lines)


@contextmanager
def firefox(profile: Path, **place: float) -> Iterator[Firefox]:
    """A window of its own profile, which sees itself at this place (`latitude`, `longitude` in
    degrees, `accuracy` in metres)."""
    assert FIREFOX is not None
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    profile.mkdir()
    (profile / "user.js").write_text(_preferences(port, **place))
    command = [FIREFOX, "--headless", "--marionette", "--no-remote", "--profile", str(profile)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        window = Firefox(_connected(port, process))
        try:
            yield window
        finally:
            window.quit()
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _connected(port: int, process: "subprocess.Popen[bytes]") -> socket.socket:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError):
            return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        time.sleep(0.1)
    raise AssertionError(f"Firefox does not answer (exit status {process.poll()})")

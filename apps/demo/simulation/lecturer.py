"""The lecturer with the portal's API, and the projector that the class looks at."""

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from apps.demo.simulation.qr_reader import read_qr
from apps.demo.simulation.server import Client, SimulationError

POLL_S: Final = 1.0
FIRST_CODE_S: Final = 30.0


@dataclass(frozen=True, kw_only=True)
class Lecturer:
    client: Client

    def open_session(self, *, course: int, topic: str) -> int:
        """Ask for a start code and open the session with it; returns the session's id."""
        issued = self.client.need(
            self.client.post(f"courses/{course}/start-codes"), "Asking for a start code"
        )
        opened = self.client.need(
            self.client.post(
                "sessions/start",
                json={"course": course, "topic": topic, "start_code": issued["code"]},
            ),
            "Opening the session",
        )
        return int(opened["id"])

    def one_time_code(self, session: int, *, student: int) -> str:
        """The code that is told to somebody without a camera."""
        issued = self.client.need(
            self.client.post(f"sessions/{session}/one-time-code", json={"student": student}),
            "Asking for a one-time code",
        )
        return str(issued["code"])

    def accept_waiting(self, session: int, *, codes: Collection[str]) -> None:
        """Accept the check-ins that wait, of these student numbers, with one press."""
        waiting = self.client.need(self.client.get(f"sessions/{session}/waiting"), "Who waits")
        attempts = [row["attempt"] for row in waiting if row["code"] in codes]
        if attempts:
            body = {"attempts": attempts, "accept": True}
            self.client.need(
                self.client.post(f"sessions/{session}/waiting/decide", json=body), "Accepting"
            )

    def mark(self, session: int, *, student: int, status: str) -> None:
        body = {"student": student, "status": status, "reason": "Phone forgotten"}
        self.client.need(self.client.post(f"sessions/{session}/mark", json=body), "Marking by hand")

    def complete(self, session: int) -> None:
        self.client.need(self.client.post(f"sessions/{session}/complete"), "Completing the session")

    def register(self, session: int) -> dict[str, dict[str, Any]]:
        """The board's rows by student number."""
        board = self.client.need(self.client.get(f"sessions/{session}/board"), "Reading the board")
        return {row["code"]: row for row in board["rows"]}


class Projector:
    """Polls the board as the projector's page does, and holds what it shows now.

    Use it as a context manager; reading before the first code waits for it.
    """

    def __init__(self, client: Client, *, session: int) -> None:
        self._client, self._path = client, f"sessions/{session}/board"
        self._etag, self._version = "", ""
        self._stop, self._shown = threading.Event(), threading.Event()
        self._failure = ""
        self._thread = threading.Thread(target=self._run, name="projector", daemon=True)
        self.token, self.text, self.codes_seen = "", "", 0

    def __enter__(self) -> "Projector":
        self._thread.start()
        if not self._shown.wait(FIRST_CODE_S) or self._failure:
            self._stop.set()
            message = f"The projector shows no code: {self._failure or 'no answer'}"
            raise SimulationError(message)
        return self

    def __exit__(self, exception_type: object, *rest: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._failure and exception_type is None:
            message = f"The projector stopped: {self._failure}"
            raise SimulationError(message)

    def rest(self, until: float) -> None:
        """Wait until that moment of `time.monotonic()` while the projector goes on."""
        self._stop.wait(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._look()
                self._stop.wait(POLL_S)
        except (SimulationError, ValueError) as error:
            self._failure = str(error)
            self._shown.set()

    def _look(self) -> None:
        headers = {"If-None-Match": self._etag} if self._etag else {}
        answer = self._client.get(self._path, headers=headers, params={"since": self._version})
        if answer.status == 304:
            return
        board = self._client.need(answer, "Polling the board")
        self._version = board["version"]
        if board["code"] is None:
            return
        self.text, self.token = board["code"]["text"], read_qr(board["code"]["svg"])
        self._etag = answer.etag
        self.codes_seen += 1
        self._shown.set()

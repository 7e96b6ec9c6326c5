"""A phone of the demo class at a server that serves another campus first."""

import pytest

from apps.demo.simulation import server
from apps.demo.simulation.server import BUSY_SECONDS, Client, Timings
from tests.loopback import LoopbackServer, QuietHandler

BUSY = b'{"errors": [{"code": "busy"}]}'


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock, which goes on by sleeping alone."""
    found: list[float] = []
    monkeypatch.setattr(server.time, "sleep", found.append)
    monkeypatch.setattr(server.time, "monotonic", lambda: sum(found))
    return found


def ask(refusals: int) -> tuple[server.Answer, int]:
    """The answer of a server that refuses so often, and how often it was asked."""
    asked: list[bytes] = []

    class Busy(QuietHandler):
        def reply(self, method: str) -> None:
            asked.append(self.body())
            kind = {"Content-Type": "application/json"}
            if len(asked) <= refusals:
                self.send(503, BUSY, {**kind, "Retry-After": "2"})
            else:
                self.send(201, b"{}", kind)

    with LoopbackServer(Busy).running() as there:
        client = Client(f"http://{there.place}", campus="north", timings=Timings())
        answer = client.post("check-in", json={"evidence": "the same"})
    assert len(set(asked)) == 1
    return answer, len(asked)


def test_the_same_request_is_sent_again_after_as_long_as_it_was_told(slept: list[float]) -> None:
    answer, asked = ask(refusals=3)
    assert (answer.status, asked) == (201, 4)
    assert len(slept) == 3
    assert all(2 <= seconds <= 4 for seconds in slept)


def test_it_gives_up_after_a_minute(slept: list[float]) -> None:
    answer, _asked = ask(refusals=1000)
    assert answer.problem == "503 busy"
    assert BUSY_SECONDS < sum(slept) < BUSY_SECONDS + 4

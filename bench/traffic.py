"""Students who come and go: scan, evidence, two reads, over a connection each.

Visits begin at times that were set before, whether or not the server keeps up (an open loop): one
that falls behind is asked more and more at once, as by a real hall. A phone that is told to come
back (503 with `Retry-After`) waits so long and up to as long again, and gives up after a minute.
"""

import asyncio
import json
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from bench.check_in import PORT, Hall
from bench.load import request_bytes

READS = ("/api/v1/me", "/api/v1/me/attendance")
PATIENCE_SECONDS = 60.0
CODE_SECONDS = 5


@dataclass
class Traffic:
    """Latencies in seconds by kind of request, of answers that were no refusal.

    `counts_from`: what was asked before is left out, a time of `perf_counter`.
    """

    counts_from: float = 0.0
    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: Counter[int] = field(default_factory=Counter)
    begun: int = 0
    done: int = 0

    def percentile(self, share: float, kind: str = "") -> float:
        """In milliseconds, over all kinds unless one is named."""
        of = [kind] if kind else list(self.latencies)
        ordered = sorted(second for name in of for second in self.latencies[name])
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class GaveUp(Exception):
    """The server refused, or told the phone for a minute to come back."""


class Visits:
    """Students of one hall, in turn. `codes`: what the projector shows, by window of five seconds.

    `waits`: whether they heed `Retry-After`; the others ask again at once.
    """

    def __init__(self, hall: Hall, codes: dict[int, str], *, waits: bool = True) -> None:
        self.hall, self.codes, self.waits = hall, codes, waits
        self.traffic = Traffic()
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.until = float("inf")

    async def at_rate(self, per_second: float, seconds: float) -> None:
        """So many visits a second, each begun at its time; ends when the last one has."""
        begun = time.monotonic()
        visits = []
        for number in range(int(per_second * seconds)):
            await asyncio.sleep(max(0.0, begun + number / per_second - time.monotonic()))
            visits.append(asyncio.create_task(self.visit(number)))
        await asyncio.gather(*visits)

    async def at_once(self, connections: int, seconds: float) -> None:
        """As fast as the server answers over so many connections."""
        self.until = time.monotonic() + seconds

        async def one(first: int) -> None:
            number = first
            while time.monotonic() < self.until:
                await self.visit(number)
                number += connections

        await asyncio.gather(*(one(first) for first in range(connections)))

    async def visit(self, number: int) -> None:
        self.traffic.begun += 1
        number %= len(self.hall.tokens)
        connection = self.idle.pop() if self.idle else await _connect()
        gives_up = min(self.until, time.monotonic() + PATIENCE_SECONDS)
        try:
            token = {"token": self.codes[int(time.time() // CODE_SECONDS)]}
            body = json.dumps(token).encode()
            redeemed = await self._ask(
                connection, "redeem", self._post("/redeem", body, number), gives_up
            )
            evidence = self.hall.evidence(number, json.loads(redeemed)["ticket"])
            sent = self._post("", evidence, number)
            await self._ask(connection, "check-in", sent, gives_up)
            for path in READS:
                read = request_bytes(
                    path, b"", host=self.hall.host, headers=self.hall.auth(number), method="GET"
                )
                await self._ask(connection, "read", read, gives_up)
            self.traffic.done += 1
        except GaveUp:
            pass
        self.idle.append(connection)

    def _post(self, path: str, body: bytes, number: int) -> bytes:
        headers = self.hall.auth(number)
        address = f"/api/v1/check-in{path}"
        return request_bytes(address, body, host=self.hall.host, headers=headers)

    async def _ask(self, connection: Any, kind: str, request: bytes, gives_up: float) -> bytes:
        """The body of the answer; raises `GaveUp`."""
        reader, writer = connection
        while True:
            started = time.perf_counter()
            writer.write(request)
            status, wait, body = await _answer(reader)
            counts = started >= self.traffic.counts_from
            self.traffic.statuses[status] += counts
            if status < 400:
                if counts:
                    self.traffic.latencies[kind].append(time.perf_counter() - started)
                return body
            if status != 503 or wait is None or time.monotonic() > gives_up:
                raise GaveUp
            if self.waits:
                await asyncio.sleep(wait * random.uniform(1, 2))


async def _connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", PORT)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, float | None, bytes]:
    """Status, `Retry-After` in seconds if it is there, body."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _colon, value in pairs}
    length = int(headers.get("content-length", 0))
    wait = headers.get("retry-after")
    body = await reader.readexactly(length) if length else b""
    return int(first.split(" ", 2)[1]), float(wait) if wait else None, body

"""A small closed-loop load generator: raw HTTP/1.1 over n kept-alive connections.

Cheap on purpose, because it shares the cores with the server that it measures.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Load:
    """What came back. Latencies in seconds, in order of completion."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    answers: list[tuple[int, int, bytes]] = field(default_factory=list)  # index, status, body

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Latency in milliseconds that this share (0–1) of requests did not exceed."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def request_bytes(
    path: str, body: bytes, *, host: str, headers: dict[str, str], method: str = "POST"
) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {host}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _colon, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return status, await reader.readexactly(length) if length else b""


async def _worker(
    port: int, make: Callable[[int], bytes], numbers: "asyncio.Queue[int]", load: Load
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while not numbers.empty():
        number = numbers.get_nowait()
        started = time.perf_counter()
        writer.write(make(number))
        status, body = await _answer(reader)
        load.latencies.append(time.perf_counter() - started)
        load.answers.append((number, status, body))
    writer.close()


async def _run(port: int, make: Callable[[int], bytes], count: int, connections: int) -> Load:
    numbers: asyncio.Queue[int] = asyncio.Queue()
    for number in range(count):
        numbers.put_nowait(number)
    load = Load()
    started = time.perf_counter()
    await asyncio.gather(*(_worker(port, make, numbers, load) for _ in range(connections)))
    load.seconds = time.perf_counter() - started
    return load


def run(port: int, make: Callable[[int], bytes], *, count: int, connections: int = 64) -> Load:
    """Send `count` requests, the n-th being `make(n)`, over `connections` connections."""
    return asyncio.run(_run(port, make, count, connections))

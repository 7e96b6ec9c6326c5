"""A web server on loopback from which a feed is fetched."""

from collections.abc import Mapping

from tests.loopback import LoopbackServer, QuietHandler


class FeedServer(LoopbackServer):
    """Answers with `file`; before that with `failures`, one for each request."""

    def __init__(self) -> None:
        self.file = b""
        self.failures: list[tuple[int, bytes, dict[str, str]]] = []
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        server = self

        class Handler(QuietHandler):
            def reply(self, method: str) -> None:
                server.asked.append((self.path, dict(self.headers)))
                if server.failures:
                    self.send(*server.failures.pop(0))
                else:
                    self.send(200, server.file, {"Content-Type": "text/calendar"})

        super().__init__(Handler)

"""A pipeline that sends nothing before an answer is wanted.

psycopg's own writes each statement to the socket at once, so that a long batch overlaps with the
server's work. Of a short transaction that is a system call and a change of context for each
statement; here all of them leave in one message. Large ones do not belong here: all that is sent,
and all that is answered, is held in memory.
"""

from collections.abc import Generator
from typing import Any

from psycopg import Pipeline
from psycopg.generators import send


class GatheringPipeline(Pipeline):
    def _communicate_gen(self) -> Generator[Any, Any, None]:
        """Asked after each statement: it waits."""
        return
        yield

    def _fetch_gen(self, *, flush: bool) -> Generator[Any, Any, None]:
        """Asked for an answer: hand over to libpq what waited, then send and read as ever."""
        while self.command_queue:
            self.command_queue.popleft()()
        if not flush:  # psycopg takes it as sent by the method above
            yield from send(self.pgconn)
        yield from super()._fetch_gen(flush=flush)

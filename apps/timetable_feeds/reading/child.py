"""Reads one file in a process of its own, which may die without harm.

    python -m apps.timetable_feeds.reading.child FORMAT MEMORY SECONDS ANSWER OPTIONS < file

A crafted file can take a parser hours or gigabytes; here that ends this process and nothing else.
Answers with one line of JSON: {"rows", "troubles", "period"} or {"error", "value"}. Imports
nothing of the project but the readers beside it, and no Django.
"""

import contextlib
import json
import resource
import sys
from dataclasses import astuple
from typing import Any, Final

TOO_LARGE: Final = 3


def main() -> int:
    name, memory, seconds, longest, given = sys.argv[1:]
    with contextlib.suppress(ValueError):  # macOS knows the limit and refuses to set it
        resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answer = json.dumps(answer_to(name, sys.stdin.buffer.read(), json.loads(given)))
    if len(answer) > int(longest):
        return TOO_LARGE
    sys.stdout.write(answer)
    return 0


def answer_to(name: str, data: bytes, given: dict[str, Any]) -> dict[str, Any]:
    from apps.timetable_feeds.reading import asc, fet, ical, unitime, untis
    from apps.timetable_feeds.reading.rows import Options, Unreadable

    readers = {
        "ical": ical.read,
        "fet": fet.read,
        "asc": asc.read,
        "untis": untis.read,
        "unitime": unitime.read,
    }
    try:
        found = readers[name](data, Options.of(given))
    except Unreadable as error:
        return {"error": error.code, "value": error.value}
    return {
        "rows": [row.as_json() for row in found.rows],
        "troubles": [astuple(trouble) for trouble in found.troubles],
        "period": found.period,
    }


if __name__ == "__main__":
    sys.exit(main())

"""A file to rows, through a bounded child process; and the sentences for what is wrong in it."""

import json
import os
import subprocess
import sys
from datetime import date
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.timetable_feeds.reading.rows import FeedRow, FileRows, FileTrouble

MEMORY: Final = 1024 * 1024 * 1024  # bytes of address space
SECONDS: Final = 30
LONGEST_ANSWER: Final = 64 * 1024 * 1024
HANDED_ON: Final = ("LD_LIBRARY_PATH", "PATH", "PYTHONPATH")  # no secrets
CHILD: Final = "apps.timetable_feeds.reading.child"
TUPLES: Final = (
    *("also_called", "sections", "teachers", "rooms", "dates", "moments"),
)  # fmt: skip

UNREADABLE: Final = {
    "too_many": gettext_lazy("More than %(value)s lessons: this is no timetable of one term."),
    "xml_entities": gettext_lazy("This XML file declares entities. They are not read."),
    "no_xml": gettext_lazy("This is no XML file: %(value)s"),
    "other_xml": gettext_lazy("This is an XML file of another kind: %(value)s"),
    "no_ical": gettext_lazy("This is no iCalendar file. %(value)s"),
    "fet_without_lessons": gettext_lazy(
        "This file of FET says when and where, but not what. Take …_data_and_timetable.fet, or the "
        "timetable as CSV."
    ),
    "fet_no_csv": gettext_lazy("This is no timetable of FET: %(value)s"),
    "asc_no_cards": gettext_lazy("This file of aSc Timetables has no cards: nothing is placed."),
    "untis_no_lines": gettext_lazy("This is no GPU001.TXT: %(value)s"),
    "untis_no_lessons": gettext_lazy("This XML file of Untis has no lessons."),
}
TROUBLES: Final = {
    "not_placed": gettext_lazy("has no time yet"),
    "unknown_day": gettext_lazy("no day of the week: add it to the feed's codes"),
    "unknown_time": gettext_lazy("no time is known for this period: add it to the feed's codes"),
    "unknown_date": gettext_lazy("a date that cannot be read"),
    "no_lesson": gettext_lazy("there is no such lesson in the file"),
    "no_event": gettext_lazy("has no UID, or no start that can be read"),
    "whole_day": gettext_lazy("lasts whole days"),
    "bad_recurrence": gettext_lazy("recurs in a way that is not read"),
    "bad_length": gettext_lazy("does not end within 24 hours after it starts"),
}


class FileProblem(Exception):
    """Why nothing could be made of a file, for people."""


def read_file(name: str, data: bytes, options: dict[str, Any]) -> FileRows:
    """What a file of that format says. Raises `FileProblem`."""
    command = [
        *(sys.executable, "-m", CHILD, name),
        *map(str, (MEMORY, SECONDS, LONGEST_ANSWER)),
        json.dumps(options),
    ]
    try:
        done = subprocess.run(
            command,
            input=data,
            capture_output=True,
            timeout=2 * SECONDS,
            check=True,
            cwd=settings.BASE_DIR,
            env={name: os.environ[name] for name in HANDED_ON if name in os.environ},
        )
        answer = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError) as error:
        message = _("This file cannot be read: it is damaged, or far too much for a timetable.")
        raise FileProblem(message) from error
    if "error" in answer:
        raise FileProblem(str(UNREADABLE[answer["error"]]) % {"value": answer["value"]})
    found = FileRows(troubles=[FileTrouble(*trouble) for trouble in answer["troubles"]])
    found.rows = [_row(row) for row in answer["rows"]]
    found.period = answer["period"] and (answer["period"][0], answer["period"][1])
    return found


def _row(given: dict[str, Any]) -> FeedRow:
    """JSON knows no tuples."""
    return FeedRow(**(given | {name: tuple(given[name]) for name in TUPLES if name in given}))


def period_of(found: FileRows) -> tuple[date, date] | None:
    if found.period is None:
        return None
    first, last = map(date.fromisoformat, found.period)
    return first, last

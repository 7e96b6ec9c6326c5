"""Fetches a feed from its address, once more where that may help, and from nowhere else."""

import re
import time
from collections.abc import Callable
from typing import Final

from django.utils.translation import gettext as _

from apps.common.answers import AddressRefused, HttpAnswer, Limits, NoAnswer
from apps.common.http import HttpClient
from apps.timetable_feeds.models import TimetableFeed
from apps.timetable_feeds.reading.reader import FileProblem
from apps.timetable_feeds.selectors import LARGEST, header_value

WAITS: tuple[float, ...] = (2.0, 10.0)  # seconds before the second and the third try
TRIED_AGAIN: Final = frozenset((408, 425, 429, 500, 502, 503, 504))
HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
KEPT_BACK: Final = frozenset(("host", "content-length", "transfer-encoding", "connection"))
_client: Final = HttpClient(limits=Limits(whole=60.0, body=LARGEST))


def address_problem(url: str) -> str:
    """Why nothing is asked for there; "" where it may be."""
    try:
        _client.target(url)
    except AddressRefused as refused:
        return str(refused)
    return ""


def is_header(name: str) -> bool:
    return bool(HEADER.fullmatch(name)) and name.lower() not in KEPT_BACK


def fetch(feed: TimetableFeed, *, alive: Callable[[], None]) -> bytes:
    """The file. Raises `FileProblem`, which never repeats the header's value."""
    headers = {"Accept": "*/*"}
    if feed.header:
        value = header_value(feed)
        if not value:
            raise FileProblem(_("The header's value cannot be read. Enter it anew."))
        headers[feed.header] = value
    answer = _asked(feed.url, headers, alive)
    if answer.status != 200:
        message = _("The address answered %(status)d.")
        raise FileProblem(message % {"status": answer.status})
    return answer.body


def _asked(url: str, headers: dict[str, str], alive: Callable[[], None]) -> HttpAnswer:
    for wait in (*WAITS, None):
        alive()
        try:
            answer = _client.request("GET", url, headers=headers)
        except AddressRefused as error:
            raise FileProblem(str(error)) from error
        except NoAnswer as error:
            if wait is None:
                raise FileProblem(str(error)) from error
        else:
            if answer.status not in TRIED_AGAIN or wait is None:
                return answer
        time.sleep(wait)
    raise AssertionError

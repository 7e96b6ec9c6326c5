"""Timetable feeds: fetching and reading them, comparing, writing, and what waits for a person."""

from apps.timetable_feeds.services.feeds import code_problem, header_give
from apps.timetable_feeds.services.runs import (
    nightly_start,
    run_confirm,
    run_refuse,
    run_start,
    runs_purge,
)
from apps.timetable_feeds.services.scans import scans_match

__all__ = [
    "code_problem",
    "header_give",
    "nightly_start",
    "run_confirm",
    "run_refuse",
    "run_start",
    "runs_purge",
    "scans_match",
]

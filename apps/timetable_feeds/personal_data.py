"""Who started readings, and lecturers: by their rows in what a feed said, by name in its files and
reports."""

from datetime import datetime

from apps.audit.services import Actor
from apps.privacy.registry import (
    KnownPerson,
    PersonRows,
    add_impersonal,
    add_person_eraser,
    add_person_rows,
    of_faculty,
    of_user,
)
from apps.timetable_feeds.models import FeedCode, FeedMeeting, FeedRun, TimetableFeed

Status = FeedRun.Status


def register() -> None:
    add_person_rows(
        PersonRows(
            model=FeedMeeting,
            rows=of_faculty(),
            exported=False,  # the sessions themselves are
            because="which sessions a feed made",
        ),
        PersonRows(
            model=FeedRun,
            rows=of_user("created_by_id"),
            withheld=("result", "problems"),
            blanked={"created_by_id": None},
            because="that a feed was read",
        ),
    )
    add_impersonal("addresses of other systems, and codes of courses", TimetableFeed, FeedCode)
    add_person_eraser(erase_feed_reports)


def erase_feed_reports(*, person: KnownPerson, now: datetime, actor: Actor) -> dict[str, int]:
    """The lines of every report, and the files that wait: whom they name is not known without
    reading them."""
    done = 0
    for run in FeedRun.objects.exclude(result={}, problems=[], sealed_file=None):
        kept = {name: value for name, value in run.result.items() if name != "lines"}
        if run.problems or run.sealed_file or kept != run.result:
            run.problems, run.result, run.sealed_file = [], kept, None
            if run.status in (Status.CHECKED, Status.WAITING):
                run.status = Status.REPLACED
            run.save(update_fields=["problems", "result", "sealed_file", "status"])
            done += 1
    return {"feed_reports": done} if done else {}

"""Written reports hold everybody of a course: their files go."""

from datetime import datetime

from apps.audit.services import Actor
from apps.jobs.models import Job
from apps.privacy.registry import KnownPerson, add_person_eraser
from apps.reports.services import KINDS, exports_forget


def register() -> None:
    add_person_eraser(erase_reports)


def erase_reports(*, person: KnownPerson, now: datetime, actor: Actor) -> dict[str, int]:
    """Every report that was written; those who need one ask again."""
    gone = exports_forget(Job.objects.filter(kind__in=KINDS, result__has_key="stored_as"))
    return {"reports": gone} if gone else {}

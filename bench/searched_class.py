"""An open session whose students have templates and agreed to be searched, from labelled photos.

Imported when Django is set up.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from apps.attendance.models import Policy
from apps.audit.services import SYSTEM
from apps.biometrics.images import read_photo
from apps.biometrics.services import sample_add, sample_judge
from apps.privacy.models import Consent
from apps.privacy.selectors import wording_of
from apps.privacy.services import consent_give
from apps.sessions.models import ClassSession
from tests.factories import (
    enroll,
    make_classroom,
    make_course,
    make_faculty,
    make_session,
    make_student,
)
from tests.privacy.permission import permit_search

ENROLLED_PHOTOS = 2  # of each person


def searched_class(
    folders: Sequence[Path], *, now: datetime, policy: dict[str, Any], **permission: Any
) -> tuple[ClassSession, dict[int, str]]:
    """The session, in a classroom, and the folder's name of each student."""
    permit_search(now, **permission)
    Policy.objects.create(version=1, created_at=now, **policy)
    course = make_course(faculty=make_faculty("LECT"), classroom=make_classroom())
    version = wording_of(kind=Consent.Kind.FACE).version
    names = {}
    for number, folder in enumerate(folders):
        student = make_student(f"S{number:03}")
        names[student.pk] = folder.name
        enroll(student, course)
        consent_give(student=student, kind="face", version=version, now=now, actor=SYSTEM)
        for photo in sorted(folder.glob("*.jpg"))[:ENROLLED_PHOTOS]:
            jpeg = read_photo(photo.read_bytes()).jpeg()
            sample = sample_add(student=student, data=jpeg, actor=SYSTEM, now=now)
            sample_judge(sample_id=sample.pk, now=now)
    starts_at = now - timedelta(minutes=5)
    return make_session(course, starts_at=starts_at, status="open", opened_at=starts_at), names

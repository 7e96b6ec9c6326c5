"""What is kept of who held a session."""

from apps.privacy.registry import PersonRows, add_impersonal, add_person_rows, of_faculty
from apps.sessions.models import ClassSession, SessionCourse


def register() -> None:
    add_person_rows(
        PersonRows(
            model=ClassSession,
            rows=of_faculty(),
            withheld=("policy",),
            because="students' marks hang on it; it names nobody once the lecturer is erased",
        )
    )
    add_impersonal("courses of sessions", SessionCourse)

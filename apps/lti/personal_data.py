"""Who somebody is on a learning platform, and what it was told of their attendance."""

from apps.lti.models import LtiKey, LtiLink, LtiPerson, LtiPlatform, LtiRegistration, LtiScore
from apps.privacy.registry import PersonRows, add_impersonal, add_person_rows, of_student


def register() -> None:
    add_person_rows(
        PersonRows(model=LtiPerson, rows=of_student(), deleted=True),
        PersonRows(model=LtiScore, rows=of_student(), deleted=True),
    )
    add_impersonal(
        "learning platforms, their courses, links to register them, our keys",
        *(LtiKey, LtiLink, LtiPlatform, LtiRegistration),
    )

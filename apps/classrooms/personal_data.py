"""Nothing in here is a person's."""

from apps.classrooms.models import Beacon, Building, Classroom
from apps.privacy.registry import add_impersonal


def register() -> None:
    add_impersonal("places", Beacon, Building, Classroom)
